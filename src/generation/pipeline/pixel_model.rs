//! The second embedded model. Prompt and works → draft (see [`draft`](super::super::draft)) → picture: Euler steps along the flow from
//! noise, or from the draft under noise, with words, works and draft at hand in every step.

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor};

use super::PREVIEW_EVERY;
use crate::generation::backend::{Flow, Picture, Step};
use crate::generation::config::ModelConfig;
use crate::generation::draft::{Placing, coloured, may_mirror, parts, side_by_side};
use crate::generation::noise;
use crate::generation::pixel::{Network, PLANES, Sizes, Walk, pack, planes, read_adapter, unpack};
use crate::generation::request::{DrawRequest, Given};
use crate::generation::scheduler::euler;
use crate::generation::text::{NULL, PAD, Vocab};
use crate::generation::vae::to_bytes;
use crate::generation::weights::{Loaded, Weights};
use colophon_ops::Precision;

/// The second embedded model, loaded.
#[derive(Debug)]
pub(super) struct PixelModel {
    vocab: Vocab,
    network: Network,
    /// The guidance that its long steps have learnt.
    strides: Option<f32>,
    device: Device,
}

impl PixelModel {
    /// Reads and checks all weights.
    pub(super) fn load(weights: &mut Weights, mut sizes: Sizes, vocab: Vocab, config: &ModelConfig) -> Loaded<Self> {
        sizes.vocabulary = vocab.len();
        let device = weights.device().clone();
        let tensors = Network::parameters(&sizes)
            .into_iter()
            .map(|p| Ok((p.name.clone(), weights.take(&p.name, &p.shape)?)))
            .collect::<Loaded<BTreeMap<_, _>>>()?;
        let strides = config.strides.then_some(config.guidance);
        Ok(Self { vocab, network: Network::new(sizes, tensors, Precision::F32), strides, device })
    }

    /// Rows of numbers, three a pixel, −1 to 1; `None` if `on_step` stopped it.
    pub(super) fn draw(&self, request: &DrawRequest, on_step: &mut dyn FnMut(Step) -> Flow) -> Result<Option<Vec<f32>>> {
        let adapted = match &request.adapter {
            Some(adapter) => {
                let additions = read_adapter(&adapter.weights, &self.network.sizes, 1.0, &self.device)?;
                Some(self.network.clone().with_adapter(additions))
            }
            None => None,
        };
        let network = adapted.as_ref().unwrap_or(&self.network);
        let s = &network.sizes;
        let room = s.tokens() * s.pixels();
        let packed = |rgb: &[u8]| pack(&numbers(rgb), s.side, s.patch, 3);
        let (mut works, mut present) = (vec![0f32; s.works * room], vec![0f32; s.works]);
        for (slot, reference) in request.references.iter().enumerate() {
            works[slot * room..][..room].copy_from_slice(&packed(&reference.rgb));
            present[slot] = 1.0;
        }
        let tensor = |numbers: Vec<f32>, shape: &[usize]| Tensor::from_vec(numbers, shape, &self.device);
        let image = [1, s.tokens(), s.pixels()];
        let works = tensor(works, &[1, s.works, s.tokens(), s.pixels()])?;
        let present = tensor(present, &[1, s.works])?;
        let mut tokens = self.vocab.tokens(&request.prompt, request.style.as_deref(), s.text_slots);
        if request.prompt.trim().is_empty() && request.style.is_none() {
            // As in training, where nothing was said.
            tokens[0] = NULL;
        }
        let mut nothing = vec![PAD; s.text_slots];
        nothing[0] = NULL;
        let words = |tokens: Vec<u32>| Tensor::from_vec(tokens, (1, s.text_slots), &self.device);
        let (draft, start) = beginning(request, s.side);
        let times = euler(request.steps, start);
        let draft = tensor(draft.map_or_else(|| vec![0.0; room], |rgb| packed(&rgb)), &image)?;
        let noise = tensor(noise::normal(request.seed, room), &image)?;
        let begun = ((&noise * (1.0 - times[0]))? + (&draft * times[0])?)?;
        let learnt = self.strides == Some(request.guidance);
        let guidance = if learnt { 1.0 } else { f64::from(request.guidance) };
        let without = match guidance {
            1.0 => None,
            _ => Some(network.context(&words(nothing)?, &works.zeros_like()?, &present.zeros_like()?)?),
        };
        let walk = Walk {
            context: &network.context(&words(tokens)?, &works, &present)?,
            nothing: without.as_ref(),
            planes: &tensor(given_planes(request.given.as_ref(), s), &[1, s.tokens(), s.planes()])?,
            draft: &draft,
            guidance,
            times: &times,
            strides: learnt,
        };
        let rows =
            |packed: &Tensor| -> Result<Vec<f32>> { Ok(unpack(&packed.flatten_all()?.to_vec1::<f32>()?, s.side, s.patch, 3)) };
        let of = times.len() - 1;
        let mut hear = |step: usize, guess: Option<&Tensor>| -> Result<Flow> {
            // A walk of a few steps shows each of its guesses.
            let wanted = step > 0 && step.is_multiple_of(PREVIEW_EVERY.min(of.div_ceil(PREVIEW_EVERY)));
            let side = s.side as u32;
            let preview =
                |guess: &Tensor| Ok::<_, candle_core::Error>(Picture { rgb: to_bytes(&rows(guess)?), width: side, height: side });
            let preview = guess.filter(|_| wanted).map(preview).transpose()?;
            Ok(on_step(Step { step, of, preview }))
        };
        network.walk(begun, &walk, &mut hear)?.map(|packed| rows(&packed)).transpose()
    }
}

