//! Erasing what is private: words, what was handed in, what opens an account. The log is not touched: it holds commitments only, and once a
//! commitment's key is gone it says nothing, so every proof stays valid. What was published (public words in a signed file, a name in a statement)
//! can't be taken back, and nobody is told that it was.
//!
//! | of an image | of an input | of an account |
//! | --- | --- | --- |
//! | words and key; requests and decisions of the same words; what was said to reviewers; inputs that it alone used | file, name, hashes, what was found in it | all of both; notices, imports, open proposals and asks, memberships; password, sign-ins, tokens, certificate's key |
//!
//! Rows go in one transaction. Bytes go after its commit, as do copies in the free space of the database's files; what is cut short there is on record
//! and done by whoever comes next (`finish_erasing`).

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::request_image::Order;
use super::sign_in::LOCAL_OPERATOR;
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::clock::Timestamp;
use crate::id::{AccountId, DecisionId, ImageId, InputId, JobId, ParentId};
use crate::policy::review::ReviewState;
use crate::storage::decisions::DecisionRecord;
use crate::storage::erasures::Erasure;
use crate::storage::images::Prompt;
use crate::storage::inputs::Input;
use crate::storage::jobs::Job;
use crate::storage::tasks::TaskState;
use crate::storage::{self, Cleared, Lock, Tx};

/// What is to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erasing {
    /// The private words of an image, and what was handed in for it alone.
    Image(ImageId),
    /// One thing that was handed in.
    Input(InputId),
    /// Everything private of an account, by its name.
    Account(String),
}

/// What was erased, in sentences that say nothing of its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// `image`, `input` or `account`.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// When.
    pub erased_at: Timestamp,
    /// What is gone.
    pub gone: Vec<String>,
    /// What stays, and why.
    pub stays: Vec<String>,
    /// What is still to be done, and will be without being asked for; empty when nothing is.
    pub waits: Vec<String>,
}

/// An erasure in work.
struct Work {
    erased: Erased,
    by: AccountId,
    /// Jobs that were called off.
    jobs: Vec<JobId>,
    /// Lists of imports that lie on this machine.
    places: Vec<String>,
}

impl Work {
    fn new(kind: &'static str, id: String, by: AccountId, now: Timestamp) -> Self {
        let erased = Erased { kind, id, erased_at: now, gone: Vec::new(), stays: Vec::new(), waits: Vec::new() };
        Self { erased, by, jobs: Vec::new(), places: Vec::new() }
    }

    fn gone(&mut self, what: impl Into<String>) {
        self.erased.gone.push(what.into());
    }

    /// The same, of a number of them; nothing where there are none.
    fn gone_of(&mut self, n: usize, what: &str) {
        if n > 0 {
            self.gone(format!("{what}: {n}"));
        }
    }

    fn stays(&mut self, what: impl Into<String>) {
        self.erased.stays.push(what.into());
    }

    /// Puts on record that something was erased.
    async fn note(&self, tx: &mut Tx, kind: &str, about: String) -> Result<()> {
        let erasure = Erasure { about, kind: kind.to_owned(), by: self.by, at: self.erased.erased_at };
        Ok(storage::erasures::insert(tx, &erasure).await?)
    }
}

