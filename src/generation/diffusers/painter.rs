//! Draws with a model in a folder. Its parts are loaded when they are wanted; which of them stay, the [`Stock`](super::super::Stock) decides, for
//! all models together.

use std::collections::VecDeque;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use colophon_ops::Precision;

use super::folder::{Folder, INDEX};
use super::lora::Lora;
use super::model::{Family, FolderModel, schedule};
use super::parts::{Way, bytes, clip, mmdit, unet, vae};
use super::pipeline::{Asked, Begun, Network, Told, latents_of, picture, picture_in_tiles, skipped};
use super::tensors::Onto;
use super::tokens::Tokens;
use super::vae::Vae;
use crate::generation::backend::{BackendError, Flow, Picture, Step};
use crate::generation::noise;
use crate::generation::request::{Adapter, DrawRequest, Invalid};
use crate::generation::scheduler::{Method, Sampler, ScheduleConfig, Walk};
use crate::generation::weights::{Loaded, first_line};
use crate::id::ModelId;

/// Prompts whose words are remembered.
const REMEMBERED: usize = 16;
/// Previews of one drawing, at most.
const PREVIEWS: usize = 5;
/// Latents of a preview's longer side.
const PREVIEW: usize = 16;
/// Latents of a picture that is decoded whole: 1024 × 1024 pixels where a latent has eight.
const WHOLE: usize = 128 * 128;

/// A part of a model that takes memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::generation) enum Part {
    /// The first text encoder.
    Encoder,
    /// The second.
    Second,
    /// The network.
    Network,
    /// The autoencoder.
    Decoder,
}

/// Which adapter, and how much of it: its id and the bits of its strength.
type Added = Option<(ModelId, u32)>;

/// What was said of a prompt and of what to avoid, with which adapter.
struct Remembered {
    prompt: String,
    negative: Option<String>,
    added: Added,
    told: Told,
    avoid: Option<Told>,
}

/// Draws with one model.
pub(in crate::generation) struct Painter {
    model: Arc<FolderModel>,
    device: Device,
    folder: Folder,
    family: Family,
    schedule: ScheduleConfig,
    tokens: Vec<Tokens>,
    remembered: VecDeque<Remembered>,
    lora: Option<(ModelId, Arc<Lora>)>,
    network: Option<(Added, Network)>,
    decoder: Option<Vae>,
}

/// An error of the computation.
fn failed(e: candle_core::Error) -> BackendError {
    BackendError::Failed(first_line(&e))
}

impl Painter {
    /// Reads everything but the weights.
    pub(in crate::generation) fn open(model: &Arc<FolderModel>, device: &Device) -> Loaded<Self> {
        let folder = Folder::open_checked(&model.folder, model.files.clone())?;
        let family = Family::of(&folder, &model.folder.join(INDEX))?;
        let read = |part: &&&str| part.starts_with("tokenizer");
        let tokens = family.parts().iter().filter(read).map(|part| Tokens::read(&folder, part)).collect::<Loaded<_>>()?;
        let schedule = schedule(&folder)?;
        Ok(Self {
            model: Arc::clone(model),
            device: device.clone(),
            folder,
            family,
            schedule,
            tokens,
            remembered: VecDeque::new(),
            lora: None,
            network: None,
            decoder: None,
        })
    }

    /// The model.
    pub(in crate::generation) fn model(&self) -> &Arc<FolderModel> {
        &self.model
    }

