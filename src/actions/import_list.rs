//! Registering many works: a list with its files, or a folder of pictures that speak for themselves. Each work is one statement. The list is
//! read as a stream and each batch of rows is one transaction with its report, so an import that was cut off goes on after the last row that
//! was committed, and begun anew registers nothing twice: a file that is registered already is known by its hash.

use std::collections::HashSet;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::candidate::{Candidate, Told, candidate, deed};
use super::record::{may_state, record_all};
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope, Scopes};
use crate::chance::Chance;
use crate::clock::{Clock, Timestamp};
use crate::digest::{Blake3, Sha256Hash};
use crate::id::ImportId;
use crate::provenance::TrustAnchors;
use crate::storage::imports::{Import, ImportRow, Outcome};
use crate::storage::sources::Source;
use crate::storage::tasks::TaskState;
use crate::storage::{self, Lock, blobs::Blob};
use crate::works::list::{self, Croissant, Form, Row, Rows};
use crate::works::{EvidenceFile, TEXT_LIMIT};

/// Rows in one transaction.
const AT_ONCE: usize = 500;
/// Bytes of files in one transaction.
const BYTES_AT_ONCE: usize = 24 << 20;
/// Largest file of a list.
const FILE_BYTES: u64 = 32 << 20;
/// How long an import is on lease, in milliseconds; renewed with every batch.
pub const LEASE_MS: i64 = 60_000;

/// What holds for every row of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImportSettings {
    /// The list in the folder or archive; looked for when empty.
    pub list: String,
    /// Whether what the list leaves empty is taken from the files' own records. Always so without a list.
    pub from_files: bool,
    /// Fills what a row leaves empty.
    pub author: String,
    /// The same.
    pub rights_holder: String,
    /// The same: SPDX identifier or address.
    pub licence: String,
    /// The same.
    pub licence_url: String,
    /// The same.
    pub source: String,
    /// The same.
    pub collection: String,
    /// The same.
    pub evidence: String,
}

impl ImportSettings {
    fn row(&self) -> Row {
        Row {
            author: self.author.clone(),
            rights_holder: self.rights_holder.clone(),
            licence: self.licence.clone(),
            licence_url: self.licence_url.clone(),
            source: self.source.clone(),
            collection: self.collection.clone(),
            evidence: self.evidence.clone(),
            ..Row::default()
        }
    }