/// Bytes → −1 to 1.
fn numbers(rgb: &[u8]) -> Vec<f32> {
    rgb.iter().map(|&x| f32::from(x) / 127.5 - 1.0).collect()
}

/// The draft, and how much of it the drawing begins with: the given picture where it is to be varied, otherwise what the works make of the words.
fn beginning(request: &DrawRequest, side: usize) -> (Option<Vec<u8>>, f32) {
    if let Some(Given { picture: Some(picture), mask: None, strength, .. }) = &request.given {
        return (Some(picture.to_vec()), 1.0 - strength);
    }
    let draft = draft(request, side);
    let start = if draft.is_some() { request.start } else { 0.0 };
    (draft, start)
}

/// Planes of what is given: tokens × `Sizes::planes`, zeros where nothing is.
fn given_planes(given: Option<&Given>, s: &Sizes) -> Vec<f32> {
    let Some(given) = given else { return vec![0.0; s.tokens() * s.planes()] };
    let sketch: Option<Vec<f32>> =
        given.sketch.as_ref().map(|lines| lines.iter().map(|line| if *line < 128 { 0.0 } else { 1.0 }).collect());
    let (rgb, mask): (&[u8], &[u8]) = match (&given.picture, &given.mask) {
        (Some(picture), Some(mask)) => (picture, mask),
        _ => (&[], &[]),
    };
    let known = |at: usize| mask.get(at).is_some_and(|covered| *covered < 128);
    pack(&planes(rgb, known, sketch.as_deref(), s.side), s.side, s.patch, PLANES)
}

/// The draft of a request: the first work of each part, in the colour the part asks for, moved a little as the seed has it.
fn draft(request: &DrawRequest, side: usize) -> Option<Vec<u8>> {
    let asked = parts(&request.prompt);
    let chance = noise::shares(request.seed, 4 * asked.len());
    let draw = |part: usize| {
        let work = request.references.iter().find(|r| r.part == part)?;
        let rgb = coloured(&work.rgb, asked[part], work.colour.as_deref());
        let by = std::array::from_fn(|i| chance[4 * part + i]);
        Some(Placing::by_chance(by, may_mirror(asked[part]), 1.0).place(&rgb, side))
    };
    match asked.len() {
        1 => draw(0),
        _ => match (draw(0), draw(1)) {
            (Some(left), Some(right)) => Some(side_by_side(&left, &right, side, side / 4)),
            (one, other) => one.or(other),
        },
    }
}
