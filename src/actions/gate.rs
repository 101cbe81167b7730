//! The near-copy gate: a finished picture is compared with every registered work before it is signed. One that comes too near to a work it
//! does not stand on leaves only with that work credited, and only where the work's terms allow it; until then it is held, shown beside
//! the work in the 32×32 cells it was compared in. A drawing has versions: a work that is one of a work which the picture drew on, by the
//! same author and under the same licence, is credited with that, and nobody waits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::choose_works::{Chosen, asks_something, permitting, usage_for};
use super::fingerprint::Seen;
use super::look::{AlikeWork, IndexFacts, Near};
use super::request_image::Order;
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::clock::Timestamp;
use crate::id::{JobId, WorkId};
use crate::likeness::{Compared, Like, Likeness, MATCH, NEAR, Query, Subject, millionths};
use crate::storage::tasks::TaskState;
use crate::storage::{self, Tx};
use crate::works::{Grant, Usage, Work};

/// Why a picture was not delivered, for whoever asked for it. Kept with its job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// Works it is too near to, the likest first.
    pub works: Vec<HeldBy>,
    /// What it was compared with.
    pub compared: Compared,
    /// The picture in 32×32 cells of RGB, base64: enough to see why, and no picture that leaves unsigned.
    pub view: String,
}

/// A work that a picture is too near to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldBy {
    /// The work.
    pub work: WorkId,
    /// Its title.
    pub title: String,
    /// Its author.
    pub author: String,
    /// 0..=1.
    pub likeness: f32,
    /// Where the work lies in the picture: see [`likeness::Map`](crate::likeness::Map), row by row, then the shift.
    pub map: [f32; 6],
    /// How well each of the work's 8×8 parts agrees, in per cent; none where the picture does not show it.
    pub parts: Vec<Option<u8>>,
    /// Whether its terms allow the picture, if it is credited.
    pub may: bool,
    /// What they say.
    pub says: String,
}

impl Held {
    /// Whether crediting the works is enough.
    pub fn may_go_on(&self) -> bool {
        self.works.iter().all(|held| held.may)
    }

    /// In a sentence, with what to do next.
    pub fn sentence(&self) -> String {
        let Some(first) = self.works.first() else { return "the picture is held".to_owned() };
        let likeness = (first.likeness * 100.0).round();
        let near = format!("the picture came out too near to “{}” by {} ({likeness} % alike)", first.title, first.author);
        match self.works.iter().find(|held| !held.may) {
            Some(no) => format!(
                "{near}, and the terms of “{}” do not allow it: {}. Choose another seed or other words",
                no.title, no.says
            ),
            None => format!("{near}: credit that work, or draw another picture"),
        }
    }
}

impl HeldBy {
    fn new(work: &Work, likeness: &Likeness, verdict: (bool, String)) -> Self {
        let ([a, b, c, d], [x, y]) = (likeness.map.a, likeness.map.t);
        Self {
            work: work.id,
            title: work.title.clone(),
            author: work.author.clone(),
            likeness: likeness.score,
            map: [a, b, c, d, x, y],
            parts: percent(likeness),
            may: verdict.0,
            says: verdict.1,
        }
    }
}

/// How well each part agrees, in per cent.
pub fn percent(likeness: &Likeness) -> Vec<Option<u8>> {
    likeness.parts.iter().map(|part| part.map(|fit| (fit.clamp(0.0, 1.0) * 100.0).round() as u8)).collect()
}

/// What goes into the record of an image.
pub fn compared(near: &Near) -> Compared {
    let IndexFacts { method, weights_sha256, works, digest, .. } = near.index.clone();
    let like = near.alike.iter().map(|alike| Like { work: alike.work, likeness: millionths(alike.likeness.score) });
    Compared {
        method: method.to_owned(),
        weights_sha256,
        index_blake3: digest,
        works,
        not_compared: near.not_compared,
        held_from: millionths(NEAR),
        like: like.collect(),
    }
}

/// What a picture brings to the gate.
pub(super) struct AtGate<'a> {
    pub order: &'a Order,
    pub seen: &'a Seen,
    pub near: &'a Near,
    /// Works that it stands on, credited in any case.
    pub stands_on: &'a [WorkId],
    /// Works that it drew on.
    pub drew_on: &'a [Chosen],
    /// Who asked.
    pub account: &'a str,
    pub now: Timestamp,
}

