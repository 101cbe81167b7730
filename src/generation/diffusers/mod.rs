//! Models in the folder layout of diffusers: Stable Diffusion 1.5, 2.1 and XL, and the network of 3 and 3.5. Networks are written anew on our own layers, since candle's
//! have no micro-conditioning for XL, take one time for a whole batch, and spend most of theirs in convolutions; `compare` holds them against
//! what another implementation says.
//!
//! | file | what it does |
//! | --- | --- |
//! | `folder` | `model_index.json` and the configuration of each part |
//! | `tensors` | weights: single files and sharded ones, every shape and number checked |
//! | `blocks` | residual blocks, attention, time embeddings |
//! | `unet`, `mmdit`, `vae`, `clip` | the networks |
//! | `parts`, `lora` | each loaded whole; low-rank adapters that are added to it |
//! | `tokens` | prompts as the tokens of CLIP |
//! | `pipeline` | words → latents → picture |
//! | `model` | a model from outside: its files, what it offers |
//! | `painter` | draws with one model |
//! | `compare` | a model's parts against recorded numbers |

mod blocks;
mod clip;
pub mod compare;
mod folder;
mod lora;
mod mmdit;
mod model;
pub(super) mod painter;
mod parts;
mod pipeline;
mod tensors;
mod tokens;
mod unet;
mod vae;

pub use model::{Family, FolderModel, NamedFile, Usual};

#[cfg(test)]
mod tests;
