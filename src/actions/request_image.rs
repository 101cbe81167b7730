//! Asking for a picture: what was asked is checked, the policy decides, and a job is queued with its decision, in one transaction.

use serde::{Deserialize, Serialize};

use super::adapters::usable_adapter;
use super::check_policy::check_with;
use super::choose_works::check_chosen;
use super::drawn_with::{check_licence, drawn_with};
use super::material::{Material, Named, gather};
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::clock::Timestamp;
use crate::generation::edit::{Edit, Plan};
use crate::generation::{DrawRequest, Invalid, ModelConfig, Sampler};
use crate::id::{AccountId, DecisionId, InputId, JobId, ModelId, ParentId, WorkId};
use crate::policy::{Decision, Outcome, Use, folded_for_model};
use crate::provenance::Format;
use crate::storage;
use crate::storage::Tx;
use crate::storage::jobs::Job;
use crate::storage::tasks::TaskState;

/// A picture that is asked for. Kept with its job; private, as it holds the words.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// What to draw; an edit may go without, and then keeps its parent's words.
    #[serde(default)]
    pub prompt: String,
    /// What to draw away from. The policy looks at it, as avoided; the embedded model has no use for it.
    #[serde(default)]
    pub negative: String,
    /// What is done, where the picture is made from another one, or along a sketch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<Edit>,
    /// The picture it is made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentId>,
    /// The lines it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sketch: Option<InputId>,
    /// The part of the parent that is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<InputId>,
    /// One of the model's styles.
    #[serde(default)]
    pub style: Option<String>,
    /// What the picture is for.
    #[serde(default, rename = "use")]
    pub use_: Use,
    /// Chooses noise and works; drawn when absent.
    #[serde(default, with = "seed_text")]
    pub seed: Option<u64>,
    /// 1 to 100; the model's own when absent.
    #[serde(default)]
    pub steps: Option<u16>,
    /// 0 to 10, or to 30 where the model offers it.
    #[serde(default)]
    pub guidance: Option<f64>,
    /// 0 to below 0.95.
    #[serde(default)]
    pub start: Option<f64>,
    /// Pixels; the model's own when absent.
    #[serde(default)]
    pub width: Option<u32>,
    /// Pixels.
    #[serde(default)]
    pub height: Option<u32>,
    /// The works to draw with, instead of those that the words would find.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<WorkId>,
    /// Works to do without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<WorkId>,
    /// Works that the picture may come near to, and then credits, where their terms allow it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credit: Vec<WorkId>,
    /// The model to draw with; the embedded one when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelId>,
    /// An adapter to draw with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<ModelId>,
    /// How much of the adapter, 0 to 2; 1 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<f64>,
    /// One of the model's samplers; its usual one when left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sampler: String,
    /// Of the picture; its first words when left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Country in which it is to be used (ISO 3166-1 alpha-2); rules of every country hold when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The words as the model is given them, where look-alike letters and the like were folded; made here, never sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_as: Option<String>,
    /// Of the file.
    #[serde(default = "png")]
    pub format: String,
    /// Per cent of the whole that its maker declares as the machine's; stands in the file, and is not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ai_share: Option<u8>,
    /// Keep the words out of the file and off the page: a commitment stands for them.
    #[serde(default)]
    pub private: bool,
}

fn png() -> String {
    "png".to_owned()
}

/// A seed has 64 bits and JSON numbers 53: text and number are both read, text is written.
mod seed_text {
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }

    pub(super) fn serialize<S: Serializer>(seed: &Option<u64>, s: S) -> Result<S::Ok, S::Error> {
        match seed {
            Some(seed) => s.collect_str(seed),
            None => s.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
        match Option::<Either>::deserialize(d)? {
            None => Ok(None),
            Some(Either::Number(n)) => Ok(Some(n)),
            Some(Either::Text(t)) if t.trim().is_empty() => Ok(None),
            Some(Either::Text(t)) => t
                .trim()
                .parse()
                .map(Some)
                .map_err(|_| serde::de::Error::custom("seed: expected a whole number from 0 to 18446744073709551615")),
        }
    }
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Order(words hidden, seed {:?}, {})", self.seed, self.format)
    }
}

