//! What an edit is made from: the parent with everything that holds for it (works, models, rules, opt-outs), the sketch and the mask; and whether it
//! may be used.

use std::sync::Arc;

use super::check_picture::decided;
use super::check_policy::of_work;
use super::choose_works::{permitting, usage_for};
use super::drawn_with::check_licence;
use super::hand_in::Facts;
use super::{Error, Instance, Result};
use crate::accounts::Actor;
use crate::clock::Timestamp;
use crate::generation::ModelConfig;
use crate::generation::Picture;
use crate::generation::edit::{self, Edit, Mask, Plan, Role};
use crate::id::{AccountId, ImageId, InputId, ModelId, ParentId, WorkId};
use crate::policy::{Reference, Use};
use crate::provenance::reading::{Reading, read_picture};
use crate::storage::images::{DrawnOn, Image};
use crate::storage::inputs::Input;
use crate::storage::{self, Tx};
use crate::works::Usage;

/// Parents that are followed back.
const GENERATIONS: usize = 200;

/// Where a picture's parent comes from, and what holds for it.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The parent, where it is an image of this registry.
    pub image: Option<Image>,
    /// The file, where it was handed in.
    pub input: Option<Input>,
    /// Its bytes.
    pub file: Arc<[u8]>,
    /// Works that it drew on or shows, with their generation counted from the child.
    pub works: Vec<DrawnOn>,
    /// Models and adapters that drew it or one of its parents.
    pub models: Vec<ModelId>,
    /// Who made it, and each image that it was made from, the first one first.
    pub makers: Vec<(String, ImageId)>,
    /// Opt-outs in a file that was handed in.
    facts: Facts,
    /// What it was asked for with.
    pub words: String,
    /// Whether its creator keeps those words private.
    pub private: bool,
}

/// Everything an edit is made from.
#[derive(Debug, Clone, Default)]
pub struct Material {
    /// The parent.
    pub origin: Option<Origin>,
    /// Its pixels, upright.
    pub parent: Option<Picture>,
    /// Lines to follow.
    pub sketch: Option<Picture>,
    /// Which part is meant.
    pub mask: Option<Mask>,
    /// What people handed in, by its role.
    pub inputs: Vec<(Role, Input)>,
}

/// Which material an order names.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// What is done.
    pub edit: &'a Edit,
    /// To which picture.
    pub parent: Option<ParentId>,
    /// Along which lines.
    pub sketch: Option<InputId>,
    /// To which part of it.
    pub mask: Option<InputId>,
}

/// Gathers what an edit is made from. `account` is whose it must be; none for a replay, which delivers nothing.
pub async fn gather(instance: &Instance, account: Option<(AccountId, &str)>, named: Named<'_>) -> Result<Material> {
    let needs = named.edit.needs();
    let superfluous = [
        ("parent", named.parent.is_some(), Role::Parent),
        ("sketch", named.sketch.is_some(), Role::Sketch),
        ("mask", named.mask.is_some(), Role::Mask),
    ];
    for (field, given, role) in superfluous {
        if given && !needs.contains(&role) && !named.edit.takes().contains(&role) {
            return Err(Error::invalid(
                field,
                format!("the edit `{}` takes no {}: leave it out", named.edit.name(), role.as_str()),
            ));
        }
        if !given && needs.contains(&role) {
            let what = if role == Role::Parent { "picture it is made from" } else { role.as_str() };
            return Err(Error::invalid(
                field,
                format!("the edit `{}` needs a {what}: hand it in, and name it", named.edit.name()),
            ));
        }
    }
    let mut material = Material::default();
    let mut tx = instance.store.read().await?;
    let mut files: Vec<(Role, Arc<[u8]>)> = Vec::new();
    for (role, field, id) in [(Role::Sketch, "sketch", named.sketch), (Role::Mask, "mask", named.mask)] {
        if let Some(id) = id {
            let input = input(&mut tx, id, role, field, account.map(|(id, _)| id)).await?;
            files.push((role, bytes(instance, &mut tx, &input).await?));
            material.inputs.push((role, input));
        }
    }
    if let Some(id) = named.parent {
        let origin = origin(instance, &mut tx, id, account).await?;
        files.push((Role::Parent, Arc::clone(&origin.file)));
        material.inputs.extend(origin.input.clone().map(|input| (Role::Parent, input)));
        material.origin = Some(origin);
    }
    drop(tx);
    let read = move || -> std::result::Result<Vec<(Role, Reading)>, (Role, String)> {
        files.into_iter().map(|(role, file)| Ok((role, read_picture(&file).map_err(|e| (role, e.to_string()))?))).collect()
    };
    let field = |role| match role {
        Role::Parent => "parent",
        Role::Sketch => "sketch",
        Role::Mask => "mask",
    };
    let read = tokio::task::spawn_blocking(read).await.map_err(Error::internal)?;
    for (role, reading) in read.map_err(|(role, problem)| Error::invalid(field(role), problem))? {
        let Reading { rgb, alpha, .. } = reading;
        match role {
            Role::Mask => material.mask = Some(Mask::of_picture(&rgb.bytes, alpha.as_deref(), rgb.width, rgb.height)),
            Role::Sketch => material.sketch = Some(Picture { rgb: rgb.bytes, width: rgb.width, height: rgb.height }),
            Role::Parent => material.parent = Some(Picture { rgb: rgb.bytes, width: rgb.width, height: rgb.height }),
        }
    }
    Ok(material)
}

