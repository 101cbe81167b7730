//! Adapters: low-rank additions to the matrices of the image blocks and the head (LoRA, Hu et al. 2021), learnt from a few works of one
//! hand while everything else stays as it is.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor, bail};

use super::{Init, Network, Parameter, Sizes};

/// Layers of a block that are added to: name, inputs and outputs.
fn layers(sizes: &Sizes) -> Vec<(String, usize, usize)> {
    let (d, hidden) = (sizes.width, sizes.hidden);
    let block = |i: usize| {
        [("qkv", d, 3 * d), ("out", d, d), ("up", d, 2 * hidden), ("down", hidden, d)]
            .map(|(layer, inputs, outputs)| (format!("block{i}.{layer}"), inputs, outputs))
    };
    let mut all: Vec<_> = (0..sizes.depth).flat_map(block).collect();
    all.push(("head".to_owned(), d, sizes.head));
    all.push(("head_out".to_owned(), sizes.head, sizes.pixels()));
    all
}

/// Names, shapes and beginnings of an adapter's parameters: A begins with noise, B with zeros, so that it begins as no change.
pub fn adapter_parameters(sizes: &Sizes, rank: usize) -> Vec<Parameter> {
    layers(sizes)
        .into_iter()
        .flat_map(|(name, inputs, outputs)| {
            let a = Init::Normal(1.0 / (inputs as f32).sqrt());
            [
                Parameter { name: format!("{name}.lora_a"), shape: vec![inputs, rank], init: a, inner: false },
                Parameter { name: format!("{name}.lora_b"), shape: vec![rank, outputs], init: Init::Constant(0.0), inner: false },
            ]
        })
        .collect()
}

/// Reads an adapter's weights (safetensors, f16); `strength` scales what it adds. Every layer it names must be one of the network's, in its
/// shape, and none may be missing.
pub fn read_adapter(file: &[u8], sizes: &Sizes, strength: f64, device: &Device) -> Result<BTreeMap<String, Tensor>> {
    let mut tensors = candle_core::safetensors::load_buffer(file, device)?;
    let mut read = BTreeMap::new();
    for (name, inputs, outputs) in layers(sizes) {
        let (a, b) = (format!("{name}.lora_a"), format!("{name}.lora_b"));
        let (Some(first), Some(second)) = (tensors.remove(&a), tensors.remove(&b)) else {
            bail!("the adapter has nothing for `{name}`: it is of another network");
        };
        let ((i, rank), (same, o)) = (first.dims2()?, second.dims2()?);
        if (i, o) != (inputs, outputs) || rank != same {
            bail!("`{name}` of the adapter has the shapes {i}×{rank} and {same}×{o}: it is of another network");
        }
        read.insert(a, first.to_dtype(DType::F32)?);
        read.insert(b, (second.to_dtype(DType::F32)? * strength)?);
    }
    match tensors.into_keys().next() {
        Some(other) => bail!("the adapter holds `{other}`, for which this network has no place"),
        None => Ok(read),
    }
}

impl Network {
    /// With an adapter's additions; all else is left without gradient.
    pub fn with_adapter(mut self, additions: BTreeMap<String, Tensor>) -> Self {
        self.tensors.extend(additions);
        self.frozen = true;
        self
    }
}
