//! Settings of a run, as its file states them. Their hash goes into the run's statement.

use serde::{Deserialize, Serialize};

use crate::generation::pixel::Sizes;
use colophon_ops::Precision;

/// A run's settings (`train.toml`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSettings {
    /// Name of the model, such as `colophon-mini`.
    pub name: String,
    /// Decides everything that is drawn by chance.
    pub seed: u64,
    /// The network; its vocabulary follows from the dataset.
    pub network: Sizes,
    /// Steps in all.
    pub steps: u64,
    /// Pictures a step.
    pub batch: usize,
    /// Threads, each with an equal share of the batch. Part of the result: sums depend on it.
    pub replicas: usize,
    /// Products in bf16 where the processor has tiles for them.
    #[serde(default)]
    pub bf16: bool,
    /// Learning rate of the inner matrices (Muon).
    pub rate: f64,
    /// Learning rate of everything else (AdamW).
    pub other_rate: f64,
    /// Pull of the inner matrices towards zero.
    pub weight_decay: f64,
    /// Steps from no rate to the full one.
    pub warm_up: u64,
    /// Share of the steps, at the end, over which the rate falls to 2 %.
    pub cool_down: f64,
    /// How much of the running average of the weights is kept each step.
    pub average: f64,
    /// Greatest norm of a gradient.
    pub clip: f64,
    /// What examples are made of.
    #[serde(default)]
    pub examples: ExampleSettings,
    /// Steps between two validations.
    pub validate_every: u64,
    /// Steps between two checkpoints.
    pub checkpoint_every: u64,
    /// Steps between two grids of sample pictures.
    pub sample_every: u64,
    /// Prompts of the sample grid.
    #[serde(default)]
    pub prompts: Vec<String>,
}

/// What examples are made of: shares from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExampleSettings {
    /// Works kept out of training to measure it by.
    pub held_out: f64,
    /// Captions left out, with their works: what guidance is measured from.
    pub no_caption: f64,
    /// Works left out though there is a caption.
    pub no_works: f64,
    /// Examples with one work after the first replaced by a random one.
    pub stray_work: f64,
    /// Examples that draw on the drawing itself, moved: what makes a work be followed.
    pub itself: f64,
    /// Drafts left out though there are works.
    pub no_draft: f64,
    /// Copies in another colour.
    pub recoloured: f64,
    /// Two works side by side.
    pub pairs: f64,
    /// Examples with known pixels or a sketch given.
    pub guided: f64,
    /// Examples of a long step: the network learns to take at once what two half steps of its own average give (Frans et al. 2024).
    pub shortcut: f64,
    /// Guidance of the shortest of those steps, so that later none is needed.
    pub shortcut_guidance: f64,
    /// Mean of the normal number whose logistic is the time; below 0 leans to the noisy end (Esser et al. 2024).
    pub time_mean: f64,
    /// Its deviation.
    pub time_deviation: f64,
    /// The loss counts 1/(1 − t)², but no time counts as later than 1 − this.
    pub time_floor: f64,
}

impl Default for ExampleSettings {
    fn default() -> Self {
        Self {
            held_out: 0.04,
            no_caption: 0.1,
            no_works: 0.06,
            stray_work: 0.2,
            itself: 0.2,
            no_draft: 0.1,
            recoloured: 0.16,
            pairs: 0.1,
            guided: 0.25,
            shortcut: 0.0,
            shortcut_guidance: 2.0,
            time_mean: -0.8,
            time_deviation: 1.0,
            time_floor: 0.1,
        }
    }
}

impl TrainSettings {
    /// Reads `train.toml`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let settings: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        settings.check()?;
        Ok(settings)
    }

    /// Whether a run can be made of them; says what is wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        let e = &self.examples;
        let shares = [
            ("held_out", e.held_out),
            ("no_caption", e.no_caption),
            ("no_works", e.no_works),
            ("stray_work", e.stray_work),
            ("itself", e.itself),
            ("no_draft", e.no_draft),
            ("recoloured", e.recoloured),
            ("pairs", e.pairs),
            ("guided", e.guided),
            ("shortcut", e.shortcut),
            ("cool_down", self.cool_down),
            ("average", self.average),
        ];
        if let Some((name, value)) = shares.iter().find(|(_, x)| !(0.0..=1.0).contains(x)) {
            return Err(format!("`{name}` is {value}: it is a share, from 0 to 1"));
        }
        if self.replicas == 0 || self.batch == 0 || !self.batch.is_multiple_of(self.replicas) {
            return Err(format!("{} replicas can't share a batch of {} evenly: change one", self.replicas, self.batch));
        }
        for (name, every) in [
            ("steps", self.steps),
            ("validate_every", self.validate_every),
            ("checkpoint_every", self.checkpoint_every),
            ("sample_every", self.sample_every),
        ] {
            if every == 0 {
                return Err(format!("`{name}` is 0: it must be at least 1"));
            }
        }
        let rates = [self.rate, self.other_rate, self.clip, e.time_floor, e.time_deviation, e.shortcut_guidance];
        if rates.iter().any(|x| !x.is_finite() || *x <= 0.0) || !self.weight_decay.is_finite() || !e.time_mean.is_finite() {
            return Err("rates, clip, time_floor, time_deviation and shortcut_guidance must be above 0".into());
        }
        // Now, not after hours of training.
        let name = &self.name;
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return Err(format!("the model's name `{name}` can't name a folder: use small letters, digits and hyphens"));
        }
        match self.sizes(4).fault() {
            Some(fault) => Err(format!("the network can't be built: {fault}")),
            None => Ok(()),
        }
    }

    /// The network's sizes for a vocabulary.
    pub fn sizes(&self, vocabulary: usize) -> Sizes {
        Sizes { vocabulary, ..self.network.clone() }
    }

    /// How products are computed.
    pub fn precision(&self) -> Precision {
        if self.bf16 { Precision::Bf16 } else { Precision::F32 }
    }

    /// The rates' factor at a step: warm-up, level, then linear to 2 %.
    pub fn factor(&self, step: u64) -> f64 {
        let cool = self.steps as f64 * self.cool_down;
        let left = (self.steps.saturating_sub(step)) as f64;
        let up = (step + 1) as f64 / self.warm_up.max(1) as f64;
        up.min(1.0) * if left < cool { 0.02 + 0.98 * left / cool } else { 1.0 }
    }
}
