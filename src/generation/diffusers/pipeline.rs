//! From words to a picture: what the encoders say, the walk with the network, the decoder. Which words are tokens, and where noise comes from, is the
//! caller's business.

use candle_core::{D, Device, Result, Tensor, bail};

use super::blocks::beside;
use super::clip::Encoded;
use super::mmdit::Mmdit;
use super::unet::{Beside, UNet};
use super::vae::Vae;
use crate::generation::scheduler::Walk;

/// What a network is told of a prompt.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// batch × tokens × width.
    pub words: Tensor,
    /// batch × width; XL and flows.
    pub pooled: Option<Tensor>,
}

/// Tokens of a flow's third encoder, for which zeros stand: as many as diffusers reads (`max_sequence_length`).
pub(super) const THIRD: usize = 256;

impl Told {
    /// By one encoder, or by two (XL).
    pub(super) fn of(first: &Encoded, second: Option<&Encoded>) -> Result<Self> {
        Ok(match second {
            None => Self { words: first.last.clone(), pooled: None },
            Some(other) => Self { words: beside(&first.before_last, &other.before_last)?, pooled: Some(other.pooled.clone()) },
        })
    }

    /// For a flow (Stable Diffusion 3): both encoders one after the other, filled up with zeros to the joint width, and zeros for the
    /// tokens of a third encoder that is left out, as diffusers and the paper do (Esser et al. 2024, section 5.2.3).
    pub(super) fn joint(first: &Encoded, second: &Encoded, joint: usize) -> Result<Self> {
        let both = beside(&first.before_last, &second.before_last)?;
        let (batch, tokens, width) = both.dims3()?;
        let Some(rest) = joint.checked_sub(width) else { bail!("encoders of {width} numbers for a joint width of {joint}") };
        let zeros = |tokens: usize, width: usize| Tensor::zeros((batch, tokens, width), both.dtype(), both.device());
        let filled = if rest > 0 { beside(&both, &zeros(tokens, rest)?)? } else { both.clone() };
        let words = Tensor::cat(&[&filled, &zeros(THIRD, joint)?], 1)?;
        Ok(Self { words, pooled: Some(beside(&first.pooled, &second.pooled)?) })
    }

    /// Nothing but zeros, of the same shapes.
    pub(super) fn zeros(&self) -> Result<Self> {
        Ok(Self { words: self.words.zeros_like()?, pooled: self.pooled.as_ref().map(Tensor::zeros_like).transpose()? })
    }
}

/// What is asked of a network.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    /// What is wanted.
    pub told: &'a Told,
    /// What is not; with it each step asks twice, in one batch.
    pub avoid: Option<&'a Told>,
    /// How far to go from the one to the other (Ho and Salimans 2022, equation 6, as w + 1).
    pub guidance: f64,
}

/// The network of a model.
#[derive(Debug)]
pub(super) enum Network {
    /// Stable Diffusion 1.5, 2.1 and XL.
    UNet(Box<UNet>),
    /// Stable Diffusion 3 and 3.5.
    Flow(Box<Mmdit>),
}

/// A picture to begin from, or to keep in part: latents in the order of those walked with.
#[derive(Debug)]
pub(in crate::generation) struct Begun {
    /// Of the picture.
    pub latents: Vec<f32>,
    /// For each number of the latents whether it is drawn; the others stay those of the picture. All are drawn without one.
    pub drawn: Option<Vec<bool>>,
    /// Steps that are left out, since the picture stands for what they would have drawn.
    pub skipped: usize,
}

impl Begun {
    /// Puts the picture back where it stays, under the noise of step `i`; after the last step under none.
    fn keep(&self, walk: &Walk, i: usize, noise: &[f32], x: &mut [f32]) {
        let Some(drawn) = &self.drawn else { return };
        let [n, p] = if i < walk.times().len() { walk.shares(i) } else { [0.0, 1.0] };
        for (((x, drawn), picture), noise) in x.iter_mut().zip(drawn).zip(&self.latents).zip(noise) {
            if !drawn {
                *x = (n * f64::from(*noise) + p * f64::from(*picture)) as f32;
            }
        }
    }
}

