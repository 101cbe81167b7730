//! Our assertions as they stand in a file, and what is read of them from one: the other half of [`image_definition`](super::image_definition).

use std::io::Cursor;

use c2pa::{Ingredient, Manifest, Reader};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::claim::{
    AdapterClaim, AuthorshipClaim, DatasetCredit, EditClaim, ImageClaim, Mining, ModelCard, ModelClaim, PromptClaim, Replay,
    Software, StartWork, WorkCredit,
};
use super::super::fingerprint::Fingerprint;
use super::super::soft_binding::{self, SoftBindingRead};
use super::{
    AUTHORSHIP, DECISION, EDIT, FINGERPRINT, IMAGE, LICENCES, MODEL_CARD, NEGATIVE, PROMPT, REPLAY, STATEMENT, TYPE_PROMPT,
};
use crate::clock::Timestamp;
use crate::digest::{Blake3, Sha256Hash};
use crate::id::{ImageId, StatementId};
use crate::likeness::{Compared, Iscc};

/// `colophon.image`: what, when, for whom, with which model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// The image.
    pub image: ImageId,
    /// For people.
    pub title: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Public name of whoever asked for it.
    pub creator: String,
    /// The image's public page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// How the prompt is given.
    pub prompt: PromptRecord,
    /// How the negative prompt is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative: Option<PromptRecord>,
    /// The model, where one drew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelClaim>,
    /// The adapter, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<AdapterClaim>,
    /// The program.
    pub software: Software,
    /// Datasets of the model.
    pub datasets: Vec<DatasetCredit>,
    /// Whether others may mine it.
    pub mining: Mining,
}

/// How a prompt is given: its words as an ingredient's data, or a commitment here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum PromptRecord {
    /// In the ingredient.
    Text,
    /// Not told.
    Commitment {
        /// Keyed blake3 of the words.
        blake3: Blake3,
    },
}

/// `colophon.licences`: the works drawn on and the credit owed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LicencesRecord {
    /// The sentence that gives credit.
    pub credit_line: String,
    /// Works, in the order they were given to the model.
    pub works: Vec<WorkCredit>,
    /// Works that it is near to without having drawn on them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub near: Vec<WorkCredit>,
    /// What it was compared with before it was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
    /// The work the picture varies, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub varies: Option<StartWork>,
    /// The nearest of all registered works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<StartWork>,
}

/// `colophon.decision`: what the policy answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// Hash of the policy folder.
    pub bundle_sha256: Sha256Hash,
    /// The answer.
    pub decision: Value,
}

/// `colophon.statement`: where the log records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementRecord {
    /// The log entry.
    pub statement_id: StatementId,
    /// The log's origin line.
    pub log_origin: String,
}

/// What a file's active manifest says in our assertions. Worth what its signature is worth: look at the finding first.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SignedClaim {
    /// What, when, for whom, with which model.
    pub image: Option<ImageRecord>,
    /// The prompt's words, where they are public.
    pub prompt: Option<String>,
    /// The negative prompt's words, where they are public.
    pub negative: Option<String>,
    /// Works and credit.
    pub licences: Option<LicencesRecord>,
    /// Policy.
    pub decision: Option<DecisionRecord>,
    /// Drawing it again.
    pub replay: Option<Replay>,
    /// Log entry.
    pub statement: Option<StatementRecord>,
    /// How it was made from another picture.
    pub edit: Option<EditClaim>,
    /// Who made it and what it was made from.
    pub authorship: Option<AuthorshipClaim>,
    /// How the signed picture looks.
    pub fingerprint: Option<Fingerprint>,
    /// ISCC of an image of ours, from its soft binding.
    pub iscc: Option<String>,
    /// Where the file is a model card: the card.
    pub model_card: Option<ModelCard>,
}

impl SignedClaim {
    /// The whole claim, if every part is there.
    pub fn to_image_claim(&self) -> Option<ImageClaim> {
        let given = |record: PromptRecord, text: &Option<String>| match record {
            PromptRecord::Text => text.clone().map(PromptClaim::Text),
            PromptRecord::Commitment { blake3 } => Some(PromptClaim::Commitment(blake3)),
        };
        let image = self.image.clone()?;
        let licences = self.licences.clone()?;
        let decision = self.decision.clone()?;
        let statement = self.statement.clone()?;
        Some(ImageClaim {
            image: image.image,
            title: image.title,
            made_at: image.made_at,
            creator: image.creator,
            credit_line: licences.credit_line,
            page: image.page,
            prompt: given(image.prompt, &self.prompt)?,
            negative: match image.negative {
                Some(record) => Some(given(record, &self.negative)?),
                None => None,
            },
            // Its parent stands in the file as an ingredient, not as a file.
            parent: None,
            edit: self.edit.clone(),
            authorship: self.authorship.clone().unwrap_or_default(),
            model: image.model,
            adapter: image.adapter,
            software: image.software,
            works: licences.works,
            near: licences.near,
            compared: licences.compared,
            iscc: self.iscc.as_deref().and_then(Iscc::parse),
            varies: licences.varies,
            nearest: licences.nearest,
            datasets: image.datasets,
            decision: decision.decision,
            bundle_sha256: decision.bundle_sha256,
            replay: self.replay.clone()?,
            statement_id: statement.statement_id,
            log_origin: statement.log_origin,
            mining: image.mining,
        })
    }

    /// Reads our assertions from the active manifest; `None` when it has none of them.
    pub(in crate::provenance) fn read(reader: &Reader) -> Option<Self> {
        let manifest = reader.active_manifest()?;
        let image: Option<ImageRecord> = find(manifest, IMAGE);
        // Other people's soft bindings are none of our assertions.
        let binding: Option<SoftBindingRead> = find(manifest, soft_binding::LABEL).filter(|_| image.is_some());
        let claim = Self {
            iscc: binding.and_then(|binding| binding.iscc()).map(|iscc| iscc.to_string()),
            image,
            prompt: prompt_text(reader, manifest, PROMPT),
            negative: prompt_text(reader, manifest, NEGATIVE),
            licences: find(manifest, LICENCES),
            decision: find(manifest, DECISION),
            replay: find(manifest, REPLAY),
            statement: find(manifest, STATEMENT),
            edit: find(manifest, EDIT),
            authorship: find(manifest, AUTHORSHIP),
            fingerprint: find(manifest, FINGERPRINT),
            model_card: find(manifest, MODEL_CARD),
        };
        (claim != Self::default()).then_some(claim)
    }
}

/// An assertion by its label, where it can be read.
pub(super) fn find<T: DeserializeOwned>(manifest: &Manifest, label: &str) -> Option<T> {
    manifest.find_assertion(label).ok()
}

/// The words of the ingredient that is a prompt and bears this title.
fn prompt_text(reader: &Reader, manifest: &Manifest, title: &str) -> Option<String> {
    let is_prompt = |i: &&Ingredient| {
        i.title() == Some(title) && i.data_types().is_some_and(|types| types.iter().any(|t| t.asset_type == TYPE_PROMPT))
    };
    let found = manifest.ingredients().iter().find(is_prompt)?;
    let mut bytes = Cursor::new(Vec::new());
    reader.resource_to_stream(&found.data_ref()?.identifier, &mut bytes).ok()?;
    String::from_utf8(bytes.into_inner()).ok()
}