/// Erases it. Whose it is may, and an operator.
pub async fn erase(instance: &Instance, actor: &Actor, what: Erasing) -> Result<Erased> {
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    tx.lock(Lock::Blobs).await?;
    let work = match what {
        Erasing::Image(id) => image(&mut tx, actor, id, now).await?,
        Erasing::Input(id) => input(&mut tx, actor, id, now).await?,
        Erasing::Account(name) => account(&mut tx, actor, &name, now).await?,
    };
    tx.commit().await?;
    let Work { mut erased, jobs, places, .. } = work;
    for job in jobs {
        instance.board.cancel(job);
    }
    for place in places {
        storage::uploads::remove(&instance.uploads, Path::new(&place)).await;
    }
    match finish_erasing(instance).await {
        Ok(Some(Cleared::Server)) => erased.stays.push(
            "PostgreSQL overwrites the freed space when it vacuums; archived WAL and replicas' files keep it as long as you let them"
                .to_owned(),
        ),
        Ok(Some(Cleared::Overwritten)) => erased.stays.push(
            "copies of moved rows may lie in the free space of the SQLite file, which is too large to be written anew here: run `VACUUM` on it"
                .to_owned(),
        ),
        Ok(Some(Cleared::Waiting)) => {
            erased.waits.push("the database's write-ahead file is cut when nobody reads an older state any more".to_owned());
        }
        Ok(Some(Cleared::Whole) | None) => {}
        Err(e) => {
            tracing::warn!(error = %e, "what was erased is off record, and not gone from all files yet");
            erased.waits.push("bytes on disk are removed by the service within a minute, or by `colophon doctor`".to_owned());
        }
    }
    Ok(erased)
}

/// Removes the bytes of what was erased, and clears the database's own files of it. `erase` does so itself; this goes on where it was cut short.
/// `None`: there was nothing to do.
pub async fn finish_erasing(instance: &Instance) -> Result<Option<Cleared>> {
    let mut tx = instance.store.read().await?;
    let due = storage::blobs::due(&mut tx).await?;
    let uncleared = storage::erasures::uncleared(&mut tx).await?;
    drop(tx);
    if due.is_empty() && uncleared.is_empty() {
        return Ok(None);
    }
    if !due.is_empty() {
        let mut tx = instance.store.begin().await?;
        tx.lock(Lock::Blobs).await?;
        for blake3 in storage::blobs::due(&mut tx).await? {
            // The very same bytes may have been handed in again meanwhile.
            if storage::blobs::find(&mut tx, blake3).await?.is_none() {
                instance.blobs.remove(blake3).await?;
            }
            // INVARIANT: bytes are gone before it is forgotten that they are to be.
            storage::blobs::settle(&mut tx, blake3).await?;
        }
        tx.commit().await?;
    }
    let cleared = instance.store.scrub().await?;
    if cleared != Cleared::Waiting && !uncleared.is_empty() {
        let mut tx = instance.store.begin().await?;
        for about in &uncleared {
            storage::erasures::clear(&mut tx, about, instance.clock.now()).await?;
        }
        tx.commit().await?;
    }
    Ok(Some(cleared))
}

/// When the private part of something was erased, for those who may know: whose it was, and operators.
pub async fn erased_at(tx: &mut Tx, actor: Option<&Actor>, image: ImageId, creator: &str) -> Result<Option<Timestamp>> {
    if !actor.is_some_and(|actor| actor.name == creator || actor.may(Scope::Operate)) {
        return Ok(None);
    }
    Ok(storage::erasures::find(tx, &image.to_string()).await?.map(|erasure| erasure.at))
}

/// Whether anything of these words stands in the signed file, and so was published.
pub fn is_published(words: &Prompt) -> bool {
    words.public && !(words.prompt.trim().is_empty() && words.negative.trim().is_empty())
}