impl Default for Order {
    fn default() -> Self {
        Self {
            prompt: String::new(),
            negative: String::new(),
            edit: None,
            parent: None,
            sketch: None,
            mask: None,
            style: None,
            use_: Use::Personal,
            seed: None,
            steps: None,
            guidance: None,
            start: None,
            width: None,
            height: None,
            with: Vec::new(),
            without: Vec::new(),
            credit: Vec::new(),
            model: None,
            adapter: None,
            strength: None,
            sampler: String::new(),
            title: String::new(),
            region: None,
            read_as: None,
            format: png(),
            ai_share: None,
            private: false,
        }
    }
}

impl Order {
    /// What the engine is asked, without works.
    pub fn draw_request(&self, offer: &ModelConfig) -> DrawRequest {
        let mut request = DrawRequest::new(self.words(), self.seed.unwrap_or(0), offer);
        request.style = self.style.clone().filter(|s| !s.is_empty());
        request.steps = self.steps.unwrap_or(request.steps);
        // Four places behind the point are drawn with and recorded, so that every reader prints the numbers alike.
        let rounded = |x: f64| ((x * 1e4).round() / 1e4) as f32;
        request.guidance = self.guidance.map_or(request.guidance, rounded);
        request.start = self.start.map_or(request.start, rounded);
        request.width = self.width.unwrap_or(request.width);
        request.height = self.height.unwrap_or(request.height);
        if offer.negative {
            request.negative = self.negative.clone();
        }
        request.sampler = Sampler::parse(&self.sampler);
        request
    }

