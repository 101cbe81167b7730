//! The few layers our networks are made of, over two-dimensional tensors: one row per token or pixel, one column per channel.
//!
//! That layout makes a convolution a gather and one matrix product, which is what is fast on a CPU; images in it are rows of pixels from
//! the top left. Nothing here knows a model.

mod activation;
mod conv;
mod linear;
mod norm;

pub use activation::{gelu, silu};
pub use conv::{Conv3, Neighbours, shuffle2};
pub use linear::Linear;
pub use norm::{GroupNorm, LayerNorm, rms_norm};
