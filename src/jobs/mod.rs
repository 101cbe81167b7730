//! Jobs: what runs beside the requests. `worker` leases and draws pictures, `sequence` publishes checkpoints and keeps the certificate
//! fresh. Jobs know the engine; they know no HTTP.

pub mod generate;
pub mod sequence;
pub mod worker;

use std::path::Path;
use std::sync::Arc;

use crate::actions::{Error, found};
use crate::clock::Clock;
use crate::generation::candle::Place;
use crate::generation::{CandleBackend, Engine, ModelFile, ModelFiles};

/// Starts the engine with the model in use, each file checked against its card.
pub fn start_engine(models_dir: &Path, queue: usize, clock: Arc<dyn Clock>) -> Result<Engine, Error> {
    let folder = found::model_folder(models_dir)?;
    let card = found::model(&folder)?.card;
    let file = |role: &str| -> Result<ModelFile, Error> {
        let bytes = found::model_file(&folder, &card, role)?;
        let name = card.file(role).map_or_else(|| role.to_owned(), |f| folder.join(&f.name).display().to_string());
        Ok(ModelFile { name, bytes, sha256: None })
    };
    let files = ModelFiles { weights: file("weights")?, config: file("config")?, vocab: file("vocabulary")? };
    let place = if cfg!(feature = "cuda") { Place::Cuda(0) } else { Place::Cpu };
    Engine::start_with(move || CandleBackend::load(&files, place), queue, clock).map_err(Error::internal)
}