async fn image(tx: &mut Tx, actor: &Actor, id: ImageId, now: Timestamp) -> Result<Work> {
    let found = storage::images::find(tx, id).await?.ok_or_else(|| Error::not_found("image", id))?.image;
    let own = actor.name == found.creator && actor.may(Scope::Images);
    if !own && !actor.may(Scope::Operate) {
        return Err(Error::Forbidden(Scope::Operate));
    }
    let Some(words) = storage::images::find_prompt(tx, id).await? else {
        return Err(Error::Conflict(match storage::erasures::find(tx, &id.to_string()).await? {
            Some(before) => format!("the words of `{id}` were erased on {}", before.at.day()),
            None => format!("no words of `{id}` are on record"),
        }));
    };
    if is_published(&words) {
        return Err(Error::Conflict(format!(
            "the words of `{id}` are public: they stand in its signed file, whose hash is in the log, and what was published there can't be taken \
             back; what was handed in for it can be erased: `colophon erase input ID`"
        )));
    }
    let mut work = Work::new("image", id.to_string(), actor.account, now);
    let jobs = storage::jobs::all_of(tx, words.account).await?;
    requests(tx, &mut work, &words, &jobs, now).await?;
    storage::images::erase_prompt(tx, id).await?;
    work.note(tx, "image", id.to_string()).await?;
    work.gone("its words, what it was to avoid, and the key of their commitment");
    // What a picture made from it was refused or allowed for may quote its words.
    for child in storage::images::children(tx, id).await? {
        unquote(tx, child).await?;
    }
    for (role, input) in storage::inputs::of_image(tx, id).await? {
        let Some(input) = storage::inputs::find(tx, input).await? else { continue };
        let others = storage::inputs::images_of(tx, input.id).await?.into_iter().filter(|other| *other != id).count();
        let wanted = jobs.iter().any(|job| !job.state.is_over() && names(&job.request, input.id));
        if others > 0 || wanted {
            work.stays(format!(
                "the {role} `{}`, as other pictures are made with it: `colophon erase input {}`",
                input.id, input.id
            ));
        } else {
            forget(tx, &mut work, &input).await?;
        }
    }
    let same = storage::images::prompts_of(tx, words.account).await?;
    let same = same.iter().filter(|other| other.prompt == words.prompt && !words.prompt.trim().is_empty()).count();
    if same > 0 {
        work.stays(format!("the same words with other images of this account ({same}), until they are erased there"));
    }
    work.stays(format!("the commitment {}, in the log and in the file: without its key it says nothing", found.commitment));
    work.stays("the picture and its signed file, with the title that was given to it, if one was");
    if !found.inputs.is_empty() {
        work.stays("that something was handed in, by its role, day and commitment");
    }
    work.stays(BACKUPS);
    Ok(work)
}

const BACKUPS: &str = "backups made before, until you remove them";

async fn input(tx: &mut Tx, actor: &Actor, id: InputId, now: Timestamp) -> Result<Work> {
    let missing = || Error::not_found("input", id);
    let Some(found) = storage::inputs::find(tx, id).await? else {
        let before = storage::erasures::find(tx, &id.to_string()).await?;
        let before = before.filter(|before| before.by == actor.account || actor.may(Scope::Operate)).ok_or_else(missing)?;
        return Err(Error::Conflict(format!("`{id}` was erased on {}", before.at.day())));
    };
    let own = found.account == actor.account && actor.may(Scope::Images);
    if !own && !actor.may(Scope::Operate) {
        return Err(missing());
    }
    let mut work = Work::new("input", id.to_string(), actor.account, now);
    let used = storage::inputs::images_of(tx, id).await?;
    for image in &used {
        unquote(tx, *image).await?;
    }
    forget(tx, &mut work, &found).await?;
    if !used.is_empty() {
        work.stays(format!(
            "the images made with it ({}) and their files, which can't be drawn again; in the log its role, day and commitment; in files whose words \
             are public its hash, and a picture's name",
            used.len()
        ));
    }
    work.stays(BACKUPS);
    Ok(work)
}

