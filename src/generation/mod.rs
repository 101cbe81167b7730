//! Making pictures: what may be asked for, which works are looked up for it, the networks, the sampler, and the thread that runs them.
//!
//! Not here: who may ask (policy), which works' terms allow it (works), what is done with the result (actions). This room reads model
//! files handed to it, and one OS thread is its own ([`engine`]). Tensors of candle never leave it: the doors of the room are
//! [`DrawRequest`], [`Library`], [`Backend`] and [`Engine`].
//!
//! Everything that decides a picture is in the request: same model, same machine, same request → same bytes.

pub mod backend;
pub mod candle;
pub mod config;
pub mod diffusers;
mod dit;
pub mod draft;
pub mod edit;
pub mod embedding;
pub mod engine;
pub mod fake;
pub mod library;
mod nn;
pub mod noise;
mod pipeline;
pub mod pixel;
pub mod request;
pub mod scheduler;
mod stock;
pub mod text;
pub mod train;
mod vae;
mod weights;

#[cfg(test)]
mod testing;

pub use backend::{Backend, BackendError, BackendInfo, Flow, Picture, Step};
pub use candle::CandleBackend;
pub use config::{ModelConfig, ModelFile, ModelFiles, PictureSizes};
pub use diffusers::{FolderModel, NamedFile, Usual};
pub use engine::{Canceller, Drawing, Engine, EngineError, Health, Progress};
pub use fake::FakeBackend;
pub use library::{Library, LibraryEntry, Pick};
pub use request::{Adapter, DrawRequest, Given, Invalid, Reference};
pub use scheduler::Sampler;
pub use stock::{Held, Stock};
pub use text::Vocab;
pub use weights::LoadError;
