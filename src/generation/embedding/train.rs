//! Training: two disturbed versions of each picture must find each other among all others of the batch (InfoNCE, van den Oord et al. 2018).

use std::collections::{BTreeMap, HashMap};

use candle_core::{D, Device, Result, Tensor, Var};
use candle_nn::loss::cross_entropy;
use candle_nn::optim::{AdamW, Optimizer as _, ParamsAdamW};
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde::{Deserialize, Serialize};

use super::disturb::{Dice, disturbed};
use super::network::{Embedder, SIDE, first, forward, shapes};

/// How the network is trained: `models/likeness/train.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingSettings {
    /// Decides beginning, order and disturbances.
    pub seed: u64,
    /// Steps in all.
    pub steps: u64,
    /// Pictures a step, each seen twice.
    pub batch: usize,
    /// Highest learning rate; it rises over the first 50 steps and falls over the second half.
    pub rate: f64,
    /// Divides the likenesses before they are compared.
    pub temperature: f64,
    /// Share of the works that is kept out, to measure by.
    pub held_out: f64,
}

/// What a finished run says of itself, beside its weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbeddingRun {
    /// Hash of the settings' file.
    pub settings: String,
    /// Root of the dataset that was learnt from.
    pub dataset_root: String,
    /// Works in it.
    pub works: u64,
    /// Pictures seen.
    pub pictures: u64,
}

/// A run. Everything follows from the settings and the pictures.
pub struct EmbeddingTrainer {
    settings: EmbeddingSettings,
    vars: BTreeMap<String, Var>,
    optimiser: AdamW,
    /// Steps done.
    pub step: u64,
}

impl std::fmt::Debug for EmbeddingTrainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EmbeddingTrainer(step {} of {})", self.step, self.settings.steps)
    }
}

impl EmbeddingTrainer {
    /// At the beginning.
    ///
    /// # Errors
    /// In the words of the tensor library.
    pub fn new(settings: EmbeddingSettings) -> std::result::Result<Self, String> {
        let make = || -> Result<Self> {
            let mut vars = BTreeMap::new();
            for (name, shape) in shapes() {
                let value = Tensor::from_vec(first(settings.seed, &name, &shape), shape, &Device::Cpu)?;
                vars.insert(name, Var::from_tensor(&value)?);
            }
            let parameters = ParamsAdamW { lr: settings.rate, weight_decay: 0.01, ..ParamsAdamW::default() };
            let optimiser = AdamW::new(vars.values().cloned().collect(), parameters)?;
            Ok(Self { settings, vars, optimiser, step: 0 })
        };
        make().map_err(|e| e.to_string())
    }

    /// Whether all steps are done.
    pub const fn is_done(&self) -> bool {
        self.step >= self.settings.steps
    }

    /// One step with pictures of `side` × `side` RGB; its loss, and the share of pictures that found their other version.
    ///
    /// # Errors
    /// In the words of the tensor library; with fewer than two pictures.
    pub fn step(&mut self, pictures: &[Vec<u8>], side: usize) -> std::result::Result<(f32, f32), String> {
        if pictures.len() < 2 {
            return Err("an embedding is learnt from two pictures or more".to_owned());
        }
        self.learn(pictures, side).map_err(|e| e.to_string())
    }

    fn learn(&mut self, pictures: &[Vec<u8>], side: usize) -> Result<(f32, f32)> {
        let batch = self.settings.batch.min(pictures.len());
        let mut dice = Dice::new(self.settings.seed, self.step);
        // Distinct pictures, as a picture must not be told from itself: the first places of a shuffle.
        let mut order: HashMap<usize, usize> = HashMap::new();
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for at in 0..batch {
            let other = at + dice.below(pictures.len() - at);
            let chosen = order.get(&other).copied().unwrap_or(other);
            order.insert(other, order.get(&at).copied().unwrap_or(at));
            left.extend(disturbed(&pictures[chosen], side, &mut dice));
            right.extend(disturbed(&pictures[chosen], side, &mut dice));
        }
        left.extend(right);
        let x = Tensor::from_vec(left, (2 * batch, SIDE * SIDE, 3), &Device::Cpu)?;
        let parameters = self.parameters();
        let rows = forward(&parameters, &x)?;
        let (a, b) = (rows.narrow(0, 0, batch)?, rows.narrow(0, batch, batch)?);
        let likeness = (a.matmul(&b.t()?)? / self.settings.temperature)?;
        let own = Tensor::arange(0, batch as u32, &Device::Cpu)?;
        let loss = ((cross_entropy(&likeness, &own)? + cross_entropy(&likeness.t()?.contiguous()?, &own)?)? / 2.0)?;
        self.optimiser.set_learning_rate(self.settings.rate * self.factor());
        self.optimiser.backward_step(&loss)?;
        self.step += 1;
        let found = likeness.argmax(D::Minus1)?.eq(&own)?.to_dtype(candle_core::DType::F32)?.mean_all()?;
        Ok((loss.to_scalar()?, found.to_scalar()?))
    }

    fn factor(&self) -> f64 {
        let (step, steps) = (self.step as f64, self.settings.steps as f64);
        ((step + 1.0) / 50.0).min(1.0) * (2.0 * (1.0 - step / steps)).clamp(0.02, 1.0)
    }

    fn parameters(&self) -> BTreeMap<String, Tensor> {
        self.vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect()
    }

    /// The network as it is now.
    pub fn network(&self) -> Embedder {
        Embedder::new(self.vars.iter().map(|(name, var)| (name.clone(), var.as_detached_tensor())).collect())
    }

    /// The weights as a file, with what the run says of itself.
    ///
    /// # Errors
    /// In the words of the tensor library.
    pub fn weights(&self, run: &EmbeddingRun) -> std::result::Result<Vec<u8>, String> {
        let said = serde_json::to_string(run).map_err(|e| e.to_string())?;
        let half = |tensor: &Tensor| -> Result<Vec<u8>> {
            let numbers = tensor.flatten_all()?.to_vec1::<f32>()?;
            Ok(numbers.into_iter().flat_map(|x| half::f16::from_f32(x).to_le_bytes()).collect())
        };
        let mut parts = Vec::new();
        for (name, tensor) in self.parameters() {
            parts.push((name, tensor.dims().to_vec(), half(&tensor).map_err(|e| e.to_string())?));
        }
        let views =
            parts.iter().map(|(name, shape, bytes)| Ok((name.as_str(), TensorView::new(Dtype::F16, shape.clone(), bytes)?)));
        let views = views.collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>().map_err(|e| e.to_string())?;
        serialize(views, Some(HashMap::from([("run".to_owned(), said)]))).map_err(|e| e.to_string())
    }
}
