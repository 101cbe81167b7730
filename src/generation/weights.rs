//! Weights: safetensors bytes → f32 tensors by name, every shape checked, nothing missing and nothing left over.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};

use super::config::ModelFile;

/// Why a model cannot be loaded; names the file and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Not there, or not readable.
    #[error("cannot read the model file `{file}` ({cause}): put the model's files there or name another folder")]
    Unreadable {
        /// Path.
        file: String,
        /// The system's words.
        cause: String,
    },
    /// The bytes are not those the card names.
    #[error("the model file `{file}` has sha256 `{found}`, but the model's card says `{expected}`: fetch the file again")]
    WrongHash {
        /// Path.
        file: String,
        /// From the card.
        expected: String,
        /// Of the bytes.
        found: String,
    },
    /// Cut short, damaged, or another kind of file.
    #[error("the model file `{file}` is damaged or of another kind ({cause}): fetch it again")]
    Malformed {
        /// Path.
        file: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A tensor that the architecture has and the file has not.
    #[error("the model file `{file}` has no tensor `{tensor}`: weights, config and vocabulary must be of the same model")]
    Missing {
        /// Path.
        file: String,
        /// Its name.
        tensor: String,
    },
    /// A tensor of another shape.
    #[error(
        "tensor `{tensor}` in the model file `{file}` has shape {found:?}, not {expected:?}: weights, config and vocabulary must be of the same model"
    )]
    Shape {
        /// Path.
        file: String,
        /// Its name.
        tensor: String,
        /// By the architecture.
        expected: Vec<usize>,
        /// In the file.
        found: Vec<usize>,
    },
    /// A tensor that the architecture has no place for.
    #[error(
        "the model file `{file}` holds `{tensor}`, which this model has no place for: weights, config and vocabulary must be of the same model"
    )]
    Unexpected {
        /// Path.
        file: String,
        /// Its name.
        tensor: String,
    },
    /// Numbers that are none.
    #[error("tensor `{tensor}` in the model file `{file}` holds infinities or what is no number: fetch the file again")]
    NotFinite {
        /// Path.
        file: String,
        /// Its name.
        tensor: String,
    },
    /// An adapter of another model, or of another kind.
    #[error("the adapter `{file}` was made for another model ({cause}): choose one that was made for this model")]
    Adapter {
        /// Path.
        file: String,
        /// What does not fit.
        cause: String,
    },
    /// More than may be held.
    #[error(
        "{what} needs {needed} MiB, and models may hold {budget} MiB: raise the setting `model_memory_mib`, or choose a smaller model"
    )]
    Memory {
        /// The part, with its model.
        what: String,
        /// MiB.
        needed: u64,
        /// MiB.
        budget: u64,
    },
    /// No such device, or no memory on it.
    #[error("the device `{device}` cannot be used ({cause}): choose the CPU or check its driver")]
    Device {
        /// As asked.
        device: String,
        /// The driver's words.
        cause: String,
    },
}

/// What loading gives.
pub type Loaded<T> = Result<T, LoadError>;

/// The tensors of one file, handed out once each.
pub struct Weights {
    file: String,
    device: Device,
    tensors: HashMap<String, Tensor>,
}

impl Weights {
    /// Reads a safetensors file on to a device.
    pub fn open(file: &ModelFile, device: &Device) -> Result<Self, LoadError> {
        let bytes = file.checked()?;
        match candle_core::safetensors::load_buffer(bytes, device) {
            Ok(tensors) => Ok(Self { file: file.name.clone(), device: device.clone(), tensors }),
            Err(e) => Err(LoadError::Malformed { file: file.name.clone(), cause: first_line(&e) }),
        }
    }

    /// Where the tensors lie.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Takes the tensor `name` as f32.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, LoadError> {
        let file = || self.file.clone();
        let Some(tensor) = self.tensors.remove(name) else {
            return Err(LoadError::Missing { file: file(), tensor: name.to_owned() });
        };
        if tensor.dims() != shape {
            return Err(LoadError::Shape {
                file: file(),
                tensor: name.to_owned(),
                expected: shape.to_vec(),
                found: tensor.dims().to_vec(),
            });
        }
        self.ready(tensor.to_dtype(DType::F32))
    }

    /// A tensor made from others while loading; a failure there is the file's fault.
    pub fn ready(&self, made: candle_core::Result<Tensor>) -> Result<Tensor, LoadError> {
        made.and_then(|tensor| tensor.contiguous())
            .map_err(|e| LoadError::Malformed { file: self.file.clone(), cause: first_line(&e) })
    }

    /// Ends the loading: every tensor of the file must have been taken.
    pub fn finish(self) -> Result<(), LoadError> {
        match self.tensors.into_keys().min() {
            Some(tensor) => Err(LoadError::Unexpected { file: self.file, tensor }),
            None => Ok(()),
        }
    }
}

/// An error's words without its backtrace.
pub fn first_line(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