    /// What it is made from, where it is made from something.
    pub fn named(&self) -> Option<Named<'_>> {
        let edit = self.edit.as_ref()?;
        Some(Named { edit, parent: self.parent, sketch: self.sketch, mask: self.mask })
    }

    /// The size that was asked for, where one was.
    pub fn size(&self, offer: &ModelConfig) -> Option<[u32; 2]> {
        let [width, height] = offer.image;
        (self.width.is_some() || self.height.is_some()).then(|| [self.width.unwrap_or(width), self.height.unwrap_or(height)])
    }

    /// How much of the adapter is added.
    pub fn adapter_strength(&self) -> f32 {
        self.strength.map_or(1.0, |x| ((x * 1e4).round() / 1e4) as f32)
    }

    /// The words as the model is given them, and works are looked up by.
    pub fn words(&self) -> &str {
        self.read_as.as_deref().unwrap_or(&self.prompt)
    }

    /// The file format.
    pub fn file_format(&self) -> Result<Format> {
        Format::from_ending(&self.format).ok_or_else(|| {
            Error::invalid("format", format!("`{}` is not a file format here: choose png, jpeg or webp", cut(&self.format)))
        })
    }

    /// Checks an order of an edit that no model draws: what only a drawing has a use for is refused, not passed over.
    fn check_worked_out(&self, count: u32) -> Result<()> {
        let name = self.edit.as_ref().map_or("", Edit::name);
        let superfluous = [
            ("prompt", !self.prompt.is_empty()),
            ("negative", !self.negative.is_empty()),
            ("style", self.style.is_some()),
            ("seed", self.seed.is_some()),
            ("steps", self.steps.is_some()),
            ("guidance", self.guidance.is_some()),
            ("start", self.start.is_some()),
            ("width", self.width.is_some()),
            ("height", self.height.is_some()),
            ("with", !self.with.is_empty()),
            ("without", !self.without.is_empty()),
            ("model", self.model.is_some()),
            ("adapter", self.adapter.is_some()),
            ("strength", self.strength.is_some()),
            ("sampler", !self.sampler.is_empty()),
            ("n", count != 1),
        ];
        if let Some((field, _)) = superfluous.into_iter().find(|(_, given)| *given) {
            return Err(Error::invalid(field, format!("the edit `{name}` draws nothing anew: leave `{field}` out")));
        }
        if matches!(self.edit, Some(Edit::Cutout(_))) && self.file_format()? == Format::Jpeg {
            return Err(Error::invalid("format", "JPEG has no transparency: choose png or webp"));
        }
        self.check_said()
    }

    fn check(&self, offer: &ModelConfig, plan: Option<&Plan>) -> Result<()> {
        if !self.sampler.is_empty() && Sampler::parse(&self.sampler).is_none() {
            let names: Vec<String> = offer.samplers.iter().map(ToString::to_string).collect();
            let offered = if names.is_empty() { "none, as this model walks in one way".to_owned() } else { names.join(", ") };
            let text = Invalid::Sampler { sampler: cut(&self.sampler), offered }.to_string();
            return Err(Error::invalid("sampler", text));
        }
        if !(0.0..=2.0).contains(&self.adapter_strength()) || self.strength.is_some() && self.adapter.is_none() {
            return Err(Error::invalid("strength", "the strength of an adapter goes from 0 to 2, and needs an adapter"));
        }
        let mut request = self.draw_request(offer);
        if let Some(plan) = plan {
            plan.ask(&mut request);
        }
        if let Err(e) = request.validate(offer) {
            return Err(Error::invalid(field(&e), e.to_string()));
        }
        if self.prompt.contains('\0') || self.negative.contains('\0') {
            return Err(Error::invalid("prompt", "the prompt holds a NUL character: remove it"));
        }
        let negative = self.negative.chars().count();
        if negative > crate::generation::request::PROMPT_MAX {
            return Err(Error::invalid("negative", format!("what to avoid has {negative} characters: at most 2,000 are read")));
        }
        if self.with.len() > offer.works_per_prompt {
            let (given, most) = (self.with.len(), offer.works_per_prompt);
            return Err(Error::invalid("with", Invalid::Works { given, most }.to_string()));
        }
        if self.without.len() > MOST_WITHOUT {
            return Err(Error::invalid(
                "without",
                format!("{} works to do without are named: name at most {MOST_WITHOUT}", self.without.len()),
            ));
        }
        if self.credit.len() > MOST_WITHOUT {
            return Err(Error::invalid("credit", format!("name at most {MOST_WITHOUT} works that the picture may come near to")));
        }
        if let Some(both) = self.with.iter().find(|id| self.without.contains(id)) {
            return Err(Error::invalid("with", format!("`{both}` is both to be drawn with and to be done without: choose one")));
        }
        self.check_said()
    }

    /// Checks what every order says, drawn or not.
    fn check_said(&self) -> Result<()> {
        if let Some(share) = self.ai_share.filter(|share| *share > 100) {
            return Err(Error::invalid(
                "ai_share",
                format!("`{share}` is out of range for ai_share: it goes from 0 to 100 per cent"),
            ));
        }
        if self.title.chars().count() > TITLE_MAX || self.title.chars().any(char::is_control) {
            return Err(Error::invalid(
                "title",
                format!("a title has at most {TITLE_MAX} characters, and no control characters"),
            ));
        }
        if self.region.as_ref().is_some_and(|code| code.len() != 2 || !code.bytes().all(|b| b.is_ascii_uppercase())) {
            return Err(Error::invalid("region", "name the country by two capital letters (ISO 3166-1 alpha-2), such as `NZ`"));
        }
        self.file_format().map(drop)
    }
}

/// Longest title, in characters.
const TITLE_MAX: usize = 200;
/// Works that may be named to be done without.
const MOST_WITHOUT: usize = 100;

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

const fn field(e: &Invalid) -> &'static str {
    match e {
        Invalid::EmptyPrompt | Invalid::LongPrompt(_) | Invalid::Tokens { .. } => "prompt",
        Invalid::Sampler { .. } => "sampler",
        Invalid::Style { .. } => "style",
        Invalid::Number { name, .. } => name,
        Invalid::Size { .. } => "size",
        Invalid::Adapter(_) => "adapter",
        Invalid::Works { .. } | Invalid::WorkPicture { .. } => "works",
        Invalid::Plane { plane, .. } => plane,
        Invalid::Mask(_) => "mask",
        Invalid::Takes(_) => "model",
    }
}

