//! A run at one step, as safetensors: weights, their average and what the optimisers remember, with step and settings' hash in the
//! header. Reading one back and going on gives what going on without a stop would have given.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use super::optimiser::Slot;
use crate::digest::Sha256Hash;

/// Parts of a slot, by the prefix of their tensors.
const PARTS: [&str; 4] = ["value", "average", "first", "second"];

/// Everything a file says of itself under one name: the format keeps names in no order, and equal runs must give equal bytes.
fn header(said: &str) -> HashMap<String, String> {
    [("colophon".to_owned(), said.to_owned())].into()
}

/// What a checkpoint says besides its tensors.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Head {
    /// Steps done.
    pub step: u64,
    /// SHA-256 of the settings, in hex.
    pub settings: String,
    /// Merkle root of the dataset.
    pub dataset: String,
    /// SHA-256 of the checkpoint it was begun from, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_from: Option<Sha256Hash>,
}

fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

pub(super) fn write(slots: &[Slot], head: &Head) -> Result<Vec<u8>, String> {
    let mut parts = Vec::new();
    for slot in slots {
        for (part, numbers) in PARTS.iter().zip([&slot.value, &slot.average, &slot.first, &slot.second]) {
            if !numbers.is_empty() {
                parts.push((format!("{part}/{}", slot.parameter.name), slot.parameter.shape.clone(), bytes(numbers)));
            }
        }
    }
    let views: Result<Vec<_>, _> = parts
        .iter()
        .map(|(name, shape, bytes)| Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect();
    let views = views.map_err(|e: safetensors::SafeTensorError| e.to_string())?;
    let said = serde_json::to_string(head).map_err(|e| e.to_string())?;
    serialize(views, Some(header(&said))).map_err(|e| e.to_string())
}

/// Reads the header alone.
pub fn head(file: &[u8]) -> Result<Head, String> {
    let (_, metadata) = SafeTensors::read_metadata(file).map_err(|e| format!("this is no checkpoint ({e})"))?;
    let said = metadata.metadata().as_ref().and_then(|said| said.get("colophon"));
    let said = said.ok_or("this is no checkpoint: it says nothing of itself")?;
    serde_json::from_str(said).map_err(|e| format!("this is no checkpoint: {e}"))
}

/// Fills the slots; every part must be there in its shape.
pub(super) fn read(file: &[u8], slots: &mut [Slot]) -> Result<Head, String> {
    let head = head(file)?;
    let tensors = SafeTensors::deserialize(file).map_err(|e| format!("the checkpoint can't be read: {e}"))?;
    for slot in slots {
        let Slot { parameter, value, average, first, second } = slot;
        for (part, numbers) in PARTS.iter().zip([value, average, first, second]) {
            if numbers.is_empty() {
                continue;
            }
            let name = format!("{part}/{}", parameter.name);
            let tensor =
                tensors.tensor(&name).map_err(|_| format!("the checkpoint has no `{name}`: it is of another network"))?;
            if tensor.shape() != parameter.shape || tensor.dtype() != Dtype::F32 {
                return Err(format!("`{name}` has the shape {:?} in the checkpoint, not {:?}", tensor.shape(), parameter.shape));
            }
            *numbers = tensor.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        }
    }
    Ok(head)
}

/// Weights to ship: the averages as f16, `said` in the file's own header.
pub(super) fn weights(slots: &[Slot], said: &str) -> Result<Vec<u8>, String> {
    let halves: Vec<Vec<u8>> =
        slots.iter().map(|slot| slot.average.iter().flat_map(|&x| half::f16::from_f32(x).to_le_bytes()).collect()).collect();
    let views: Result<Vec<_>, safetensors::SafeTensorError> = slots
        .iter()
        .zip(&halves)
        .map(|(slot, bytes)| {
            Ok((slot.parameter.name.as_str(), TensorView::new(Dtype::F16, slot.parameter.shape.clone(), bytes)?))
        })
        .collect();
    serialize(views.map_err(|e| e.to_string())?, Some(header(said))).map_err(|e| e.to_string())
}
