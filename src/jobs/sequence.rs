//! The sequencer's loop: whenever the bell rings, what is staged gets its place in the log; now and then the certificate is looked at.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::actions::Instance;
use crate::actions::publish_checkpoint::publish_checkpoint;

/// Looks this often even when no bell rang (another process may have staged something).
const PERIOD: Duration = Duration::from_secs(1);
/// What is staged within this time after the bell gets its place together: a head for each statement would keep the writers waiting for
/// nothing.
const POOL: Duration = Duration::from_millis(100);

/// Runs until `stop` turns true.
pub async fn run(instance: Arc<Instance>, mut stop: watch::Receiver<bool>) {
    let mut bell = instance.bell.listen();
    let mut broken = false;
    while !*stop.borrow() {
        match publish_checkpoint(&instance).await {
            Ok(_) => broken = false,
            // Once, not every second: the log is the operator's most important light.
            Err(e) if !broken => {
                broken = true;
                tracing::error!(error = %e, "the log can't grow");
            }
            Err(_) => {}
        }
        match instance.renew_certificate() {
            Ok(true) => tracing::info!("the signing certificate was renewed"),
            Ok(false) => {}
            Err(e) => tracing::error!(error = %e, "the signing certificate can't be renewed"),
        }
        tokio::select! {
            _ = bell.changed() => {
                tokio::select! {
                    () = tokio::time::sleep(POOL) => {}
                    _ = stop.changed() => {}
                }
            }
            _ = stop.changed() => {}
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}
