//! What can be asked of a backend, checked against what a model offers. Not here: whether it may be asked.

use std::sync::Arc;

use super::config::{ModelConfig, NetworkSizes};
use super::diffusers::FolderModel;
use super::scheduler::Sampler;
use crate::id::{ModelId, WorkId};

/// Longest prompt, in characters.
pub const PROMPT_MAX: usize = 2_000;

/// A work to draw with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Which work.
    pub work: WorkId,
    /// Its picture at the model's size: rows from the top, three bytes per pixel.
    pub rgb: Arc<[u8]>,
    /// The part of the prompt it was looked up for, from 0 (see [`parts`](super::draft::parts)).
    pub part: usize,
    /// Its main colour, one word.
    pub colour: Option<String>,
}

/// What is given of a picture besides words and works. Planes have the picture's size, rows from the top.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Given {
    /// Three bytes a pixel: a picture to keep, or to begin from.
    pub picture: Option<Arc<[u8]>>,
    /// One byte a pixel: 255 where `picture` is to be drawn anew, 0 where it stays; the whole is drawn anew without one.
    pub mask: Option<Arc<[u8]>>,
    /// One byte a pixel: 255 on the lines to be followed, 0 elsewhere.
    pub sketch: Option<Arc<[u8]>>,
    /// How far from `picture` to go, above 0 to 1: 1 begins from noise alone.
    pub strength: f32,
}

impl Given {
    /// A drawn picture with what was to be kept put back: those pixels are the given ones, byte for byte.
    pub fn keep(&self, drawn: &mut [u8]) {
        if let (Some(picture), Some(mask)) = (&self.picture, &self.mask) {
            let pixels = drawn.as_chunks_mut::<3>().0.iter_mut().zip(picture.as_chunks::<3>().0).zip(mask.iter());
            pixels.filter(|(_, mask)| **mask < 128).for_each(|((drawn, given), _)| *drawn = *given);
        }
    }
}

/// Everything that decides a picture, besides the model.
#[derive(Debug, Clone, PartialEq)]
pub struct DrawRequest {
    /// What to draw: 1 to 2,000 characters.
    pub prompt: String,
    /// One of the model's styles.
    pub style: Option<String>,
    /// Chooses the noise.
    pub seed: u64,
    /// Steps from noise to picture if begun from noise alone, 1 to 100; fewer are taken when `start` is above 0.
    pub steps: u16,
    /// How strongly prompt and works are followed, 0 to 10; 1 is as learnt.
    pub guidance: f32,
    /// How much of the first work the drawing begins with, 0 to below 0.95.
    pub start: f32,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The works to draw with; the first also gives the start.
    pub references: Vec<Reference>,
    /// Additions to the model's weights.
    pub adapter: Option<Adapter>,
    /// The model, where it is not the engine's own.
    pub model: Option<Arc<FolderModel>>,
    /// What to draw away from; only for models that can.
    pub negative: String,
    /// How to walk; the model's usual way when left out.
    pub sampler: Option<Sampler>,
    /// What is given of the picture.
    pub given: Option<Given>,
}

/// An adapter's weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    /// Which model it is.
    pub model: ModelId,
    /// Its file: safetensors.
    pub weights: Arc<[u8]>,
    /// How much of it is added, 0 to 2; 1 is as learnt.
    pub strength: f32,
}