/// Most pictures that may be asked for together.
pub const MOST_TOGETHER: u32 = 10;

/// Jobs that were queued.
#[derive(Debug, Clone)]
pub struct Requested {
    /// The first job.
    pub job: Job,
    /// All jobs: more than one where several pictures were asked for together.
    pub series: Vec<Job>,
    /// What the policy answered.
    pub decision: Decision,
}

/// Queues a picture. With `lease_until` it is not queued but handed to the caller at once, who draws it (the command line).
pub async fn request_image(
    instance: &Instance,
    actor: &Actor,
    order: Order,
    lease_until: Option<Timestamp>,
) -> Result<Requested> {
    request_images(instance, actor, order, 1, lease_until).await
}

/// Queues `count` pictures of one order, 1 to [`MOST_TOGETHER`]: one decision, and for each a job with a seed of its own, counted up from the one given.
pub async fn request_images(
    instance: &Instance,
    actor: &Actor,
    mut order: Order,
    count: u32,
    lease_until: Option<Timestamp>,
) -> Result<Requested> {
    if !actor.may(Scope::Images) {
        return Err(Error::Forbidden(Scope::Images));
    }
    if !(1..=MOST_TOGETHER).contains(&count) {
        return Err(Error::invalid("n", format!("{count} pictures are asked for: ask for 1 to {MOST_TOGETHER} together")));
    }
    let drawn = order.edit.as_ref().is_none_or(Edit::draws);
    if !drawn {
        order.check_worked_out(count)?;
    }
    let material = gathered(instance, actor, &mut order).await?;
    if !drawn {
        if let (Some(material), Some(edit)) = (&material, &order.edit) {
            edit.fits(&material.borrowed()).map_err(|e| Error::invalid(e.field, e.text))?;
        }
    } else {
        let mut tx = instance.store.read().await?;
        let with = drawn_with(instance, &mut tx, order.model).await?;
        let plan = match (&material, &order.edit) {
            (Some(material), Some(edit)) => Some(material.plan(edit, &with.offer, order.size(&with.offer))?),
            _ => None,
        };
        order.check(&with.offer, plan.as_ref())?;
        check_licence(with.model(), order.use_, "model")?;
        if let Some(adapter) = order.adapter {
            usable_adapter(&mut tx, instance, adapter, with.model(), order.use_, &actor.name).await?;
        }
        // The embedded model is named by leaving it out.
        order.model = with.folder.map(|folder| folder.id);
    }
    check_chosen(instance, &order, &actor.name).await?;
    if drawn && order.seed.is_none() {
        order.seed = Some(u64::from_be_bytes(instance.chance.bytes()));
    }
    // What the policy folds to read it, the model is given folded: nobody steers it by letters that look alike.
    order.read_as = folded_for_model(&order.prompt);
    let now = instance.clock.now();
    let id = DecisionId::new(now, &*instance.chance);
    let mut tx = instance.store.begin().await?;
    let mut references = Vec::new();
    if let Some(material) = &material {
        material.check_sketch(&mut tx, actor, order.use_, now).await?;
    }
    if let Some(origin) = material.as_ref().and_then(|m| m.origin.as_ref()) {
        if let Some(edit) = &order.edit {
            origin.check(&mut tx, actor, edit, order.use_, now).await?;
        }
        references.push(origin.reference(&mut tx).await?);
    }
    let mut decision = check_with(instance, &mut tx, Some(actor), &order, &[], references).await?;
    decision.id = Some(id);
    let request = serde_json::to_value(&order).map_err(Error::internal)?;
    storage::decisions::insert(&mut tx, id, Some(actor.account), &decision, &request, now).await?;
    // A consent, a ruling or other words: the answer says what would help, and `reviews` asks a person.
    if decision.outcome > Outcome::AllowWithNotice {
        tx.commit().await?;
        return Err(Error::Denied(Box::new(decision)));
    }
    if lease_until.is_none() {
        let (all, own) = (storage::jobs::open(&mut tx).await?, storage::jobs::open_of(&mut tx, actor.account).await?);
        let more = u64::from(count);
        if all + more > instance.queue as u64 || own + more > instance.account_queue as u64 {
            return Err(Error::Busy { retry_after_s: Instance::RETRY_AFTER_S });
        }
    }
    let series = queue_all(&mut tx, instance, actor.account, id, &order, count, lease_until, now).await?;
    tx.commit().await?;
    instance.bell.ring();
    let job = series.first().cloned().ok_or_else(|| Error::internal("no job was queued"))?;
    Ok(Requested { job, series, decision })
}

