//! Prompt and works → picture: Euler steps along the flow, with classifier-free guidance (Ho and Salimans 2022), begun from the first work
//! under noise (SDEdit, Meng et al. 2021).

use candle_core::{Result, Tensor};

use super::Model;
use crate::generation::backend::{BackendError, Flow, Picture, Step};
use crate::generation::dit::Condition;
use crate::generation::noise;
use crate::generation::request::DrawRequest;
use crate::generation::scheduler::{GUIDED_UNTIL, euler};
use crate::generation::text::{NULL, PAD};
use crate::generation::vae::to_bytes;
use crate::generation::weights::first_line;

/// Steps from one preview to the next.
const PREVIEW_EVERY: usize = 4;

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

impl Model {
    /// Draws what a request asks for.
    pub fn draw(
        &self,
        request: &DrawRequest,
        on_step: &mut dyn FnMut(Step) -> Flow,
    ) -> std::result::Result<Picture, BackendError> {
        request.validate(&self.config)?;
        let failed = |e: candle_core::Error| BackendError::Failed(first_line(&e));
        let code = self.walk_for(request, on_step).map_err(failed)?.ok_or(BackendError::Cancelled)?;
        let picture = self.autoencoder.decode(&code).map_err(failed)?;
        if picture.iter().any(|number| !number.is_finite()) {
            return Err(BackendError::Failed("the result is not a number".into()));
        }
        Ok(self.picture(&picture))
    }

    fn walk_for(&self, request: &DrawRequest, on_step: &mut dyn FnMut(Step) -> Flow) -> Result<Option<Tensor>> {
        let device = self.transformer.device();
        let works =
            request.references.iter().map(|r| self.autoencoder.code.encode(&r.rgb, device)).collect::<Result<Vec<_>>>()?;
        let tokens = self.vocab.tokens(&request.prompt, request.style.as_deref(), self.config.text_slots);
        let shape = (self.config.patches(), self.config.code);
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
        let mut nothing = vec![PAD; self.config.text_slots];
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
        let [width, height] = self.config.image;
        Picture { rgb: to_bytes(numbers), width, height }
    }
}
