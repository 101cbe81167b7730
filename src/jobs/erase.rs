//! Finishes erasures: what was taken off record by a process that died before its bytes were removed, or while somebody read an older state.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::actions::Instance;
use crate::actions::erase::finish_erasing;

/// Looks this often; nearly always there is nothing to do.
const PERIOD: Duration = Duration::from_secs(60);

/// Runs until `stop` turns true.
pub async fn run(instance: Arc<Instance>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        match finish_erasing(&instance).await {
            Ok(None) => {}
            Ok(Some(cleared)) => tracing::info!(?cleared, "what was erased before was removed from this machine's files"),
            Err(e) => tracing::error!(error = %e, "what was erased is not gone from this machine's files yet"),
        }
        tokio::select! {
            _ = stop.changed() => {}
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}
