//! The importer's loop: lease the oldest import, go on with it until its list ends or the service stops. Beside it fingerprints of
//! new works and images are made and the index is kept up, so that no picture waits for them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::actions::fingerprint::make_fingerprints;
use crate::actions::import_list::{LEASE_MS, go_on};
use crate::actions::look::index_facts;
use crate::actions::{Error, Instance};
use crate::storage::imports::{self, Import};

/// Looks this often even when no bell rang (a lease may have run out).
const PERIOD: Duration = Duration::from_secs(5);

/// Runs until `stop` turns true; an import in work goes on at the next start.
pub async fn run(instance: Arc<Instance>, mut stop: watch::Receiver<bool>) {
    let mut bell = instance.bell.listen();
    while !*stop.borrow() {
        match next(&instance).await {
            Ok(Some(import)) => {
                let id = import.id;
                let wanted = || !*stop.borrow();
                match go_on(&instance, import, &wanted, &|_| {}).await {
                    Ok(import) if import.state.is_over() => {
                        tracing::info!(import = %id, rows = import.rows, registered = import.registered, refused = import.refused, "import ended");
                    }
                    Ok(_) => {}
                    Err(e) => {
                        tracing::error!(import = %id, error = %e, "an import stopped; it is tried again when its lease has run out")
                    }
                }
                continue;
            }
            Ok(None) => {}
            Err(e) => tracing::error!(error = %e, "imports can't be looked for"),
        }
        // The index is read when the service starts, and not when somebody first asks for it.
        let kept = async { make_fingerprints(&instance).await.map(drop).and(index_facts(&instance).await.map(drop)) };
        if let Err(e) = kept.await {
            tracing::error!(error = %e, "pictures can't be looked up");
        }
        tokio::select! {
            _ = bell.changed() => {}
            _ = stop.changed() => {}
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

async fn next(instance: &Instance) -> Result<Option<Import>, Error> {
    let now = instance.clock.now();
    let mut after = String::new();
    loop {
        let mut tx = instance.store.begin().await?;
        let import = imports::lease(&mut tx, now, now.plus_millis(LEASE_MS), &after).await?;
        match import {
            // What was uploaded to another machine lies there, and is that machine's to register.
            Some(import) if is_elsewhere(&import) => after = import.id.to_string(),
            found => {
                tx.commit().await?;
                return Ok(found);
            }
        }
    }
}

/// Whether an import was uploaded to another machine's folder.
fn is_elsewhere(import: &Import) -> bool {
    !std::path::Path::new(&import.place).exists()
}
