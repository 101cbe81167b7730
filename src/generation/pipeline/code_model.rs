//! The first embedded model. Prompt and works → picture: Euler steps along the flow, with classifier-free guidance (Ho and Salimans 2022), begun from the first work
//! under noise (SDEdit, Meng et al. 2021).

use candle_core::{Result, Tensor};

use super::PREVIEW_EVERY;
use crate::generation::backend::{Flow, Picture, Step};
use crate::generation::config::CodeSizes;
use crate::generation::dit::{Condition, FlowTransformer};
use crate::generation::noise;
use crate::generation::request::DrawRequest;
use crate::generation::scheduler::{GUIDED_UNTIL, euler};
use crate::generation::text::{NULL, PAD, Vocab};
use crate::generation::vae::{Autoencoder, to_bytes};
use crate::generation::weights::{Loaded, Weights};

/// The first embedded model, loaded.
#[derive(Debug)]
pub(super) struct CodeModel {
    pub vocab: Vocab,
    sizes: CodeSizes,
    pub transformer: FlowTransformer,
    pub autoencoder: Autoencoder,
}

/// One walk from noise to a code.
pub(super) struct Walk<'a> {
    /// The prompt with its works.
    pub condition: &'a Condition,
    /// The code of the first work.
    pub first: Option<&'a Tensor>,
    /// Patches × code numbers.
    pub noise: Tensor,
    /// As in the request.
    pub steps: u16,
    /// As in the request.
    pub guidance: f64,
    /// As in the request.
    pub start: f32,
}

impl CodeModel {
    /// Reads and checks all weights.
    pub(super) fn load(weights: &mut Weights, sizes: CodeSizes, vocab: Vocab) -> Loaded<Self> {
        let transformer = FlowTransformer::load(weights, &sizes, vocab.len())?;
        let autoencoder = Autoencoder::load(weights, &sizes)?;
        Ok(Self { vocab, sizes, transformer, autoencoder })
    }

    /// Rows of numbers, three a pixel, −1 to 1; `None` if `on_step` stopped it.
    pub(super) fn draw(&self, request: &DrawRequest, on_step: &mut dyn FnMut(Step) -> Flow) -> Result<Option<Vec<f32>>> {
        self.walk_for(request, on_step)?.map(|code| self.autoencoder.decode(&code)).transpose()
    }

    fn walk_for(&self, request: &DrawRequest, on_step: &mut dyn FnMut(Step) -> Flow) -> Result<Option<Tensor>> {
        let device = self.transformer.device();
        let works =
            request.references.iter().map(|r| self.autoencoder.code.encode(&r.rgb, device)).collect::<Result<Vec<_>>>()?;
        let tokens = self.vocab.tokens(&request.prompt, request.style.as_deref(), self.sizes.text_slots);
        let shape = (self.sizes.patches(), self.sizes.code);
        let walk = Walk {
            condition: &self.transformer.condition(&tokens, &works)?,
            first: works.first(),
            noise: Tensor::from_vec(noise::normal(request.seed, shape.0 * shape.1), shape, device)?,
            steps: request.steps,
            guidance: f64::from(request.guidance),
            start: request.start,
        };
        self.walk(&walk, on_step)
    }

    /// Walks to a code; `None` if `on_step` stopped it.
    pub(super) fn walk(&self, walk: &Walk<'_>, on_step: &mut dyn FnMut(Step) -> Flow) -> Result<Option<Tensor>> {
        let times = euler(walk.steps, walk.start);
        let of = times.len() - 1;
        let start = times[0];
        let with = self.transformer.moments(walk.condition, &times[..of])?;
        let mut nothing = vec![PAD; self.sizes.text_slots];
        nothing[0] = NULL;
        let nothing = self.transformer.condition(&nothing, &[])?;
        let without = self.transformer.moments(&nothing, &times[..of])?;
        let mut x = match walk.first {
            Some(first) if start > 0.0 => ((first * start)? + (&walk.noise * (1.0 - start))?)?,
            _ => walk.noise.clone(),
        };
        let mut preview = None;
        for step in 0..of {
            if on_step(Step { step, of, preview: preview.take() }) == Flow::Cancel {
                return Ok(None);
            }
            let (now, next) = (times[step], times[step + 1]);
            let pass = (walk.condition, &with[step]);
            let velocity = if walk.guidance != 1.0 && now < GUIDED_UNTIL {
                let both = self.transformer.velocity(&x, &[pass, (&nothing, &without[step])], None)?;
                (&both[1] + ((&both[0] - &both[1])? * walk.guidance)?)?
            } else {
                self.transformer.velocity(&x, &[pass], None)?.swap_remove(0)
            };
            if (step + 1) % PREVIEW_EVERY == 0 && step + 1 < of {
                let guess = (&x + (&velocity * (1.0 - now))?)?;
                preview = Some(self.picture(&self.autoencoder.code.decode(&guess)?));
            }
            x = (x + (velocity * (next - now))?)?;
        }
        Ok(Some(x))
    }

    fn picture(&self, numbers: &[f32]) -> Picture {
        let [width, height] = self.sizes.image;
        Picture { rgb: to_bytes(numbers), width, height }
    }
}
