//! The Local Contexts Hub: fetches the projects that works were said to belong to, and asks now and then whether those known have changed. Over
//! version 2 of its API with a key; what the answers mean is `policy`'s business.
//!
//! A project that the Hub does not show any more keeps its labels: nobody has taken them back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::actions::attach_project::{attach_fetched, note_problem};
use crate::actions::{Error, Instance};
use crate::policy::read_dates;
use crate::storage;

/// What was asked for is fetched within this time.
const PERIOD: Duration = Duration::from_secs(5);
/// Known projects are asked about this often.
const REFRESH: Duration = Duration::from_secs(6 * 3600);
/// One answer takes at most so long.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest answer, in bytes; one more tells a longer one apart.
const LIMIT: u64 = (4 << 20) + 1;
/// Projects in one question about dates: an address has its limits.
const AT_ONCE: usize = 40;

/// The Hub, asked with a key.
pub struct Hub {
    agent: ureq::Agent,
    url: String,
    key: String,
}

impl Hub {
    /// At `url`, such as `https://localcontextshub.org`.
    pub fn new(url: &str, key: &str) -> Self {
        // No redirects: the key is for this address alone.
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .into();
        Self { agent, url: url.to_owned(), key: key.to_owned() }
    }

    /// One project, as the Hub writes it; its refusals are JSON too.
    fn project(&self, id: &str) -> Result<Vec<u8>, String> {
        self.get(&format!("projects/{id}/"))
    }

    /// When the projects were last changed.
    fn dates(&self, ids: &[&str]) -> Result<BTreeMap<String, String>, String> {
        let answer = self.get(&format!("projects/multi/date_modified/{}/", ids.join(",")))?;
        read_dates(&answer).map(|dates| dates.into_iter().collect()).map_err(|e| e.to_string())
    }

    fn get(&self, path: &str) -> Result<Vec<u8>, String> {
        let address = format!("{}/api/v2/{path}", self.url);
        let unreachable =
            |e: ureq::Error| format!("the Local Contexts Hub can't be reached at {}: {e}; it is tried again", self.url);
        let mut answer = self
            .agent
            .get(&address)
            .header("X-Api-Key", &self.key)
            .header("Accept", "application/json")
            .call()
            .map_err(unreachable)?;
        let status = answer.status();
        if status.is_redirection() || status.is_server_error() {
            return Err(format!("the Local Contexts Hub at {} answers {status}; check `hub_url`, it is tried again", self.url));
        }
        answer.body_mut().with_config().limit(LIMIT).read_to_vec().map_err(unreachable)
    }
}

/// Runs until `stop` turns true; at once over when there is no key.
pub async fn run(instance: Arc<Instance>, hub: Option<Hub>, mut stop: watch::Receiver<bool>) {
    let Some(hub) = hub.map(Arc::new) else { return };
    let mut refreshed = None::<tokio::time::Instant>;
    while !*stop.borrow() {
        if let Err(e) = fetch_asked(&instance, &hub).await {
            tracing::error!(problem = %e, "projects of the Local Contexts Hub");
        }
        if refreshed.is_none_or(|at| at.elapsed() >= REFRESH) {
            refreshed = Some(tokio::time::Instant::now());
            match refresh(&instance, &hub).await {
                Ok(0) => {}
                Ok(n) => tracing::info!(statements = n, "projects of the Local Contexts Hub have changed"),
                Err(e) => tracing::warn!(problem = %e, "the Local Contexts Hub was not asked for changes"),
            }
        }
        tokio::select! {
            _ = stop.changed() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

/// Fetches what was asked for and not tried yet. How many statements that made.
pub async fn fetch_asked(instance: &Instance, hub: &Arc<Hub>) -> Result<usize, Error> {
    let mut tx = instance.store.read().await?;
    let mut ids: Vec<String> = storage::projects::asked(&mut tx, None)
        .await?
        .into_iter()
        .filter(|asked| asked.problem.is_empty())
        .map(|asked| asked.project)
        .collect();
    drop(tx);
    ids.sort_unstable();
    ids.dedup();
    let mut made = 0;
    for id in ids {
        made += fetch(instance, hub, &id).await?;
    }
    Ok(made)
}

/// Fetches one project; what goes wrong with the Hub or its answer is noted, not returned.
async fn fetch(instance: &Instance, hub: &Arc<Hub>, id: &str) -> Result<usize, Error> {
    let (asked, wanted) = (Arc::clone(hub), id.to_owned());
    let problem = match tokio::task::spawn_blocking(move || asked.project(&wanted)).await.map_err(Error::internal)? {
        Err(problem) => problem,
        Ok(json) => match attach_fetched(instance, id, &json).await {
            Ok(made) => return Ok(made),
            Err(Error::Invalid(problems)) => problems.into_iter().map(|(_, problem)| problem).collect::<Vec<_>>().join("; "),
            Err(e) => return Err(e),
        },
    };
    note_problem(instance, id, &problem).await?;
    Ok(0)
}

/// Asks which of the known projects have changed, and fetches those, with what could not be fetched before. How many statements that made.
pub async fn refresh(instance: &Instance, hub: &Arc<Hub>) -> Result<usize, Error> {
    let mut tx = instance.store.read().await?;
    // Works of one project may have been read at different times: all of them must be what the Hub says.
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, project) in storage::projects::all(&mut tx).await? {
        known.entry(project.id).or_default().insert(project.date_modified);
    }
    let failed: Vec<String> = storage::projects::asked(&mut tx, None).await?.into_iter().map(|asked| asked.project).collect();
    drop(tx);
    let mut made = 0;
    let ids: Vec<String> = known.keys().cloned().collect();
    for some in ids.chunks(AT_ONCE) {
        let (asked, wanted) = (Arc::clone(hub), some.to_vec());
        let dates = tokio::task::spawn_blocking(move || asked.dates(&wanted.iter().map(String::as_str).collect::<Vec<_>>()));
        let dates = dates.await.map_err(Error::internal)?.map_err(Error::Internal)?;
        let stale =
            |id: &&String| dates.get(*id).is_some_and(|date| known.get(*id).is_none_or(|read| read.iter().any(|d| d != date)));
        for id in some.iter().filter(stale) {
            made += fetch(instance, hub, id).await?;
        }
    }
    for id in failed {
        made += fetch(instance, hub, &id).await?;
    }
    Ok(made)
}