impl Material {
    /// As the edit takes it.
    pub fn borrowed(&self) -> edit::Material<'_> {
        edit::Material { parent: self.parent.as_ref(), sketch: self.sketch.as_ref(), mask: self.mask.as_ref() }
    }

    /// Refuses lines that show a registered work which may not be used so.
    pub(super) async fn check_sketch(&self, tx: &mut Tx, actor: &Actor, use_: Use, now: Timestamp) -> Result<()> {
        for (_, input) in self.inputs.iter().filter(|(role, _)| *role == Role::Sketch) {
            if let Some((work, _)) = Facts::of(input)?.work {
                allowed(tx, (work, "sketch", "shows"), usage_for(use_), actor, now).await?;
            }
        }
        Ok(())
    }

    /// What a model is asked for the edit.
    pub fn plan(&self, edit: &Edit, offer: &ModelConfig, size: Option<[u32; 2]>) -> Result<Plan> {
        Plan::of(edit, &self.borrowed(), offer, size).map_err(|e| Error::invalid(e.field, e.text))
    }
}

async fn input(tx: &mut Tx, id: InputId, role: Role, field: &'static str, account: Option<AccountId>) -> Result<Input> {
    let found = storage::inputs::find(tx, id).await?.filter(|input| account.is_none_or(|account| input.account == account));
    let found = found.ok_or_else(|| Error::invalid(field, format!("you handed in no `{id}`: hand the file in first")))?;
    if found.role != role.as_str() {
        return Err(Error::invalid(field, format!("`{id}` was handed in as a {}, not as a {}", found.role, role.as_str())));
    }
    Ok(found)
}

async fn bytes(instance: &Instance, tx: &mut Tx, input: &Input) -> Result<Arc<[u8]>> {
    let blob = storage::blobs::find(tx, input.digest.blake3).await?;
    let blob = blob.ok_or_else(|| Error::internal(format!("the bytes of `{}` are not on record", input.id)))?;
    Ok(instance.blobs.get(&blob).await?.into())
}

/// A picture's parent with what holds for it.
pub async fn origin(instance: &Instance, tx: &mut Tx, id: ParentId, account: Option<(AccountId, &str)>) -> Result<Origin> {
    let (image, handed_in) = match id {
        ParentId::Image(id) => (Some(id), None),
        ParentId::Input(id) => {
            let input = input(tx, id, Role::Parent, "parent", account.map(|(id, _)| id)).await?;
            // A file of this registry is the image that it is.
            (Facts::of(&input)?.image, Some(input))
        }
    };
    if let Some(id) = image {
        let record = storage::images::find(tx, id).await?;
        let record =
            record.ok_or_else(|| Error::invalid("parent", format!("there is no image `{id}`: take the id from its page")))?;
        let image = record.image;
        let stranger = account.filter(|(_, name)| *name != image.creator);
        if let Some((_, name)) = stranger
            && !storage::agreements::takes_part(tx, id, name).await?
        {
            return Err(Error::invalid(
                "parent",
                format!(
                    "`{id}` is by {}, and not yours ({name}) to make something from: let them propose you as an author of it, or ask for a picture of your own",
                    image.creator
                ),
            ));
        }
        let blob = storage::blobs::find(tx, image.digest.blake3).await?;
        let blob = blob.ok_or_else(|| Error::internal(format!("the bytes of `{id}` are not on record")))?;
        let file = instance.blobs.get(&blob).await?.into();
        // Words that were erased are nobody's to read either.
        let (mut words, public) = storage::images::find_prompt(tx, id).await?.map(|p| (p.prompt, p.public)).unwrap_or_default();
        // What its creator keeps to themselves is not read to those who take part either.
        if stranger.is_some() && !public {
            words.clear();
        }
        let works = image.works.iter().map(|work| DrawnOn { generation: work.generation + 1, ..*work }).collect();
        let (models, makers) = before(tx, &image).await?;
        return Ok(Origin {
            makers,
            image: Some(image),
            input: None,
            file,
            works,
            models,
            facts: Facts::default(),
            words,
            private: !public,
        });
    }
    let input = handed_in.ok_or_else(|| Error::internal("a parent is an image or was handed in"))?;
    let (file, facts) = (bytes(instance, tx, &input).await?, Facts::of(&input)?);
    let shown = |(work, nearness)| DrawnOn { work, nearness, influence: 0, part: 0, generation: 1, near: false };
    let works = facts.work.map(shown).into_iter().collect();
    let (models, makers) = (Vec::new(), Vec::new());
    Ok(Origin { image: None, input: Some(input), file, works, models, makers, facts, words: String::new(), private: false })
}

