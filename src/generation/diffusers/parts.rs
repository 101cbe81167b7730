//! The parts of a model, each loaded whole: its files checked, every tensor taken, an adapter's changes added on the way.

use colophon_ops::Precision;

use super::clip::Clip;
use super::folder::Folder;
use super::lora::Lora;
use super::mmdit::Mmdit;
use super::tensors::{Onto, Tensors};
use super::unet::UNet;
use super::vae::Vae;
use crate::generation::weights::Loaded;

/// How parts are loaded.
#[derive(Debug, Clone)]
pub(super) struct Way<'a> {
    /// Where to, and how products are computed there.
    pub onto: Onto,
    /// An adapter, and how much of it.
    pub lora: Option<(&'a Lora, f32)>,
}

impl Way<'_> {
    fn open(&self, folder: &Folder, part: &str) -> Loaded<Tensors> {
        let mut tensors = Tensors::open(&folder.weights(part)?, self.onto.clone())?;
        if let Some((lora, strength)) = self.lora {
            let changes = lora.changes(part, &tensors, strength)?;
            tensors.change(changes);
        }
        Ok(tensors)
    }
}

/// The network of Stable Diffusion 1.5, 2.1 and XL, and how many numbers it has.
pub(super) fn unet(folder: &Folder, way: &Way<'_>) -> Loaded<(UNet, u64)> {
    let mut w = way.open(folder, "unet")?;
    let made = UNet::load(&folder.config("unet", "config.json")?, &mut w)?;
    let taken = w.taken();
    w.finish(&[]).map(|()| (made, taken))
}

/// The network of Stable Diffusion 3 and 3.5.
pub(super) fn mmdit(folder: &Folder, way: &Way<'_>) -> Loaded<(Mmdit, u64)> {
    let mut w = way.open(folder, "transformer")?;
    let made = Mmdit::load(&folder.config("transformer", "config.json")?, &mut w)?;
    let taken = w.taken();
    w.finish(&[]).map(|()| (made, taken))
}

/// The autoencoder.
pub(super) fn vae(folder: &Folder, way: &Way<'_>) -> Loaded<(Vae, u64)> {
    let mut w = way.open(folder, "vae")?;
    let made = Vae::load(&folder.config("vae", "config.json")?, &mut w)?;
    let taken = w.taken();
    w.finish(&[]).map(|()| (made, taken))
}

/// A text encoder.
pub(super) fn clip(folder: &Folder, part: &str, way: &Way<'_>) -> Loaded<(Clip, u64)> {
    let mut w = way.open(folder, part)?;
    let made = Clip::load(&folder.config(part, "config.json")?, &mut w)?;
    let taken = w.taken();
    w.finish(&["position_ids"]).map(|()| (made, taken))
}

/// How many numbers a part has, from the headers of its files alone.
pub(super) fn numbers(folder: &Folder, part: &str) -> Loaded<u64> {
    Ok(Tensors::open(&folder.weights(part)?, Onto::processor(Precision::F32))?.numbers())
}

/// How many bytes a part takes once it is loaded.
pub(super) fn bytes(folder: &Folder, part: &str, onto: &Onto) -> Loaded<u64> {
    Ok(Tensors::open(&folder.weights(part)?, onto.clone())?.bytes())
}