    fn check(&self) -> Result<()> {
        let mut problems = Vec::new();
        for (field, text) in [
            ("list", &self.list),
            ("author", &self.author),
            ("rights_holder", &self.rights_holder),
            ("licence", &self.licence),
            ("licence_url", &self.licence_url),
            ("source", &self.source),
            ("collection", &self.collection),
            ("evidence", &self.evidence),
        ] {
            if text.chars().count() > TEXT_LIMIT || text.chars().any(char::is_control) {
                problems.push((field, format!("{field} has at most {TEXT_LIMIT} characters and no control characters")));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
    }
}

/// Puts an import in. On lease to its maker when it goes on with it itself; otherwise the service's worker takes it.
pub async fn begin_import(
    instance: &Instance,
    actor: &Actor,
    name: &str,
    place: &Path,
    settings: &ImportSettings,
    leased: bool,
) -> Result<Import> {
    if !actor.may(Scope::Works) {
        return Err(Error::Forbidden(Scope::Works));
    }
    settings.check()?;
    may_state(&mut instance.store.read().await?, instance, &actor.name, "work").await?;
    let now = instance.clock.now();
    let import = Import {
        id: ImportId::new(now, &*instance.chance),
        account: actor.account,
        actor: actor.name.clone(),
        name: name.chars().filter(|c| !c.is_control()).take(TEXT_LIMIT).collect(),
        place: place.display().to_string(),
        settings: serde_json::to_value(settings).map_err(Error::internal)?,
        state: if leased { TaskState::Running } else { TaskState::Queued },
        rows: 0,
        registered: 0,
        known: 0,
        refused: 0,
        problem: None,
        created_at: now,
        changed_at: now,
    };
    let mut tx = instance.store.begin().await?;
    storage::imports::insert(&mut tx, &import, leased.then(|| now.plus_millis(LEASE_MS))).await?;
    tx.commit().await?;
    instance.bell.ring();
    Ok(import)
}

/// Calls an import off: what is registered stays registered.
pub async fn cancel_import(instance: &Instance, actor: &Actor, id: ImportId) -> Result<()> {
    let mut tx = instance.store.begin().await?;
    let import = storage::imports::find(&mut tx, id).await?.filter(|i| i.account == actor.account || actor.may(Scope::Operate));
    let import = import.ok_or_else(|| Error::not_found("import", id))?;
    if !storage::imports::end(&mut tx, id, TaskState::Cancelled, None, instance.clock.now()).await? {
        return Err(Error::Conflict("the import is over already".into()));
    }
    tx.commit().await?;
    storage::uploads::remove(&instance.uploads, Path::new(&import.place)).await;
    Ok(())
}

/// A row, looked at.
struct Looked {
    n: u64,
    item: String,
    ready: std::result::Result<Box<Candidate>, String>,
}

/// Takes up an import of the same place with the same settings that was cut off before its end: a command that was killed left its lease
/// behind, and nobody else works on a list of this machine. `None`: there is none.
pub async fn take_up_import(
    instance: &Instance,
    actor: &Actor,
    place: &Path,
    settings: &ImportSettings,
) -> Result<Option<Import>> {
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    let Some(found) = storage::imports::find_open(&mut tx, actor.account, &place.display().to_string()).await? else {
        return Ok(None);
    };
    if serde_json::from_value::<ImportSettings>(found.settings.clone()).ok().as_ref() != Some(settings) {
        return Ok(None);
    }
    storage::imports::put_back(&mut tx, found.id).await?;
    storage::imports::take(&mut tx, found.id, now, now.plus_millis(LEASE_MS)).await?;
    tx.commit().await?;
    Ok(Some(found))
}

/// Goes on with an import on lease until its list ends, it is called off, or `wanted` says no more (then it waits for its next turn).
/// `progress` hears of it after every batch.
pub async fn go_on(
    instance: &Instance,
    mut import: Import,
    wanted: &(dyn Fn() -> bool + Sync),
    progress: &(dyn Fn(&Import) + Sync),
) -> Result<Import> {
    let settings: ImportSettings = serde_json::from_value(import.settings.clone()).map_err(Error::internal)?;
    // As it was asked for: whether it may was looked at then.
    let actor = Actor { account: import.account, name: import.actor.clone(), scopes: Scopes::default() };
    let mut batches = {
        let reader = Reader {
            place: PathBuf::from(&import.place),
            settings,
            actor: actor.clone(),
            skip: import.rows,
            trust: instance.keys.image_signer().trust().clone(),
            clock: Arc::clone(&instance.clock),
            chance: Arc::clone(&instance.chance),
        };
        let (out, batches) = mpsc::channel(1);
        std::thread::spawn(move || reader.run(&out));
        batches
    };
    while wanted() {
        let batch = match batches.recv().await {
            None => return end(instance, import, TaskState::Done, None).await,
            Some(Err(problem)) => return end(instance, import, TaskState::Failed, Some(problem)).await,
            Some(Ok(batch)) => batch,
        };
        let kept = match put(instance, &actor, &mut import, batch).await {
            // Trying again would end in the same.
            Err(Error::Invalid(problems)) => {
                let problem = problems.into_iter().map(|(_, problem)| problem).collect::<Vec<_>>().join("; ");
                return end(instance, import, TaskState::Failed, Some(problem)).await;
            }
            kept => kept?,
        };
        if !kept {
            let mut tx = instance.store.read().await?;
            return storage::imports::find(&mut tx, import.id).await?.ok_or_else(|| Error::not_found("import", import.id));
        }
        progress(&import);
    }
    let mut tx = instance.store.begin().await?;
    storage::imports::put_back(&mut tx, import.id).await?;
    tx.commit().await?;
    import.state = TaskState::Queued;
    Ok(import)
}

async fn end(instance: &Instance, mut import: Import, state: TaskState, problem: Option<String>) -> Result<Import> {
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    storage::imports::end(&mut tx, import.id, state, problem.as_deref(), now).await?;
    tx.commit().await?;
    storage::uploads::remove(&instance.uploads, Path::new(&import.place)).await;
    (import.state, import.problem, import.changed_at) = (state, problem, now);
    Ok(import)
}

/// Registers a batch. False: it is another worker's by now, or was called off; then nothing of it was kept.
async fn put(instance: &Instance, actor: &Actor, import: &mut Import, batch: Vec<Looked>) -> Result<bool> {
    let now = instance.clock.now();
    let pack = pack(instance, &batch).await?;
    let hashes: Vec<Sha256Hash> = batch.iter().filter_map(|l| l.ready.as_ref().ok()).map(|r| r.work.digest.sha256).collect();
    let mut tx = instance.store.begin().await?;
    tx.lock(Lock::Works).await?;
    let mut known = storage::works::ids_by_sha256(&mut tx, &hashes).await?;
    let (mut rows, mut blobs, mut deeds) = (Vec::with_capacity(batch.len()), Vec::new(), Vec::new());
    for looked in &batch {
        let (outcome, work, note) = match &looked.ready {
            Err(problem) => (Outcome::Refused, None, problem.clone()),
            Ok(ready) => match known.entry(ready.work.digest.sha256) {
                Entry::Occupied(other) => (Outcome::Known, Some(*other.get()), "the very file is registered already".to_owned()),
                Entry::Vacant(free) => {
                    free.insert(ready.work.id);
                    let media = ready.file.iter().map(|(d, _)| (d, ready.work.media_type.as_str()));
                    for (digest, media_type) in media.chain(ready.evidence.iter().map(|(d, _)| (d, "application/octet-stream"))) {
                        let place = pack.as_ref().and_then(|(pack, places)| Some((*pack, *places.get(&digest.blake3)?)));
                        blobs.push(Blob { digest: *digest, media_type: media_type.to_owned(), pack: place });
                    }
                    deeds.push(deed(ready, actor));
                    (Outcome::Registered, Some(ready.work.id), ready.notes.join("; "))
                }
            },
        };
        rows.push(ImportRow { n: looked.n, item: looked.item.clone(), outcome, work, note });
    }
    storage::blobs::insert_all(&mut tx, &blobs).await?;
    record_all(&mut tx, instance, now, deeds).await?;
    if !storage::imports::advance(&mut tx, import.id, import.rows, &rows, now, now.plus_millis(LEASE_MS)).await? {
        return Ok(false);
    }
    tx.commit().await?;
    instance.bell.ring();
    import.rows += rows.len() as u64;
    for row in &rows {
        match row.outcome {
            Outcome::Registered => import.registered += 1,
            Outcome::Known => import.known += 1,
            Outcome::Refused => import.refused += 1,
        }
    }
    import.changed_at = now;
    Ok(true)
}

/// The files of a batch, one after the other in one object: thousands of little files would each cost a write to disk. None of them is put
/// there that is on record already.
async fn pack(instance: &Instance, batch: &[Looked]) -> Result<Option<(Blake3, std::collections::HashMap<Blake3, u64>)>> {
    let (mut bytes, mut places) = (Vec::new(), std::collections::HashMap::new());
    let mut seen = HashSet::new();
    let mut tx = instance.store.read().await?;
    for ready in batch.iter().filter_map(|l| l.ready.as_ref().ok()) {
        for (digest, file) in ready.file.iter().chain(&ready.evidence) {
            if seen.insert(digest.blake3) && storage::blobs::find(&mut tx, digest.blake3).await?.is_none() {
                places.insert(digest.blake3, bytes.len() as u64);
                bytes.extend_from_slice(file);
            }
        }
    }
    drop(tx);
    if places.is_empty() {
        return Ok(None);
    }
    // INVARIANT: the bytes are on disk before a row names them.
    let digest = instance.blobs.put(bytes).await?;
    Ok(Some((digest.blake3, places)))
}

/// Reads the list and its files, on a thread of its own and one batch ahead.
struct Reader {
    place: PathBuf,
    settings: ImportSettings,
    actor: Actor,
    skip: u64,
    trust: TrustAnchors,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
}

type Out = mpsc::Sender<std::result::Result<Vec<Looked>, String>>;

impl Reader {
    fn run(self, out: &Out) {
        if let Err(problem) = self.read(out) {
            let _ = out.blocking_send(Err(problem));
        }
    }

    fn read(&self, out: &Out) -> std::result::Result<(), String> {
        let (mut source, named) = Source::open(&self.place)?;
        let (rows, listed) = self.rows(&mut source, named)?;
        let defaults = self.settings.row();
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for (n, row) in (1u64..).zip(rows).skip(usize::try_from(self.skip).unwrap_or(usize::MAX)) {
            let looked = match row {
                Err(bad) => Looked { n, item: bad.item, ready: Err(bad.problem) },
                Ok(row) => {
                    let item = row.name();
                    // The moment of this row: ids made from it lie side by side in the tables.
                    let ready = self.look(&mut source, row.or(&defaults), listed, self.clock.now());
                    Looked { n, item, ready: ready.map(Box::new) }
                }
            };
            if let Ok(ready) = &looked.ready {
                bytes += ready.file.iter().chain(&ready.evidence).map(|(_, b)| b.len()).sum::<usize>();
            }
            batch.push(looked);
            if batch.len() == AT_ONCE || bytes >= BYTES_AT_ONCE {
                bytes = 0;
                // Nobody waits for more: the import was put back or called off.
                if out.blocking_send(Ok(std::mem::take(&mut batch))).is_err() {
                    return Ok(());
                }
            }
        }
        if !batch.is_empty() {
            let _ = out.blocking_send(Ok(batch));
        }
        Ok(())
    }

    /// The rows, and whether they come from a list.
    fn rows(&self, source: &mut Source, named: Option<String>) -> std::result::Result<(Rows, bool), String> {
        let wanted = Some(self.settings.list.clone()).filter(|l| !l.is_empty());
        let list = match named.or(wanted) {
            Some(list) => Some(list),
            None => source.find_list(&|name| Form::of_name(name).is_some())?,
        };
        let Some(list) = list else {
            let rows = source.pictures().map(|name| match name {
                Ok(file) => Ok(Row { item: file.clone(), file, ..Row::default() }),
                Err(problem) => Err(list::BadRow { item: String::new(), problem }),
            });
            return Ok((Box::new(rows), false));
        };
        source.base_on(&list);
        let json = list.to_lowercase().ends_with(".json").then_some(Form::Croissant);
        let form = Form::of_name(&list).or(json).ok_or_else(|| {
            format!("`{list}` is no list: give a .csv, .jsonl or a Croissant (.json), or a folder or .zip with one")
        })?;
        let stream = source.stream(&list)?;
        if form != Form::Croissant {
            return Ok((list::rows(form, std::io::BufReader::new(stream))?, true));
        }
        let croissant = Croissant::read(stream).map_err(|e| e.to_string())?;
        match &croissant.table {
            None => Ok((croissant.into_rows(), true)),
            Some((path, columns)) => {
                let folder = list.rfind('/').map_or("", |at| &list[..=at]);
                let table = source.stream(&format!("{folder}{path}"))?;
                let defaults = croissant.defaults.clone();
                let rows = list::csv_rows(table, columns)?.map(move |row| row.map(|r| r.or(&defaults)));
                Ok((Box::new(rows), true))
            }
        }
    }

    fn look(&self, source: &mut Source, row: Row, listed: bool, now: Timestamp) -> std::result::Result<Candidate, String> {
        let file = if row.file.is_empty() { None } else { Some(source.bytes(&row.file, FILE_BYTES)?) };
        let mut evidence = Vec::new();
        // One more than may be is enough to refuse them.
        for name in row.evidence_files.iter().take(EvidenceFile::MOST + 1) {
            let bytes = source.bytes(name, EvidenceFile::BYTES as u64).map_err(|e| format!("evidence `{name}`: {e}"))?;
            evidence.push((name.clone(), bytes));
        }
        EvidenceFile::check(&evidence)?;
        let from_file = self.settings.from_files || !listed;
        let told = Told { row, file, evidence, from_file, author_may_be_unknown: true };
        candidate(told, &self.actor, &self.trust, now, &*self.chance)
            .map_err(|problems| problems.into_iter().map(|(field, p)| format!("{field}: {p}")).collect::<Vec<_>>().join("; "))
    }
}