/// Models and adapters of an image and its parents, each once; and who made which of them, the first one first.
async fn before(tx: &mut Tx, image: &Image) -> Result<(Vec<ModelId>, Vec<(String, ImageId)>)> {
    let mut all: Vec<ModelId> = image.model.into_iter().chain(image.adapter).collect();
    let mut makers = vec![(image.creator.clone(), image.id)];
    let mut parent = image.parent;
    for _ in 0..GENERATIONS {
        let Some(record) = (match parent {
            Some(id) => storage::images::find(tx, id).await?,
            None => None,
        }) else {
            break;
        };
        for id in record.image.model.into_iter().chain(record.image.adapter) {
            if !all.contains(&id) {
                all.push(id);
            }
        }
        parent = record.image.parent;
        makers.push((record.image.creator, record.image.id));
    }
    makers.reverse();
    Ok((all, makers))
}

/// Refuses what stands on a work, or shows one, that may not be used so, or that is not on record.
async fn allowed(
    tx: &mut Tx,
    (work, field, stands): (WorkId, &'static str, &str),
    usage: Usage,
    actor: &Actor,
    now: Timestamp,
) -> Result<()> {
    let what = if field == "parent" { "picture" } else { field };
    let Some(record) = storage::works::find(tx, work).await? else {
        return Err(Error::invalid(field, format!("the {what} stands on the work `{work}`, which is not on record here")));
    };
    if permitting(tx, &record.work, usage, now, &actor.name).await?.is_none() {
        let reason = storage::terms::of(tx, work).await?.verdict(usage, &actor.name, now).reason;
        let text = format!("the {what} {stands} “{}” ({work}), which may not be used so: {reason}", record.work.title);
        return Err(Error::invalid(field, text));
    }
    Ok(())
}

impl Origin {
    /// Refuses a parent that may not be used so, or of which that is not known: its works' terms, its models' licences, opt-outs in its file.
    pub async fn check(&self, tx: &mut Tx, actor: &Actor, edit: &Edit, use_: Use, now: Timestamp) -> Result<()> {
        let usage = usage_for(use_);
        for drawn in &self.works {
            let stands = if self.image.is_some() { "stands on" } else { "shows" };
            allowed(tx, (drawn.work, "parent", stands), usage, actor, now).await?;
        }
        for id in &self.models {
            let record = storage::models::find(tx, *id).await?.ok_or_else(|| Error::not_found("model", id))?;
            check_licence(&record.model, use_, "parent")?;
        }
        if edit.draws()
            && let Some(no) = self.facts.reservations.iter().find(|r| r.reserves(usage))
        {
            let text = format!(
                "the file carries an opt-out ({}: {}), so no model may draw from it; edits that need no model are open",
                no.signal.title(),
                no.says
            );
            return Err(Error::invalid("parent", text));
        }
        Ok(())
    }

    /// What the policy should know of it.
    pub async fn reference(&self, tx: &mut Tx) -> Result<Reference> {
        let mut reference = match &self.image {
            Some(image) => {
                let (rules, outcome) = decided(Some(&image.decision));
                Reference {
                    name: "the picture it is made from".to_owned(),
                    rules,
                    outcome,
                    words: Some(self.words.clone()).filter(|words| !words.is_empty()).into_iter().collect(),
                    projects: Vec::new(),
                }
            }
            None => Reference {
                name: "the picture handed in".to_owned(),
                rules: self.facts.rules.clone(),
                outcome: self.facts.outcome,
                words: self.facts.title.iter().chain(self.input.as_ref().map(|input| &input.name)).cloned().collect(),
                projects: Vec::new(),
            },
        };
        for drawn in &self.works {
            if let Some(work) = of_work(tx, drawn.work).await? {
                reference.projects.extend(work.projects);
            }
        }
        Ok(reference)
    }
}