/// Whether a work is a version of one that the picture drew on, by the same author and under the same licence: then it is near to the one
/// for being like the other, and owed nothing but a further title in the credit.
async fn version_of_drawn(tx: &mut Tx, work: &Work, grant: &Grant, drew_on: &[Chosen]) -> Result<bool> {
    let same =
        |chosen: &&Chosen| chosen.work.author == work.author && chosen.grant.licence_concluded() == grant.licence_concluded();
    let others: Vec<Subject> = drew_on.iter().filter(same).map(|chosen| Subject::Work(chosen.work.id)).collect();
    let Some((_, view)) = storage::fingerprints::views(tx, &[Subject::Work(work.id)]).await?.pop() else { return Ok(false) };
    let views = storage::fingerprints::views(tx, &others).await?;
    Ok(!Query::kept(&view, [0; 64]).rank(&views, MATCH).is_empty())
}

/// Lets a picture pass, with the works that it is near to and credits; or holds it.
pub(super) async fn pass(tx: &mut Tx, picture: AtGate<'_>) -> Result<Vec<(Work, Grant)>> {
    let (mut credited, mut held) = (Vec::new(), Vec::new());
    for AlikeWork { work: id, likeness, .. } in &picture.near.alike {
        let drew_on = picture.drew_on.iter().any(|chosen| chosen.work.id == *id);
        if likeness.score < NEAR || !drew_on && picture.stands_on.contains(id) {
            continue;
        }
        let record = storage::works::find(tx, *id).await?.ok_or_else(|| Error::not_found("work", id))?;
        let allowed = allowing(tx, &record.work, &picture).await?;
        match allowed {
            // It is credited already; that a version of it may be made was asked just now.
            Ok(_) if drew_on => {}
            Ok(grant)
                if picture.order.credit.contains(id) || version_of_drawn(tx, &record.work, &grant, picture.drew_on).await? =>
            {
                credited.push((record.work, grant));
            }
            Ok(grant) => held.push(HeldBy::new(&record.work, likeness, (true, grant.licence_concluded().to_owned()))),
            Err(reason) => held.push(HeldBy::new(&record.work, likeness, (false, reason))),
        }
    }
    if held.is_empty() {
        return Ok(credited);
    }
    let view = STANDARD.encode(picture.seen.view().bytes());
    Err(Error::Held(Box::new(Held { works: held, compared: compared(picture.near), view })))
}

/// The grant under which a version of a work may be made for what the order is for, or why there is none.
async fn allowing(tx: &mut Tx, work: &Work, picture: &AtGate<'_>) -> Result<std::result::Result<Grant, String>> {
    // Communities are asked of works that are drawn on, before anything is drawn. Of a work that nobody named they were not: that is no.
    let drew_on = picture.drew_on.iter().any(|chosen| chosen.work.id == work.id);
    if !drew_on && asks_something(tx, work.id, picture.order.use_).await? {
        return Ok(Err("a community asks to be heard about it; choose the work to draw with, and it is".to_owned()));
    }
    for usage in [usage_for(picture.order.use_), Usage::Derivative] {
        match permitting(tx, work, usage, picture.now, picture.account).await? {
            Some(grant) if usage == Usage::Derivative => return Ok(Ok(grant)),
            Some(_) => {}
            None => {
                let verdict = storage::terms::of(tx, work.id).await?.verdict(usage, picture.account, picture.now);
                return Ok(Err(verdict.reason));
            }
        }
    }
    Ok(Err("nothing is known of its terms".to_owned()))
}

/// Goes on with a held picture: it is drawn again, the same, and delivered with the works it is near to credited.
///
/// # Errors
/// `NotFound` for others' jobs, `Conflict` when it is not held or the works' terms do not allow it.
pub async fn credit_and_go_on(instance: &Instance, actor: &Actor, id: JobId) -> Result<()> {
    if !actor.may(Scope::Images) {
        return Err(Error::Forbidden(Scope::Images));
    }
    let mut tx = instance.store.begin().await?;
    let job = storage::jobs::find(&mut tx, id).await?.filter(|job| job.account == actor.account);
    let job = job.ok_or_else(|| Error::not_found("job", id))?;
    let held: Option<Held> = job.held.clone().map(serde_json::from_value).transpose().map_err(Error::internal)?;
    let Some(held) = held.filter(|_| job.state == TaskState::Held) else {
        return Err(Error::Conflict(format!("the job is {}: only a picture that is held can be gone on with", job.state)));
    };
    if !held.may_go_on() {
        return Err(Error::Conflict(held.sentence()));
    }
    let mut order: Order = serde_json::from_value(job.request).map_err(Error::internal)?;
    order.credit.extend(held.works.iter().map(|held| held.work));
    order.credit.sort_unstable();
    order.credit.dedup();
    let request = serde_json::to_value(&order).map_err(Error::internal)?;
    if !storage::jobs::go_on(&mut tx, id, &request, instance.clock.now()).await? {
        return Err(Error::Conflict("the job is not held any more".to_owned()));
    }
    tx.commit().await?;
    instance.bell.ring();
    Ok(())
}
