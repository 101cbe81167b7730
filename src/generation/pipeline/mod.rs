//! From a request to a picture: which networks run, in which order. The networks know nothing of requests, nor the engine of networks.

mod code_model;
mod pixel_model;

use super::backend::{BackendError, Flow, Picture, Step};
use super::config::{ModelConfig, ModelFiles, NetworkSizes};
use super::request::DrawRequest;
use super::text::Vocab;
use super::vae::to_bytes;
use super::weights::{LoadError, Loaded, Weights, first_line};
use code_model::CodeModel;
use pixel_model::PixelModel;

/// Steps from one preview to the next.
const PREVIEW_EVERY: usize = 4;

/// A whole model, loaded; drawing leaves it as it was.
#[derive(Debug)]
pub struct Model {
    /// What it offers.
    pub config: ModelConfig,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Codes(Box<CodeModel>),
    Pixels(Box<PixelModel>),
}

impl Model {
    /// Reads and checks all files.
    pub fn load(files: &ModelFiles, device: &candle_core::Device) -> Loaded<Self> {
        let vocab = Vocab::read(&files.vocab)?;
        let config = ModelConfig::read(&files.config, &vocab)?;
        let mut weights = Weights::open(&files.weights, device)?;
        let kind = match &config.network {
            NetworkSizes::Codes(sizes) => Kind::Codes(Box::new(CodeModel::load(&mut weights, sizes.clone(), vocab)?)),
            // `ModelConfig::read` makes none of these: such a model has no single file of weights.
            NetworkSizes::Folder(_) => {
                let cause = "it belongs to a model in a folder".to_owned();
                return Err(LoadError::Malformed { file: files.config.name.clone(), cause });
            }
            NetworkSizes::Pixels(sizes) => Kind::Pixels(Box::new(PixelModel::load(&mut weights, sizes.clone(), vocab, &config)?)),
        };
        weights.finish()?;
        Ok(Self { config, kind })
    }

    /// Draws what a request asks for.
    pub fn draw(&self, request: &DrawRequest, on_step: &mut dyn FnMut(Step) -> Flow) -> Result<Picture, BackendError> {
        request.validate(&self.config)?;
        let drawn = match &self.kind {
            Kind::Codes(model) => model.draw(request, on_step),
            Kind::Pixels(model) => model.draw(request, on_step),
        };
        let numbers = drawn.map_err(|e| BackendError::Failed(first_line(&e)))?.ok_or(BackendError::Cancelled)?;
        if numbers.iter().any(|number| !number.is_finite()) {
            return Err(BackendError::Failed("the result is not a number".into()));
        }
        let [width, height] = self.config.image;
        let mut rgb = to_bytes(&numbers);
        if let Some(given) = &request.given {
            given.keep(&mut rgb);
        }
        Ok(Picture { rgb, width, height })
    }
}

#[cfg(test)]
mod tests;
