//! From words to a picture: text encoders, the walk with the network, the decoder; for a flow from what its encoders said. Which words are tokens, and where noise comes from, is the
//! caller's business.

use candle_core::{D, Device, Result, Tensor, bail};

use super::blocks::beside;
use super::clip::Clip;
use super::mmdit::Mmdit;
use super::unet::{Beside, UNet};
use super::vae::Vae;
use crate::generation::scheduler::Walk;

/// The parts of a Stable Diffusion model: XL where there is a second encoder.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub unet: UNet,
    pub vae: Vae,
    pub encoder: Clip,
    pub second: Option<Clip>,
}

/// What the network is told of a prompt.
#[derive(Debug, Clone)]
pub(super) struct Told {
    words: Tensor,
    pooled: Option<Tensor>,
}

/// A walk's way with the words.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    /// What is wanted.
    pub told: &'a Told,
    /// What is not; with it each step asks twice, in one batch.
    pub avoid: Option<&'a Told>,
    /// How far to go from the one to the other (Ho and Salimans 2022, equation 6, as w + 1).
    pub guidance: f64,
}

impl Pipeline {
    /// What the network is told of prompts, as the ids of each encoder's tokens.
    pub(super) fn tell(&self, ids: &[Vec<u32>], second: &[Vec<u32>]) -> Result<Told> {
        let first = self.encoder.encode(ids)?;
        match &self.second {
            None => Ok(Told { words: first.last, pooled: None }),
            Some(encoder) => {
                let other = encoder.encode(second)?;
                Ok(Told { words: beside(&first.before_last, &other.before_last)?, pooled: Some(other.pooled) })
            }
        }
    }

    /// Walks from `latents` (batch × height × width × channels, of variance 1) to those of a picture. `noise` gives fresh noise where the walk adds
    /// some; `on_step` is called after each step and says whether to go on. `None` when it said no.
    pub(super) fn walk(
        &self,
        walk: &mut Walk,
        latents: &Tensor,
        asked: &Asked<'_>,
        noise: &mut dyn FnMut(usize) -> Vec<f32>,
        on_step: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<Tensor>> {
        let (batch, high, wide, channels) = latents.dims4()?;
        let [inputs, outputs] = self.unet.channels();
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
        let count = if twice { 2 * batch } else { batch };
        let factor = self.vae.factor() as f32;
        let size = [high as f32 * factor, wide as f32 * factor];
        // Original size, no crop, target size: what XL is told of a picture that is as large as it is wanted.
        let more = with(&|told| told.pooled.clone())?
            .map(|pooled| Beside { pooled, sizes: vec![[size[0], size[1], 0.0, 0.0, size[0], size[1]]; count] });
        let first = walk.first_scale();
        let mut x: Vec<f32> =
            latents.flatten_all()?.to_vec1::<f32>()?.into_iter().map(|x| (f64::from(x) * first) as f32).collect();
        for i in 0..walk.times().len() {
            let shown = Tensor::from_vec(walk.scale_input(i, &x), latents.shape(), &Device::Cpu)?;
            let shown = if twice { Tensor::cat(&[&shown, &shown], 0)? } else { shown };
            let times = vec![walk.times()[i] as f32; count];
            let said = self.unet.apply(&shown, &times, &words, more.as_ref())?.flatten_all()?.to_vec1::<f32>()?;
            let said = if twice { guided(&said, x.len(), asked.guidance) } else { said };
            x = walk.step(i, &said, &x, &mut || noise(i));
            if !on_step(i) {
                return Ok(None);
            }
        }
        Tensor::from_vec(x, latents.shape(), &Device::Cpu).map(Some)
    }

    /// Latents at the end of a walk → pictures, −1 to 1.
    pub(super) fn picture(&self, latents: &Tensor) -> Result<Tensor> {
        picture(&self.vae, latents)
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

/// Walks on a flow from `latents` (batch × height × width × channels, of variance 1) to those of a picture, with guidance: `told` and `avoid` are words and
/// pooled words of what is wanted and of what is not.
pub(super) fn flow(
    network: &Mmdit,
    walk: &mut Walk,
    latents: &Tensor,
    [told, avoid]: [&(Tensor, Tensor); 2],
    guidance: f64,
) -> Result<Tensor> {
    let batch = latents.dim(0)?;
    let words = Tensor::cat(&[&avoid.0, &told.0], 0)?;
    let pooled = Tensor::cat(&[&avoid.1, &told.1], 0)?;
    let mut x: Vec<f32> = latents.flatten_all()?.to_vec1()?;
    for i in 0..walk.times().len() {
        let shown = Tensor::from_slice(&x, latents.shape(), &Device::Cpu)?;
        let times = vec![walk.times()[i] as f32; 2 * batch];
        let said = network.apply(&Tensor::cat(&[&shown, &shown], 0)?, &times, &words, &pooled)?;
        let said = guided(&said.flatten_all()?.to_vec1()?, x.len(), guidance);
        x = walk.step(i, &said, &x, &mut || vec![0.0; latents.elem_count()]);
    }
    Tensor::from_vec(x, latents.shape(), &Device::Cpu)
}

/// From what is not wanted towards what is, `guidance` times as far.
fn guided(said: &[f32], n: usize, guidance: f64) -> Vec<f32> {
    let (avoid, told) = said.split_at(n);
    let guide = |(a, t): (&f32, &f32)| (f64::from(*a) + guidance * (f64::from(*t) - f64::from(*a))) as f32;
    avoid.iter().zip(told).map(guide).collect()
}