    fn folder_of(&self, part: Part) -> &'static str {
        match part {
            Part::Encoder => "text_encoder",
            Part::Second => "text_encoder_2",
            Part::Network => self.family.network(),
            Part::Decoder => "vae",
        }
    }

    /// Where a part goes. On a device networks and encoders keep the number type of their files; the decoder, which in f16 overflows, is f32.
    fn onto(&self, part: Part) -> Onto {
        match self.device.is_cpu() {
            true => Onto::processor(Precision::Split),
            false => Onto { device: self.device.clone(), precision: Precision::Composed, whole: part == Part::Decoder },
        }
    }

    /// Bytes that a part takes when it is loaded.
    pub(in crate::generation) fn bytes(&self, part: Part) -> Loaded<u64> {
        bytes(&self.folder, self.folder_of(part), &self.onto(part))
    }

    /// Whether a part lies in memory as the request wants it.
    pub(in crate::generation) fn holds(&self, part: Part, request: &DrawRequest) -> bool {
        match part {
            Part::Encoder | Part::Second => false,
            Part::Network => self.network.as_ref().is_some_and(|(added, _)| *added == added_by(request)),
            Part::Decoder => self.decoder.is_some(),
        }
    }

    /// Lets go of a part.
    pub(in crate::generation) fn drop_part(&mut self, part: Part) {
        match part {
            Part::Encoder | Part::Second => {}
            Part::Network => self.network = None,
            Part::Decoder => self.decoder = None,
        }
    }

    /// Reads the adapter that a request names, unless it is the one at hand.
    fn read_adapter(&mut self, adapter: Option<&Adapter>) -> Loaded<()> {
        match adapter {
            None => self.lora = None,
            Some(adapter) if self.lora.as_ref().is_some_and(|(id, _)| *id == adapter.model) => {}
            Some(adapter) => {
                let lora = Lora::read(&adapter.model.to_string(), &adapter.weights)?;
                lora.fits(&self.folder)?;
                self.lora = Some((adapter.model, Arc::new(lora)));
            }
        }
        Ok(())
    }

    /// Loads network or decoder.
    pub(in crate::generation) fn load(&mut self, part: Part, request: &DrawRequest) -> Loaded<()> {
        self.read_adapter(request.adapter.as_ref())?;
        let lora = self.lora.as_ref().map(|(_, lora)| Arc::clone(lora));
        let strength = request.adapter.as_ref().map_or(1.0, |a| a.strength);
        let way = Way { onto: self.onto(part), lora: lora.as_deref().map(|lora| (lora, strength)) };
        match part {
            Part::Encoder | Part::Second => {}
            Part::Network => {
                self.network = None;
                let made = match self.family {
                    Family::StableDiffusion | Family::Xl => Network::UNet(Box::new(unet(&self.folder, &way)?.0)),
                    Family::Flow => Network::Flow(Box::new(mmdit(&self.folder, &way)?.0)),
                };
                self.network = Some((added_by(request), made));
            }
            Part::Decoder => self.decoder = Some(vae(&self.folder, &Way { lora: None, ..way })?.0),
        }
        Ok(())
    }

    /// The text encoders that must be asked for a request, each loaded and dropped by itself; none when its words are remembered.
    pub(in crate::generation) fn encoders(&self, request: &DrawRequest) -> &'static [Part] {
        match (self.recall(request), self.family) {
            (Some(_), _) => &[],
            (None, Family::StableDiffusion) => &[Part::Encoder],
            (None, Family::Xl | Family::Flow) => &[Part::Encoder, Part::Second],
        }
    }

    fn recall(&self, request: &DrawRequest) -> Option<&Remembered> {
        let (negative, added) = (negative(request), added_by(request));
        self.remembered.iter().find(|r| r.prompt == request.prompt && r.negative.as_deref() == negative && r.added == added)
    }

    /// Turns a request's words into tokens: what the encoders are asked, one after the other.
    pub(in crate::generation) fn tell(&mut self, request: &DrawRequest) -> Result<Teller, BackendError> {
        self.read_adapter(request.adapter.as_ref())?;
        let negative = negative(request);
        let mut texts = vec![request.prompt.as_str()];
        texts.extend(negative);
        let mut ids = Vec::with_capacity(self.tokens.len());
        for tokens in &self.tokens {
            let mut rows = Vec::with_capacity(texts.len());
            for text in &texts {
                let (row, cut) = tokens.encode(text, Tokens::LENGTH).map_err(BackendError::Failed)?;
                if cut > 0 {
                    let most = Tokens::LENGTH - 2;
                    return Err(Invalid::Tokens { given: most + cut, most }.into());
                }
                rows.push(row);
            }
            ids.push(rows);
        }
        Ok(Teller { ids, said: Vec::new() })
    }

    /// Asks one encoder.
    pub(in crate::generation) fn ask(&self, part: Part, teller: &mut Teller, request: &DrawRequest) -> Result<(), BackendError> {
        let lora = self.lora.as_ref().map(|(_, lora)| Arc::clone(lora));
        let strength = request.adapter.as_ref().map_or(1.0, |a| a.strength);
        let way = Way { onto: self.onto(part), lora: lora.as_deref().map(|lora| (lora, strength)) };
        let (encoder, _) = clip(&self.folder, self.folder_of(part), &way)?;
        let rows = teller.ids.get(teller.said.len()).map(Vec::as_slice).unwrap_or_default();
        teller.said.push(encoder.encode(rows).map_err(failed)?);
        Ok(())
    }

    /// Keeps what all encoders said.
    pub(in crate::generation) fn remember(&mut self, teller: &Teller, request: &DrawRequest) -> Result<(), BackendError> {
        let joint = match self.family {
            Family::Flow => self.joint_width()?,
            Family::StableDiffusion | Family::Xl => 0,
        };
        let one = |n: usize| -> candle_core::Result<Told> {
            let rows = teller.said.iter().map(|said| said.row(n)).collect::<candle_core::Result<Vec<_>>>()?;
            match (self.family, rows.as_slice()) {
                (Family::StableDiffusion, [first]) => Told::of(first, None),
                (Family::Xl, [first, second]) => Told::of(first, Some(second)),
                (Family::Flow, [first, second]) => Told::joint(first, second, joint),
                _ => candle_core::bail!("{} encoders spoke", rows.len()),
            }
        };
        let told = one(0).map_err(failed)?;
        let negative = negative(request).map(str::to_owned);
        let avoid = match negative.as_deref() {
            None => None,
            // XL was trained to be told nothing as zeros, not as the empty prompt.
            Some("") if self.folder.zeros => Some(told.zeros().map_err(failed)?),
            Some(_) => Some(one(1).map_err(failed)?),
        };
        self.remembered.truncate(REMEMBERED - 1);
        self.remembered.push_front(Remembered {
            prompt: request.prompt.clone(),
            negative,
            added: added_by(request),
            told,
            avoid,
        });
        Ok(())
    }

    fn joint_width(&self) -> Loaded<usize> {
        let config = self.folder.config::<super::mmdit::MmditConfig>("transformer", "config.json")?;
        Ok(config.read.joint_attention_dim)
    }

    /// The latents of the picture that is given, if one is. The decoder must be loaded: the encoder is its other half.
    pub(in crate::generation) fn begun_from(&self, request: &DrawRequest) -> Result<Option<Begun>, BackendError> {
        let Some((given, rgb)) = request.given.as_ref().and_then(|given| Some((given, given.picture.as_ref()?))) else {
            return Ok(None);
        };
        let decoder = self.decoder.as_ref().ok_or_else(|| BackendError::Failed("the encoder is not loaded".to_owned()))?;
        let (high, wide, factor) = (request.height as usize, request.width as usize, decoder.factor());
        if high * wide > WHOLE * factor * factor {
            return Err(BackendError::Failed("pictures above 1024×1024 can't be begun from: choose a smaller part".to_owned()));
        }
        let numbers: Vec<f32> = rgb.iter().map(|x| f32::from(*x) / 127.5 - 1.0).collect();
        let numbers = Tensor::from_vec(numbers, (1, high, wide, 3), &Device::Cpu).map_err(failed)?;
        let latents = latents_of(decoder, &numbers).map_err(failed)?;
        let channels = latents.dim(3).map_err(failed)?;
        // A latent is drawn as soon as one of its pixels is.
        let drawn = given.mask.as_ref().map(|mask| {
            let (across, down) = (wide / factor, high / factor);
            let covered = |y: usize, x: usize| {
                (0..factor * factor).any(|i| mask[(y * factor + i / factor) * wide + x * factor + i % factor] >= 128)
            };
            (0..across * down).flat_map(|at| vec![covered(at / across, at % across); channels]).collect()
        });
        let skipped = skipped(usize::from(request.steps), given.strength);
        let latents = latents.flatten_all().and_then(|t| t.to_vec1()).map_err(failed)?;
        Ok(Some(Begun { latents, drawn, skipped }))
    }

    /// Walks from noise to latents, or from what was begun. Network, and for previews the decoder, must be loaded.
    pub(in crate::generation) fn walk(
        &self,
        request: &DrawRequest,
        begun: Option<&Begun>,
        on_step: &mut dyn FnMut(Step) -> Flow,
    ) -> Result<Tensor, BackendError> {
        let missing = |what: &str| BackendError::Failed(format!("{what} is not loaded"));
        let words = self.recall(request).ok_or_else(|| missing("what the words mean"))?;
        let (_, network) = self.network.as_ref().ok_or_else(|| missing("the network"))?;
        let factor = self.factor()?;
        let [channels, _] = network.channels();
        let (high, wide) = (request.height as usize / factor, request.width as usize / factor);
        let n = high * wide * channels;
        let latents =
            Tensor::from_vec(noise::normal(request.seed, n), (1, high, wide, channels), &Device::Cpu).map_err(failed)?;
        let sampler = request.sampler.or_else(|| self.model.offer.samplers.first().copied());
        let sampler = sampler.unwrap_or(Sampler { method: Method::DpmSolver, karras: false });
        let schedule = ScheduleConfig { use_karras_sigmas: sampler.karras, ..self.schedule.clone() };
        let mut walk =
            Walk::new(sampler.method, &schedule, usize::from(request.steps)).map_err(|e| BackendError::Failed(e.to_string()))?;
        let of = walk.times().len();
        let asked = Asked {
            told: &words.told,
            avoid: words.avoid.as_ref().filter(|_| guided(request)),
            guidance: f64::from(request.guidance),
        };
        let each = of.div_ceil(PREVIEWS).max(2);
        let walked = network
            .walk(&mut walk, &latents, begun, factor, &asked, &mut |i| noise::fresh(request.seed, i, n), &mut |step, guess| {
                let shown = step > 0 && step % each == 0;
                let preview = shown.then(guess).flatten().and_then(|x| self.preview(&x, [high, wide, channels]));
                on_step(Step { step, of, preview }) == Flow::Continue
            })
            .map_err(failed)?;
        walked.ok_or(BackendError::Cancelled)
    }

    fn factor(&self) -> Loaded<usize> {
        if let Some(decoder) = &self.decoder {
            return Ok(decoder.factor());
        }
        let config = self.folder.config::<super::vae::VaeConfig>("vae", "config.json")?;
        Ok(1 << config.read.block_out_channels.len().saturating_sub(1))
    }

    /// What latents look like, small: averaged to few and decoded. None where the decoder is not at hand.
    fn preview(&self, latents: &[f32], [high, wide, channels]: [usize; 3]) -> Option<Picture> {
        let decoder = self.decoder.as_ref()?;
        let by = high.max(wide).div_ceil(PREVIEW);
        let (h, w) = (high / by, wide / by);
        let mut small = vec![0f32; h * w * channels];
        for y in 0..h * by {
            for x in 0..w * by {
                let from = &latents[(y * wide + x) * channels..][..channels];
                let to = &mut small[(y / by * w + x / by) * channels..][..channels];
                to.iter_mut().zip(from).for_each(|(to, from)| *to += from / (by * by) as f32);
            }
        }
        let small = Tensor::from_vec(small, (1, h, w, channels), &Device::Cpu).ok()?;
        to_picture(&picture(decoder, &small).ok()?).ok()
    }

    /// Latents → picture. The decoder must be loaded.
    pub(in crate::generation) fn decode(&self, latents: &Tensor, request: &DrawRequest) -> Result<Picture, BackendError> {
        let decoder = self.decoder.as_ref().ok_or_else(|| BackendError::Failed("the decoder is not loaded".to_owned()))?;
        let (_, high, wide, _) = latents.dims4().map_err(failed)?;
        let whole = high * wide <= WHOLE;
        let decoded = if whole { picture(decoder, latents) } else { picture_in_tiles(decoder, latents) };
        let mut picture = to_picture(&decoded.map_err(failed)?)?;
        if let Some(given) = &request.given {
            given.keep(&mut picture.rgb);
        }
        Ok(picture)
    }
}