/// What an order is made from. Without words of its own an edit is asked for with its parent's.
async fn gathered(instance: &Instance, actor: &Actor, order: &mut Order) -> Result<Option<Material>> {
    let Some(named) = order.named() else {
        let named = [("parent", order.parent.is_some()), ("sketch", order.sketch.is_some()), ("mask", order.mask.is_some())];
        return match named.into_iter().find(|(_, given)| *given) {
            Some((field, _)) => Err(Error::invalid(field, format!("say in `edit` what is to be done with the {field}"))),
            None => Ok(None),
        };
    };
    named.edit.check().map_err(|e| Error::invalid(e.field, e.text))?;
    let material = gather(instance, Some((actor.account, &actor.name)), named).await?;
    if order.prompt.trim().is_empty()
        && let Some(origin) = &material.origin
    {
        order.prompt.clone_from(&origin.words);
        // What was private stays so in everything that is made from it.
        order.private |= origin.private;
    }
    Ok(Some(material))
}

#[expect(clippy::too_many_arguments, reason = "what a job is made of")]
async fn queue_all(
    tx: &mut Tx,
    instance: &Instance,
    account: AccountId,
    decision: DecisionId,
    order: &Order,
    count: u32,
    lease_until: Option<Timestamp>,
    now: Timestamp,
) -> Result<Vec<Job>> {
    let mut series: Vec<Job> = Vec::with_capacity(count as usize);
    for n in 0..count {
        let order = Order { seed: order.seed.map(|seed| seed.wrapping_add(u64::from(n))), ..order.clone() };
        let first = series.first().map(|job| job.id);
        // One after the other, so that ids keep the order.
        let now = now.plus_millis(i64::from(n));
        let job = queue(tx, instance, (account, decision), &order, (first, count > 1), lease_until, now).await?;
        series.push(job);
    }
    Ok(series)
}

/// Puts a decided request into the queue; with `lease_until` it is handed to the caller at once.
pub(super) async fn queue(
    tx: &mut Tx,
    instance: &Instance,
    (account, decision): (AccountId, DecisionId),
    order: &Order,
    (first, several): (Option<JobId>, bool),
    lease_until: Option<Timestamp>,
    now: Timestamp,
) -> Result<Job> {
    let id = JobId::new(now, &*instance.chance);
    let job = Job {
        id,
        account,
        decision,
        state: if lease_until.is_some() { TaskState::Running } else { TaskState::Queued },
        request: serde_json::to_value(order).map_err(Error::internal)?,
        image: None,
        problem: None,
        held: None,
        attempts: u32::from(lease_until.is_some()),
        model: order.model,
        progress: None,
        series: several.then(|| first.unwrap_or(id)),
        priority: 0,
        started_at: lease_until.map(|_| now),
        created_at: now,
    };
    storage::jobs::insert(tx, &job, lease_until).await?;
    Ok(job)
}

/// Calls a picture off. What is delivered already stays.
pub async fn cancel(instance: &Instance, actor: &Actor, id: JobId) -> Result<()> {
    let mut tx = instance.store.begin().await?;
    let job = storage::jobs::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("job", id))?;
    if job.account != actor.account && !actor.may(Scope::Operate) {
        return Err(Error::not_found("job", id));
    }
    if !storage::jobs::end(&mut tx, id, TaskState::Cancelled, "called off", instance.clock.now()).await? {
        return Err(Error::Conflict(format!("the job is over already: it is {}", job.state)));
    }
    tx.commit().await?;
    instance.board.cancel(id);
    Ok(())
}
