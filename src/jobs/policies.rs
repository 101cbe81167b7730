//! Looks at the folder of policies: when its files change, the new bundle is tested and put in force, or the old one stays and says why.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::actions::Instance;
use crate::actions::reload_policies::{Reloaded, reload_policies};
use crate::storage::files;

/// Looks this often: a look costs one question per file, and works on every file system.
const PERIOD: Duration = Duration::from_secs(2);

/// Runs until `stop` turns true; at once over when the bundle is the one inside the program.
pub async fn run(instance: Arc<Instance>, mut stop: watch::Receiver<bool>) {
    let Some(folder) = instance.policies_dir.clone() else { return };
    let mut seen = stamp(&folder).await;
    while !*stop.borrow() {
        tokio::select! {
            _ = stop.changed() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
        let now = stamp(&folder).await;
        if now == seen {
            continue;
        }
        seen = now;
        match reload_policies(&instance).await {
            Ok(Reloaded::Changed(hash)) => tracing::info!(bundle = %hash, "another policy bundle is in force"),
            Ok(Reloaded::Same(_)) => {}
            Err(e) => tracing::error!(problem = %e, "the changed policy files are not in force"),
        }
    }
}

/// Names, sizes and times of the files; `None` when the folder can't be read just now.
async fn stamp(folder: &Path) -> Option<Vec<files::Stamp>> {
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || files::stamps(&folder).ok()).await.ok().flatten()
}