/// What the encoders are asked, and what they said so far.
pub(in crate::generation) struct Teller {
    /// For each encoder the tokens of the prompt and, where there is one, of what to avoid.
    ids: Vec<Vec<Vec<u32>>>,
    said: Vec<super::clip::Encoded>,
}

/// Whether a request is drawn with guidance: at 1 and below the words alone are followed.
fn guided(request: &DrawRequest) -> bool {
    request.guidance > 1.0
}

/// What is told as not wanted: none without guidance, the empty prompt where nothing is named.
fn negative(request: &DrawRequest) -> Option<&str> {
    guided(request).then(|| request.negative.trim())
}

fn added_by(request: &DrawRequest) -> Added {
    request.adapter.as_ref().map(|a| (a.model, a.strength.to_bits()))
}

/// Numbers from −1 to 1 → bytes.
fn to_picture(decoded: &Tensor) -> Result<Picture, BackendError> {
    let (_, high, wide, _) = decoded.dims4().map_err(failed)?;
    let numbers: Vec<f32> = decoded.flatten_all().and_then(|t| t.to_vec1()).map_err(failed)?;
    if numbers.iter().any(|x| !x.is_finite()) {
        return Err(BackendError::Failed("the result is not a number".into()));
    }
    let rgb = numbers.iter().map(|x| ((x / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round() as u8).collect();
    let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(Picture { rgb, width: size(wide), height: size(high) })
}
