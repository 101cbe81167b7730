//! What makes pictures, seen from outside: one trait with two actors, [`CandleBackend`](super::CandleBackend) and
//! [`FakeBackend`](super::FakeBackend). Plain values in, plain values out.

use std::sync::Arc;

use super::config::ModelConfig;
use super::request::{DrawRequest, Invalid};
use super::stock::Held;
use super::weights::LoadError;

/// A picture in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Rows from the top, three bytes per pixel.
    pub rgb: Vec<u8>,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// What a backend draws with.
#[derive(Debug, Clone, PartialEq)]
pub struct BackendInfo {
    /// The actor, such as `candle`.
    pub name: &'static str,
    /// Where it computes, such as `cpu` or `cuda:0`.
    pub device: String,
    /// What its model offers.
    pub config: ModelConfig,
}

/// How far a drawing is; given before each step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Steps done, from 0 to `of` − 1.
    pub step: usize,
    /// Steps in all.
    pub of: usize,
    /// Now and then, what the picture would be by a straight guess from here.
    pub preview: Option<Picture>,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Take the next step.
    Continue,
    /// Stop without a picture.
    Cancel,
}

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BackendError {
    /// `on_step` said so.
    #[error("the drawing was cancelled")]
    Cancelled,
    /// The request asks for what the model does not offer.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Its files are not what they should be, or find no room.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The computation failed.
    #[error("the model could not draw this ({0}): try again, and if it stays, check the model's files")]
    Failed(String),
}

/// Draws one picture at a time. Same backend, same request → same bytes.
pub trait Backend: Send {
    /// What it draws with.
    fn info(&self) -> &BackendInfo;

    /// How much memory its models of folders hold, where it has some.
    fn held(&self) -> Option<Arc<Held>> {
        None
    }

    /// Draws. `on_step` is called before every step and may stop the drawing. After an error or a panic the backend can draw again.
    fn draw(&mut self, request: &DrawRequest, on_step: &mut (dyn FnMut(Step) -> Flow + Send)) -> Result<Picture, BackendError>;
}