/// Why a request cannot be drawn; says what can.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Invalid {
    /// Nothing to draw.
    #[error("the prompt is empty: say in a few words what to draw")]
    EmptyPrompt,
    /// Over `PROMPT_MAX` characters.
    #[error("the prompt has {0} characters: at most 2,000 are read")]
    LongPrompt(usize),
    /// A style the model has not learnt.
    #[error("the style `{style}` is not offered: choose one of {offered}, or none")]
    Style {
        /// As asked.
        style: String,
        /// What there is, with commas.
        offered: String,
    },
    /// A number out of its range.
    #[error("`{value}` is out of range for {name}: it goes from {range}")]
    Number {
        /// Which setting.
        name: &'static str,
        /// As asked.
        value: String,
        /// What is allowed.
        range: &'static str,
    },
    /// Not the model's size.
    #[error("the size `{width}x{height}` is not offered: this model draws {offered}")]
    Size {
        /// As asked.
        width: u32,
        /// As asked.
        height: u32,
        /// What there is.
        offered: String,
    },
    /// Too many works.
    #[error("{given} works were given to draw with: choose at most {most}")]
    Works {
        /// As asked.
        given: usize,
        /// The model's most.
        most: usize,
    },
    /// A prompt of more tokens than the model reads.
    #[error("the words are {given} tokens long, and this model reads {most}: shorten the prompt or what to avoid")]
    Tokens {
        /// As asked.
        given: usize,
        /// The model's most.
        most: usize,
    },
    /// A way to walk that the model does not know.
    #[error("the sampler `{sampler}` is not offered: choose {offered}")]
    Sampler {
        /// As asked.
        sampler: String,
        /// What there is, with commas.
        offered: String,
    },
    /// A model that takes no adapters.
    #[error("the adapter `{0}` can't be added to this model: draw without it, or start with the model it was made for")]
    Adapter(ModelId),
    /// A picture, mask or sketch that is not as large as the picture to draw.
    #[error("the {plane} has {found} bytes: {expected} are needed for the picture to draw")]
    Plane {
        /// Which.
        plane: &'static str,
        /// Bytes given.
        found: usize,
        /// Bytes wanted.
        expected: usize,
    },
    /// Nothing is to be drawn, or nothing is given to keep.
    #[error("{0}")]
    Mask(&'static str),
    /// A model that only draws from words and works.
    #[error("this model takes no {0}: choose another one")]
    Takes(&'static str),
    /// A work's picture that is not at the model's size.
    #[error("the picture of `{work}` has {found} bytes: {expected} are needed")]
    WorkPicture {
        /// Which.
        work: WorkId,
        /// Bytes given.
        found: usize,
        /// Bytes wanted.
        expected: usize,
    },
}

impl DrawRequest {
    /// A request with the model's own defaults, nothing to draw with.
    pub fn new(prompt: impl Into<String>, seed: u64, config: &ModelConfig) -> Self {
        Self {
            prompt: prompt.into(),
            style: None,
            seed,
            steps: config.steps,
            guidance: config.guidance,
            start: config.start,
            width: config.image[0],
            height: config.image[1],
            references: Vec::new(),
            adapter: None,
            model: None,
            negative: String::new(),
            sampler: None,
            given: None,
        }
    }

    /// Checks everything against what the model offers; the first thing wrong is named.
    pub fn validate(&self, config: &ModelConfig) -> Result<(), Invalid> {
        // A picture to go on from says what to draw.
        let shown = self.given.as_ref().is_some_and(|given| given.picture.is_some());
        if self.prompt.trim().is_empty() && !shown {
            return Err(Invalid::EmptyPrompt);
        }
        let characters = self.prompt.chars().count();
        if characters > PROMPT_MAX {
            return Err(Invalid::LongPrompt(characters));
        }
        if let Some(style) = self.style.as_ref().filter(|style| !config.styles.contains(style)) {
            let offered = if config.styles.is_empty() { "none".to_owned() } else { config.styles.join(", ") };
            return Err(Invalid::Style { style: style.chars().take(64).collect(), offered });
        }
        let number = |name, value: String, range| Err(Invalid::Number { name, value, range });
        if !(1..=100).contains(&self.steps) {
            return number("steps", self.steps.to_string(), "1 to 100");
        }
        // NaN is in no range.
        if !(0.0..=config.guidance_most).contains(&self.guidance) {
            return number(
                "guidance",
                self.guidance.to_string(),
                if config.guidance_most > 10.0 { "0 to 30" } else { "0 to 10" },
            );
        }
        if let Some(adapter) = self.adapter.as_ref().filter(|a| !(0.0..=2.0).contains(&a.strength)) {
            return number("strength", adapter.strength.to_string(), "0 to 2");
        }
        if let (Some(adapter), NetworkSizes::Pixels(_)) = (self.adapter.as_ref().filter(|a| a.strength != 1.0), &config.network) {
            return number("strength", adapter.strength.to_string(), "1 to 1 for this model");
        }
        if let Some(sampler) = self.sampler.filter(|sampler| !config.samplers.contains(sampler)) {
            let names: Vec<String> = config.samplers.iter().map(ToString::to_string).collect();
            let offered = if names.is_empty() { "none, as this model walks in one way".to_owned() } else { names.join(", ") };
            return Err(Invalid::Sampler { sampler: sampler.to_string(), offered });
        }
        if self.start != 0.0 && matches!(config.network, NetworkSizes::Folder(_)) {
            return number("start", self.start.to_string(), "0 to 0 for a model that draws from words alone");
        }
        if !(0.0..0.95).contains(&self.start) {
            return number("start", self.start.to_string(), "0 to below 0.95");
        }
        if !config.sizes.allow(config.image, [self.width, self.height]) {
            let offered = config.sizes.sentence(config.image);
            return Err(Invalid::Size { width: self.width, height: self.height, offered });
        }
        if self.references.len() > config.works_per_prompt {
            return Err(Invalid::Works { given: self.references.len(), most: config.works_per_prompt });
        }
        if let (Some(adapter), NetworkSizes::Codes(_)) = (&self.adapter, &config.network) {
            return Err(Invalid::Adapter(adapter.model));
        }
        if let Some(given) = &self.given {
            self.check(given, config)?;
        }
        match self.references.iter().find(|r| r.rgb.len() != config.rgb_len()) {
            Some(r) => Err(Invalid::WorkPicture { work: r.work, found: r.rgb.len(), expected: config.rgb_len() }),
            None => Ok(()),
        }
    }
}

impl DrawRequest {
    fn check(&self, given: &Given, config: &ModelConfig) -> Result<(), Invalid> {
        if matches!(config.network, NetworkSizes::Codes(_)) {
            return Err(Invalid::Takes("picture, mask or sketch"));
        }
        if given.sketch.is_some() && matches!(config.network, NetworkSizes::Folder(_)) {
            return Err(Invalid::Takes("sketch"));
        }
        // NaN is in no range.
        if !(given.strength > 0.0 && given.strength <= 1.0) {
            return Err(Invalid::Number { name: "strength", value: given.strength.to_string(), range: "above 0 to 1" });
        }
        let pixels = self.width as usize * self.height as usize;
        let planes = [("picture", &given.picture, 3), ("mask", &given.mask, 1), ("sketch", &given.sketch, 1)];
        for (plane, bytes, each) in planes {
            if let Some(bytes) = bytes.as_ref().filter(|bytes| bytes.len() != pixels * each) {
                return Err(Invalid::Plane { plane, found: bytes.len(), expected: pixels * each });
            }
        }
        match &given.mask {
            Some(_) if given.picture.is_none() => Err(Invalid::Mask("a mask needs the picture that it covers")),
            Some(mask) if mask.iter().all(|covered| *covered < 128) => {
                Err(Invalid::Mask("the mask covers nothing: mark the part that is to be drawn anew"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generation::fake::FakeBackend;

    #[test]
    fn each_fault_is_named_with_what_is_possible() {
        let config = FakeBackend::config();
        let good = DrawRequest::new("red apple", 1, &config);
        assert_eq!(good.validate(&config), Ok(()));
        let fault = |change: &dyn Fn(&mut DrawRequest)| {
            let mut request = good.clone();
            change(&mut request);
            request.validate(&config).unwrap_err().to_string()
        };
        assert!(fault(&|r| r.prompt = " \n\t ".into()).contains("empty"));
        assert_eq!(fault(&|r| r.prompt = "é".repeat(20_000)), "the prompt has 20000 characters: at most 2,000 are read");
        assert_eq!(
            fault(&|r| (r.width, r.height) = (512, 768)),
            "the size `512x768` is not offered: this model draws 128x128 only"
        );
        assert!(fault(&|r| r.style = Some("pad".into())).contains("choose one of fluent"));
        assert!(fault(&|r| r.steps = 0).contains("1 to 100") && fault(&|r| r.steps = 101).contains("`101`"));
        assert!(fault(&|r| r.guidance = f32::NAN).contains("guidance") && fault(&|r| r.guidance = -0.1).contains("0 to 10"));
        assert!(fault(&|r| r.start = 0.95).contains("below 0.95") && fault(&|r| r.start = f32::INFINITY).contains("start"));
        let work = |len: usize| Reference { work: WorkId::derived(b"w"), rgb: vec![0; len].into(), part: 0, colour: None };
        assert!(fault(&|r| r.references = vec![work(49_152); 5]).contains("at most 4"));
        assert!(fault(&|r| r.references = vec![work(49_152), work(49_151)]).contains("49152 are needed"));
    }

    #[test]
    fn what_is_given_must_fit() {
        let config = FakeBackend::config();
        let request = DrawRequest::new("red apple", 1, &config);
        let (picture, mask): (Arc<[u8]>, Arc<[u8]>) = (vec![7; 49_152].into(), vec![255; 16_384].into());
        let said = |given: Given| match (DrawRequest { given: Some(given), ..request.clone() }).validate(&config) {
            Ok(()) => "fine".to_owned(),
            Err(e) => e.to_string(),
        };
        let good = Given { picture: Some(picture), mask: Some(mask), sketch: None, strength: 1.0 };
        assert_eq!(said(good.clone()), "fine");
        assert!(said(Given { mask: Some(vec![255; 16_383].into()), ..good.clone() }).contains("the mask has 16383 bytes: 16384"));
        assert!(said(Given { mask: Some(vec![0; 16_384].into()), ..good.clone() }).contains("covers nothing"));
        assert!(said(Given { picture: None, ..good.clone() }).contains("needs the picture"));
        assert!(said(Given { sketch: Some(vec![0; 3].into()), ..good.clone() }).contains("the sketch has 3 bytes"));
        for strength in [0.0, f32::NAN, 1.01, -1.0] {
            assert!(said(Given { strength, ..good.clone() }).contains("above 0 to 1"), "{strength}");
        }
    }

    #[test]
    fn what_is_kept_is_kept_byte_for_byte() {
        let given = Given { picture: Some([1u8, 2, 3, 4, 5, 6].into()), mask: Some([0u8, 255].into()), ..Given::default() };
        let mut drawn = [9u8; 6];
        given.keep(&mut drawn);
        assert_eq!(drawn, [1, 2, 3, 9, 9, 9]);
    }

    #[test]
    fn the_edges_are_allowed() {
        let config = FakeBackend::config();
        let mut request = DrawRequest::new("é".repeat(PROMPT_MAX), u64::MAX, &config);
        (request.steps, request.guidance, request.start) = (100, 10.0, 0.0);
        assert_eq!(request.validate(&config), Ok(()));
    }
}
