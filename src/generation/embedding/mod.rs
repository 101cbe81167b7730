//! The network that says which pictures may be versions of one another: 48×48 colours in, 64 small numbers out. Pictures that differ by a
//! crop, a turn, a frame or something laid over them come out alike, others apart (contrastive learning: Chen et al. 2020, SimCLR;
//! for copies: Pizzi et al. 2022, SSCD).
//!
//! It proposes only; whether two pictures match is found out by laying one over the other (`likeness::align`).

mod disturb;
mod network;
mod train;

pub use network::{Embedder, SIDE, WIDTH};
pub use train::{EmbeddingRun, EmbeddingSettings, EmbeddingTrainer};
