//! The real backend: a model's files on a candle device. The only door through which tensors are reached, and none passes it.

use candle_core::Device;

use super::backend::{Backend, BackendError, BackendInfo, Flow, Picture, Step};
use super::config::ModelFiles;
use super::pipeline::Model;
use super::request::DrawRequest;
use super::weights::LoadError;

/// Where to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// On the processor, in f32.
    #[default]
    Cpu,
    /// On an NVIDIA device, by number; needs a build with the `cuda` feature. Load and draw on one thread: candle orders work by thread.
    Cuda(usize),
    /// On an Apple device; needs a build with the `metal` feature.
    Metal,
}

impl Place {
    /// What this program was built for.
    pub fn built_for() -> Self {
        match (cfg!(feature = "cuda"), cfg!(feature = "metal")) {
            (true, _) => Self::Cuda(0),
            (_, true) => Self::Metal,
            _ => Self::Cpu,
        }
    }

    /// Such as `cuda:0`.
    pub fn name(self) -> String {
        match self {
            Self::Cpu => "cpu".to_owned(),
            Self::Cuda(number) => format!("cuda:{number}"),
            Self::Metal => "metal".to_owned(),
        }
    }

    /// candle's name for it.
    pub(super) fn device(self) -> candle_core::Result<Device> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(number) => Device::new_cuda(number),
            Self::Metal => Device::new_metal(0),
        }
    }
}

/// The embedded model on candle.
#[derive(Debug)]
pub struct CandleBackend {
    info: BackendInfo,
    model: Model,
}

impl CandleBackend {
    /// Loads and checks a model.
    pub fn load(files: &ModelFiles, place: Place) -> Result<Self, LoadError> {
        let name = place.name();
        let device =
            place.device().map_err(|e| LoadError::Device { device: name.clone(), cause: super::weights::first_line(&e) })?;
        let model = Model::load(files, &device)?;
        let info = BackendInfo { name: "candle", device: name, config: model.config.clone() };
        Ok(Self { info, model })
    }
}

impl Backend for CandleBackend {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn draw(&mut self, request: &DrawRequest, on_step: &mut (dyn FnMut(Step) -> Flow + Send)) -> Result<Picture, BackendError> {
        self.model.draw(request, on_step)
    }
}
