//! Jobs: what runs beside the requests. `worker` leases and draws pictures (`apply`: those that need no model), `sequence` publishes checkpoints and keeps the certificate
//! fresh, `import` registers lists of works, `policies` watches the policy folder, `hub` asks the Local Contexts Hub, `erase`
//! finishes erasures that were cut short. Jobs know the engine; they answer no requests.

pub mod adapt;
mod apply;
pub mod erase;
pub mod generate;
pub mod hub;
pub mod import;
pub mod policies;
pub mod replay;
pub mod sequence;
pub mod train;
pub mod worker;

use std::path::Path;
use std::sync::Arc;

use crate::actions::{Error, found};
use crate::clock::Clock;
use crate::config::{self, Settings};
use crate::generation::candle::Place;
use crate::generation::{CandleBackend, Engine, ModelFile, ModelFiles, Stock};
use crate::storage::jobs::Which;

/// The files of the model in use, each checked against its card.
pub fn model_files(models_dir: &Path) -> Result<ModelFiles, Error> {
    let folder = found::model_folder(models_dir)?;
    let card = found::model(&folder)?.card;
    let file = |role: &str| -> Result<ModelFile, Error> {
        let bytes = found::model_file(&folder, &card, role)?;
        let name = card.file(role).map_or_else(|| role.to_owned(), |f| folder.join(&f.name).display().to_string());
        Ok(ModelFile { name, bytes, sha256: None })
    };
    Ok(ModelFiles { weights: file("weights")?, config: file("config")?, vocab: file("vocabulary")? })
}

/// Where a setting wants to draw.
fn place(device: config::Device) -> Place {
    match device {
        config::Device::Auto => Place::built_for(),
        config::Device::Cpu => Place::Cpu,
        config::Device::Cuda(number) => Place::Cuda(number),
        config::Device::Metal => Place::Metal,
    }
}

/// Which jobs a process takes; none where it draws nothing.
pub fn which(draws: config::Draws) -> Option<Which> {
    match draws {
        config::Draws::All => Some(Which::All),
        config::Draws::Embedded => Some(Which::Embedded),
        config::Draws::Added => Some(Which::Added),
        config::Draws::None => None,
    }
}

/// Starts the engine with the embedded model, each file checked against its card, and room for models of folders.
pub fn start_engine(settings: &Settings, queue: usize, clock: Arc<dyn Clock>) -> Result<Engine, Error> {
    let files = model_files(&settings.models_dir)?;
    let (place, threads, memory) = (place(settings.device), settings.threads, settings.model_memory);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = move || {
        // The engine's own pool: more threads cost more processor time than they save for small models (measured 0.30 s against 0.42 s a
        // picture on two cores). Left running on purpose: it belongs to this thread until the process ends.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build();
        std::mem::forget(pool);
        Ok(Stock::new(CandleBackend::load(&files, place)?, place, memory, threads.max(cores)))
    };
    Engine::start_with(load, queue, clock).map_err(Error::internal)
}