async fn account(tx: &mut Tx, actor: &Actor, name: &str, now: Timestamp) -> Result<Work> {
    let (found, _) = storage::accounts::find_by_name(tx, name).await?.ok_or_else(|| Error::not_found("account", name))?;
    if found.id != actor.account && !actor.may(Scope::Operate) {
        return Err(Error::Forbidden(Scope::Operate));
    }
    if found.name == LOCAL_OPERATOR {
        return Err(Error::Conflict(
            "this is the account of the command line: erase its images and inputs one by one".to_owned(),
        ));
    }
    let id = found.id;
    let mut work = Work::new("account", id.to_string(), actor.account, now);
    let jobs = storage::jobs::all_of(tx, id).await?;
    for job in &jobs {
        let open = !job.state.is_over() || job.state == TaskState::Held;
        if open && storage::jobs::end(tx, job.id, TaskState::Cancelled, "its account was erased", now).await? {
            work.jobs.push(job.id);
        }
        storage::jobs::erase_request(tx, job.id, &wordless(&job.request)).await?;
    }
    work.gone_of(jobs.len(), "the words of requests");
    let asked = storage::decisions::of_account(tx, id).await?;
    for each in &asked {
        storage::decisions::erase_words(tx, each.id, &each.decision.without_prompt(), false).await?;
    }
    work.gone_of(asked.len(), "what decisions quoted");
    let reviews = storage::reviews::of_account(tx, id, u32::MAX).await?;
    for review in &reviews {
        if review.state == ReviewState::Open {
            storage::reviews::close(tx, review.id, ReviewState::Withdrawn, None, now).await?;
        }
        storage::reviews::erase_words(tx, review.id).await?;
    }
    work.gone_of(reviews.len(), "what was said to reviewers");
    let words = storage::images::prompts_of(tx, id).await?;
    let (published, private): (Vec<&Prompt>, Vec<&Prompt>) = words.iter().partition(|words| is_published(words));
    for words in &private {
        storage::images::erase_prompt(tx, words.image).await?;
        work.note(tx, "image", words.image.to_string()).await?;
    }
    work.gone_of(private.len(), "the private words of images, and the keys of their commitments");
    for input in storage::inputs::all_of(tx, id).await? {
        forget(tx, &mut work, &input).await?;
    }
    work.places = storage::imports::erase(tx, id).await?;
    let imports = work.places.len();
    work.gone_of(imports, "imports with their lists and reports");
    let proposals = storage::agreements::erase_proposals(tx, &found.name).await?;
    work.gone_of(usize::try_from(proposals).unwrap_or(usize::MAX), "proposals that nobody agreed on");
    storage::projects::erase_asks(tx, &found.name).await?;
    storage::stewards::erase_memberships(tx, id).await?;
    storage::notices::erase(tx, id).await?;
    storage::identities::erase(tx, id).await?;
    storage::accounts::erase(tx, id, now).await?;
    work.note(tx, "account", id.to_string()).await?;
    work.gone("its password, sign-ins, tokens, notices and memberships, and the key that signed its images; it is disabled");
    work.stays(format!(
        "the name “{}”, which stands in statements of the log and in signed files; nobody else can take it",
        found.name
    ));
    if !published.is_empty() {
        work.stays(format!("public words of images ({}): they stand in signed files", published.len()));
    }
    work.stays("what was said in public: records of works, licences, disputes with their files of evidence, consents, rulings, agreements");
    work.stays("images with their commitments, which say nothing any more");
    work.stays(BACKUPS);
    Ok(work)
}

/// Erases the words from every request that was made with them: the one that made the image, those that failed, were called off or were refused. What
/// made another image stays with that one, and what waits is not taken from whoever waits for it.
async fn requests(tx: &mut Tx, work: &mut Work, words: &Prompt, jobs: &[Job], now: Timestamp) -> Result<()> {
    let mut decided: Vec<DecisionId> = Vec::new();
    let (mut requests, mut waiting) = (0, 0);
    for job in jobs {
        let (own, said) = (job.image == Some(words.image), says(&job.request, words));
        if own || said && job.image.is_none() && job.state.is_over() {
            storage::jobs::erase_request(tx, job.id, &wordless(&job.request)).await?;
            decided.push(job.decision);
            requests += 1;
        } else if said && !job.state.is_over() {
            waiting += 1;
        }
    }
    for asked in storage::decisions::of_account(tx, words.account).await? {
        if !decided.contains(&asked.id) && !asked.request.as_ref().is_some_and(|request| says(request, words)) {
            continue;
        }
        if open_review(tx, &asked, now).await? {
            waiting += 1;
            continue;
        }
        storage::decisions::erase_words(tx, asked.id, &asked.decision.without_prompt(), false).await?;
        if let Some(review) = storage::reviews::of_decision(tx, asked.id).await? {
            storage::reviews::erase_words(tx, review.id).await?;
        }
    }
    work.gone_of(requests, "requests and decisions of these words");
    if waiting > 0 {
        work.stays(format!("requests of the same words that still wait ({waiting}): call them off and erase again"));
    }
    Ok(())
}

