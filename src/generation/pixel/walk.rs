//! From noise to a picture: Euler steps along the flow, with classifier-free guidance (Ho and Salimans 2022).

use candle_core::{Result, Tensor};

use super::{Context, Moment, Network};
use crate::generation::backend::Flow;
use crate::generation::scheduler::GUIDED_UNTIL;

/// One walk for a batch of pictures.
#[derive(Debug)]
pub struct Walk<'a> {
    /// Words and works.
    pub context: &'a Context,
    /// Neither words nor works; needed when `guidance` is not 1.
    pub nothing: Option<&'a Context>,
    /// batch × tokens × 5 planes' numbers, packed like pixels; zeros when nothing is known.
    pub planes: &'a Tensor,
    /// batch × tokens × pixels: the draft; zeros when there is none.
    pub draft: &'a Tensor,
    /// How strongly words and works are followed; 1 is as learnt.
    pub guidance: f64,
    /// Times from the beginning to 1, both included.
    pub times: &'a [f64],
    /// The model has learnt to take the walk's steps as they are (shortcut models): the size of each is told to it.
    pub strides: bool,
}

/// Noisy picture, planes and draft one after another for each patch, as the network takes them.
pub fn input(x: &Tensor, planes: &Tensor, draft: &Tensor) -> Result<Tensor> {
    Tensor::cat(&[x, planes, draft], 2)
}

impl Network {
    /// Walks from `x` (batch × tokens × pixels at the first time) to pictures. `on_step` hears the step and what the picture would be by a
    /// straight guess from the step before; `None` if it said to stop.
    pub fn walk(
        &self,
        mut x: Tensor,
        walk: &Walk<'_>,
        on_step: &mut dyn FnMut(usize, Option<&Tensor>) -> Result<Flow>,
    ) -> Result<Option<Tensor>> {
        let batch = x.dim(0)?;
        let both = match walk.nothing {
            Some(nothing) if walk.guidance != 1.0 => Some(walk.context.join(nothing)?),
            _ => None,
        };
        let mut guess: Option<Tensor> = None;
        for (step, pair) in walk.times.windows(2).enumerate() {
            if on_step(step, guess.as_ref())? == Flow::Cancel {
                return Ok(None);
            }
            let (now, next) = (pair[0], pair[1]);
            let stride = if walk.strides { next - now } else { 0.0 };
            let at = |number: f64, n: usize| Tensor::full(number as f32, n, x.device());
            let seen = input(&x, walk.planes, walk.draft)?;
            let picture = match &both {
                Some(both) if now < GUIDED_UNTIL => {
                    let none = walk.draft.zeros_like()?;
                    let moment = Moment {
                        input: &Tensor::cat(&[&seen, &input(&x, walk.planes, &none)?], 0)?,
                        draft: &Tensor::cat(&[walk.draft, &none], 0)?,
                        time: &at(now, 2 * batch)?,
                        stride: &at(stride, 2 * batch)?,
                    };
                    let answers = self.picture(&moment, both)?;
                    let (with, without) = (answers.narrow(0, 0, batch)?, answers.narrow(0, batch, batch)?);
                    (&without + ((with - &without)? * walk.guidance)?)?
                }
                _ => {
                    let moment = Moment { input: &seen, draft: walk.draft, time: &at(now, batch)?, stride: &at(stride, batch)? };
                    self.picture(&moment, walk.context)?
                }
            };
            // x + (next − now)·v with v = (picture − x)/(1 − now).
            let share = (next - now) / (1.0 - now);
            x = ((x * (1.0 - share))? + (&picture * share)?)?;
            guess = Some(picture);
        }
        Ok(Some(x))
    }
}