/// How many of a walk's steps a picture stands for, so that `strength` of them are left (SDEdit, Meng et al. 2021): at least one is.
pub(super) fn skipped(steps: usize, strength: f32) -> usize {
    // By its decimal text: 0.7 of ten steps are seven.
    let strength: f64 = strength.to_string().parse().unwrap_or(f64::from(strength));
    let left = (steps as f64 * strength).floor().max(1.0) as usize;
    steps.saturating_sub(left)
}

/// Where a walk stands before a step: the step, and the latents that the network saw behind the noise in the last one.
pub(super) type Before<'a> = &'a mut dyn FnMut(usize, &dyn Fn() -> Option<Vec<f32>>) -> bool;

impl Network {
    /// Channels of a latent, in and out.
    pub(super) fn channels(&self) -> [usize; 2] {
        match self {
            Self::UNet(network) => network.channels(),
            Self::Flow(network) => network.channels(),
        }
    }

    /// Walks from `latents` (batch × height × width × channels, of variance 1) to those of a picture, of which a latent is `factor` pixels wide.
    /// `noise` gives fresh noise where the walk adds some; `before` is called before each step and says whether to go on. `None` when it said no.
    #[expect(clippy::too_many_arguments, reason = "all that a walk depends on")]
    pub(super) fn walk(
        &self,
        walk: &mut Walk,
        latents: &Tensor,
        begun: Option<&Begun>,
        factor: usize,
        asked: &Asked<'_>,
        noise: &mut dyn FnMut(usize) -> Vec<f32>,
        before: Before<'_>,
    ) -> Result<Option<Tensor>> {
        let (batch, high, wide, channels) = latents.dims4()?;
        let [inputs, outputs] = self.channels();
        if channels != inputs || channels != outputs {
            bail!("latents of {channels} channels for a network of {inputs} and {outputs}");
        }
        let twice = asked.avoid.is_some();
        let with = |pick: &dyn Fn(&Told) -> Option<Tensor>| -> Result<Option<Tensor>> {
            match (asked.avoid.map(pick), pick(asked.told)) {
                (Some(Some(avoid)), Some(told)) => Tensor::cat(&[avoid, told], 0).map(Some),
                (None, told) => Ok(told),
                _ => Ok(None),
            }
        };
        let Some(words) = with(&|told| Some(told.words.clone()))? else { bail!("there are no words") };
        let pooled = with(&|told| told.pooled.clone())?;
        let count = if twice { 2 * batch } else { batch };
        let size = [(high * factor) as f32, (wide * factor) as f32];
        let first = walk.first_scale();
        let fresh = latents.flatten_all()?.to_vec1::<f32>()?;
        if begun.is_some_and(|begun| begun.latents.len() != fresh.len()) {
            bail!("the picture to begin from has other latents than the one to draw");
        }
        let from = begun.map_or(0, |begun| begun.skipped.min(walk.times().len() - 1));
        let mut x: Vec<f32> = match begun.filter(|_| from > 0) {
            Some(begun) => {
                let [n, p] = walk.shares(from);
                let mix = |(noise, picture): (&f32, &f32)| (n * f64::from(*noise) + p * f64::from(*picture)) as f32;
                fresh.iter().zip(&begun.latents).map(mix).collect()
            }
            None => fresh.iter().map(|x| (f64::from(*x) * first) as f32).collect(),
        };
        let mut seen: Option<(usize, Vec<f32>, Vec<f32>)> = None;
        for i in from..walk.times().len() {
            if let Some(begun) = begun {
                begun.keep(walk, i, &fresh, &mut x);
            }
            let guess = || seen.as_ref().map(|(i, said, x)| walk.guess(*i, said, x));
            if !before(i, &guess) {
                return Ok(None);
            }
            let shown = Tensor::from_vec(walk.scale_input(i, &x), latents.shape(), &Device::Cpu)?;
            let shown = if twice { Tensor::cat(&[&shown, &shown], 0)? } else { shown };
            let times = vec![walk.times()[i] as f32; count];
            let said = match (self, &pooled) {
                (Self::UNet(network), pooled) => {
                    // Original size, no crop, target size: what XL is told of a picture that is as large as it is wanted.
                    let sizes = vec![[size[0], size[1], 0.0, 0.0, size[0], size[1]]; count];
                    let more = pooled.as_ref().map(|pooled| Beside { pooled: pooled.clone(), sizes });
                    network.apply(&shown, &times, &words, more.as_ref())?
                }
                (Self::Flow(network), Some(pooled)) => network.apply(&shown, &times, &words, pooled)?,
                (Self::Flow(_), None) => bail!("this network wants pooled words"),
            };
            let said = said.flatten_all()?.to_vec1::<f32>()?;
            let said = if twice { guided(&said, x.len(), asked.guidance) } else { said };
            let next = walk.step(i, &said, &x, &mut || noise(i));
            seen = Some((i, said, std::mem::replace(&mut x, next)));
        }
        if let Some(begun) = begun {
            begun.keep(walk, walk.times().len(), &fresh, &mut x);
        }
        Tensor::from_vec(x, latents.shape(), &Device::Cpu).map(Some)
    }
}