/// Whether a person is still to rule on the request of a decision.
async fn open_review(tx: &mut Tx, asked: &DecisionRecord, now: Timestamp) -> Result<bool> {
    let review = storage::reviews::of_decision(tx, asked.id).await?;
    Ok(review.is_some_and(|review| review.stands(now) == ReviewState::Open))
}

/// Erases what the decision on an image quotes: of its parent's words, of the name of a file.
async fn unquote(tx: &mut Tx, image: ImageId) -> Result<()> {
    let Some(job) = storage::jobs::of_image(tx, image).await? else { return Ok(()) };
    if let Some(asked) = storage::decisions::find(tx, job.decision).await? {
        storage::decisions::erase_words(tx, asked.id, &asked.decision.without_prompt(), true).await?;
    }
    Ok(())
}

/// Erases something that was handed in.
async fn forget(tx: &mut Tx, work: &mut Work, input: &Input) -> Result<()> {
    storage::inputs::erase(tx, input.id).await?;
    let bytes = storage::blobs::release(tx, &input.digest, work.erased.erased_at).await?;
    work.note(tx, "input", input.id.to_string()).await?;
    work.gone(format!(
        "the {} `{}`: its name, hashes and what was found in it{}",
        input.role,
        input.id,
        if bytes { ", and its file" } else { "" }
    ));
    if !bytes {
        work.stays(format!("the bytes of `{}`, as something else here is made of the very same", input.id));
    }
    Ok(())
}

/// Whether a request is in these words.
fn says(request: &Value, words: &Prompt) -> bool {
    !words.prompt.trim().is_empty() && request.get("prompt").and_then(Value::as_str) == Some(words.prompt.as_str())
}

/// Whether a request is made with something that was handed in.
fn names(request: &Value, input: InputId) -> bool {
    let id = input.to_string();
    ["parent", "sketch", "mask"].iter().any(|field| request.get(*field).and_then(Value::as_str) == Some(id.as_str()))
}

/// A request without its words and what was handed in for it: numbers and works are what is left.
fn wordless(request: &Value) -> Value {
    let Ok(order) = serde_json::from_value::<Order>(request.clone()) else { return json!({}) };
    let order = Order {
        prompt: String::new(),
        negative: String::new(),
        title: String::new(),
        read_as: None,
        region: None,
        parent: order.parent.filter(|parent| matches!(parent, ParentId::Image(_))),
        sketch: None,
        mask: None,
        private: true,
        ..order
    };
    serde_json::to_value(&order).unwrap_or_else(|_| json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_its_numbers_and_none_of_its_words() {
        let input = InputId::derived(b"i");
        let request =
            json!({ "prompt": "my street", "negative": "rain", "title": "Home", "seed": "7", "steps": 9, "sketch": input });
        let words = Prompt {
            image: ImageId::derived(b"i"),
            account: AccountId::derived(b"a"),
            prompt: "my street".into(),
            negative: String::new(),
            key: [0; 32],
            public: false,
        };
        assert!(says(&request, &words) && names(&request, input) && !names(&request, InputId::derived(b"o")));
        let left = wordless(&request);
        for gone in ["my street", "rain", "Home", "input_"] {
            assert!(!left.to_string().contains(gone), "{left}");
        }
        assert_eq!((&left["seed"], &left["steps"]), (&json!("7"), &json!(9)));
        assert!(!says(&left, &words));
        assert_eq!(wordless(&json!("no order")), json!({}));
        assert!(!is_published(&words) && is_published(&Prompt { public: true, ..words }));
    }
}
