//! From a request to a picture: which networks run, in which order. The networks know nothing of requests, nor the engine of networks.

mod text_to_image;

use super::config::{ModelConfig, ModelFiles};
use super::dit::FlowTransformer;
use super::text::Vocab;
use super::vae::Autoencoder;
use super::weights::{Loaded, Weights};

/// A whole model, loaded; drawing leaves it as it was.
#[derive(Debug)]
pub struct Model {
    vocab: Vocab,
    /// What it offers.
    pub config: ModelConfig,
    transformer: FlowTransformer,
    autoencoder: Autoencoder,
}

impl Model {
    /// Reads and checks all files.
    pub fn load(files: &ModelFiles, device: &candle_core::Device) -> Loaded<Self> {
        let vocab = Vocab::read(&files.vocab)?;
        let config = ModelConfig::read(&files.config, &vocab)?;
        let mut weights = Weights::open(&files.weights, device)?;
        let transformer = FlowTransformer::load(&mut weights, &config, vocab.len())?;
        let autoencoder = Autoencoder::load(&mut weights, &config)?;
        weights.finish()?;
        Ok(Self { vocab, config, transformer, autoencoder })
    }
}

#[cfg(test)]
mod tests;
