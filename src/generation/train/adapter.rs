//! Settings of an adapter's run. What is not named here is as in a run of a whole model.

use serde::Deserialize;

use super::settings::{ExampleSettings, TrainSettings};
use crate::generation::pixel::Sizes;

/// `adapter.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdapterSettings {
    /// Decides everything that is drawn by chance.
    pub seed: u64,
    /// Numbers between the two matrices of an addition.
    pub rank: usize,
    /// Steps in all.
    pub steps: u64,
    /// Pictures a step.
    pub batch: usize,
    /// Threads, each with an equal share of the batch.
    pub replicas: usize,
    /// Products in bf16 where the processor has tiles for them.
    #[serde(default)]
    pub bf16: bool,
    /// Learning rate (AdamW).
    pub rate: f64,
    /// Steps from no rate to the full one.
    pub warm_up: u64,
    /// Share of the steps, at the end, over which the rate falls to 2 %.
    pub cool_down: f64,
    /// What examples are made of.
    #[serde(default)]
    pub examples: ExampleSettings,
}

impl AdapterSettings {
    /// Reads `adapter.toml`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let settings: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        if !(1..=256).contains(&settings.rank) {
            return Err(format!("the rank is {}: it goes from 1 to 256", settings.rank));
        }
        Ok(settings)
    }

    /// As the settings of a run on a network of these sizes.
    pub fn run(&self, network: Sizes) -> Result<TrainSettings, String> {
        let settings = TrainSettings {
            name: "adapter".to_owned(),
            seed: self.seed,
            network,
            steps: self.steps,
            batch: self.batch,
            replicas: self.replicas,
            bf16: self.bf16,
            rate: self.rate,
            other_rate: self.rate,
            weight_decay: 0.0,
            warm_up: self.warm_up,
            cool_down: self.cool_down,
            average: 0.98,
            clip: 1.0,
            examples: self.examples.clone(),
            validate_every: self.steps,
            checkpoint_every: self.steps,
            sample_every: self.steps,
            prompts: Vec::new(),
        };
        settings.check()?;
        Ok(settings)
    }
}