/// Latents at the end of a walk → pictures, −1 to 1.
pub(super) fn picture(vae: &Vae, latents: &Tensor) -> Result<Tensor> {
    let [factor, shift] = vae.scaling();
    let picture = vae.decode(&latents.affine(1.0 / factor, shift)?)?;
    if picture.dim(D::Minus1)? != 3 {
        bail!("pictures of {:?}, where three colours were expected", picture.dims());
    }
    Ok(picture)
}

/// Pictures, −1 to 1 → latents of variance 1: the mean of what the encoder sees.
pub(super) fn latents_of(vae: &Vae, pictures: &Tensor) -> Result<Tensor> {
    let [factor, shift] = vae.scaling();
    let said = vae.encode(pictures)?;
    let channels = said.dim(D::Minus1)? / 2;
    said.narrow(D::Minus1, 0, channels)?.affine(factor, -shift * factor)
}

/// Latents of one side of a tile.
const TILE: usize = 96;
/// Latents that two tiles share.
const SHARED: usize = 24;

/// The same for one picture in tiles, so that memory does not grow with it. Tiles run into one another along a straight ramp; since each is
/// normalised by itself, the result is near, not equal, to the whole picture's.
pub(super) fn picture_in_tiles(vae: &Vae, latents: &Tensor) -> Result<Tensor> {
    let (_, high, wide, _) = latents.dims4()?;
    let factor = vae.factor();
    let starts = |n: usize| -> Vec<usize> {
        let last = n.saturating_sub(TILE);
        (0..).map(|i| i * (TILE - SHARED)).take_while(|&at| at < last).chain([last]).collect()
    };
    let (tall, broad) = (high * factor, wide * factor);
    let (mut sum, mut weights) = (vec![0f32; tall * broad * 3], vec![0f32; tall * broad]);
    // From the edge of a tile to where it counts whole; at the picture's edges it counts whole at once.
    let ramp = |at: usize, n: usize, first: bool, last: bool| {
        let most = SHARED * factor;
        let rise = if first { most } else { at + 1 };
        let fall = if last { most } else { n - at };
        rise.min(fall).min(most) as f32 / most as f32
    };
    for &top in &starts(high) {
        for &left in &starts(wide) {
            let (h, w) = (TILE.min(high), TILE.min(wide));
            let tile = latents.narrow(1, top, h)?.narrow(2, left, w)?.contiguous()?;
            let pixels = picture(vae, &tile)?.flatten_all()?.to_vec1::<f32>()?;
            let (th, tw) = (h * factor, w * factor);
            for y in 0..th {
                let down = ramp(y, th, top == 0, top + h == high);
                for x in 0..tw {
                    let weight = down * ramp(x, tw, left == 0, left + w == wide);
                    let at = (top * factor + y) * broad + left * factor + x;
                    weights[at] += weight;
                    for c in 0..3 {
                        sum[at * 3 + c] += weight * pixels[(y * tw + x) * 3 + c];
                    }
                }
            }
        }
    }
    sum.chunks_exact_mut(3).zip(&weights).for_each(|(pixel, weight)| pixel.iter_mut().for_each(|x| *x /= weight));
    Tensor::from_vec(sum, (1, tall, broad, 3), &Device::Cpu)
}

/// From what is not wanted towards what is, `guidance` times as far.
fn guided(said: &[f32], n: usize, guidance: f64) -> Vec<f32> {
    let (avoid, told) = said.split_at(n);
    let guide = |(a, t): (&f32, &f32)| (f64::from(*a) + guidance * (f64::from(*t) - f64::from(*a))) as f32;
    avoid.iter().zip(told).map(guide).collect()
}
