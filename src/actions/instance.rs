//! What actions work with: the store, the blobs, the clock, the keys, the policy in force and the model's card. Opened once.

use std::collections::HashMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;

use super::ask_witnesses::Witnesses;
use super::bell::Bell;
use super::board::Board;
use super::choose_works::Shelf;
use super::index_log::index_log;
use super::look::Eye;
use super::refill::not_half_way;
use super::reload_policies::tested;
use super::remembered_head::{RememberedHead, check_heads};
use super::sign_in::Tries;
use super::signing::Signing;
use super::{Error, Result, found};
use crate::accounts::key::KeyPair;
use crate::chance::Chance;
use crate::clock::{Clock, Timestamp};
use crate::config::Settings;
use crate::digest::sha256_of;
use crate::generation::{FolderModel, ModelConfig};
use crate::id::ModelId;
use crate::ledger::{Ed25519Signer, Signer as LogSigner, WitnessPolicy};
use crate::lineage::Model;
use crate::policy::Bundle;
use crate::provenance::{self, Authority, Pki, PkiParts, StamperParts};
use crate::storage::files::{self, Access};
use crate::storage::instance::Fact;
use crate::storage::models::ModelRecord;
use crate::storage::{self, Store, blobs::Blobs};

/// Everything an action needs. Cheap to clone: what does not differ between requests is shared.
#[derive(Clone)]
pub struct Instance {
    /// Tables.
    pub store: Store,
    /// Bytes.
    pub blobs: Blobs,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance: ids. A draft fixes it, so that the same statements come out again.
    pub chance: Arc<dyn Chance>,
    /// Chance of what nobody may foresee: keys, passwords' salts, secrets of sign-ins and tokens. Never fixed.
    pub secrets: Arc<dyn Chance>,
    /// Who signs statements.
    pub signing: Signing,
    shared: Arc<Shared>,
}

impl Deref for Instance {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.shared
    }
}

/// What all requests share.
pub struct Shared {
    /// Drafts that were done, by the name of each, so that none is done twice.
    pub(super) drafts: std::sync::Mutex<HashMap<String, Timestamp>>,
    /// What this service is called.
    pub site: Site,
    /// What it signs with.
    pub keys: Keys,
    /// Who signs heads besides.
    pub(super) witnesses: Option<Witnesses>,
    /// The last signed head, as remembered beside the database.
    pub(super) remembered: RememberedHead,
    policies: RwLock<Arc<Bundle>>,
    policy_problem: RwLock<Option<String>>,
    /// Folder of the policy bundle; `None`: the one inside the program.
    pub policies_dir: Option<PathBuf>,
    /// Address of the Local Contexts Hub.
    pub hub_url: String,
    /// Whether projects are fetched from there.
    pub asks_hub: bool,
    /// The model that draws, as registered.
    pub model: ModelRecord,
    /// What that model offers.
    pub offer: ModelConfig,
    /// Progress of pictures in work.
    pub board: Board,
    /// Rung when a job was queued or a statement staged.
    pub bell: Bell,
    /// Wrong passwords of late.
    pub(super) tries: Tries,
    /// The retrieval index.
    pub(super) shelf: Mutex<Option<Shelf>>,
    /// Pictures that may wait.
    pub queue: usize,
    /// Pictures of one account that may wait.
    pub account_queue: usize,
    /// Days a sign-in lasts.
    pub session_days: i64,
    card_pngs: RwLock<HashMap<ModelId, Arc<[u8]>>>,
    /// Models of folders, as they were found there.
    pub(super) folders: RwLock<HashMap<ModelId, Arc<FolderModel>>>,
    /// Folder of models.
    pub models_dir: PathBuf,
    /// Folder of files on their way in.
    pub uploads: PathBuf,
    /// What pictures are compared with.
    pub(super) eye: Eye,
}

/// What this service is called, and where.
#[derive(Debug, Clone)]
pub struct Site {
    /// For people.
    pub name: String,
    /// Address without a slash at its end.
    pub url: String,
    /// Name of the log.
    pub log_origin: String,
}

/// What the instance signs with. `Debug` shows no secret.
pub struct Keys {
    /// Statements on behalf of accounts.
    pub statement: Ed25519Signer,
    /// Checkpoints.
    pub log: LogSigner,
    pki: RwLock<Pki>,
    signer: RwLock<Arc<provenance::Signer>>,
    root_pem: String,
    root: provenance::pki::RootFacts,
    folder: PathBuf,
    /// Says of bytes when they were there (RFC 3161).
    pub authority: Arc<Authority>,
    stamper_pem: String,
}

impl Keys {
    /// The root certificate that others are asked to trust.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// The certificates that check time stamps, below the root.
    pub fn time_stamps_pem(&self) -> &str {
        &self.stamper_pem
    }

    /// That certificate's name, hash and last day.
    pub fn root(&self) -> &provenance::pki::RootFacts {
        &self.root
    }

    /// The log's public key, as a C2SP vkey.
    pub fn log_vkey(&self) -> String {
        self.log.verifier().to_string()
    }

    /// What signs images at this moment.
    pub fn image_signer(&self) -> Arc<provenance::Signer> {
        Arc::clone(&self.signer.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A person's key and certificate, new.
    pub(super) fn identity(&self, name: &str, now: Timestamp, chance: &dyn Chance) -> Result<provenance::PersonParts> {
        self.pki.read().unwrap_or_else(PoisonError::into_inner).identity(name, now, chance).map_err(Error::internal)
    }

    /// Until when a person's certificate can last at most.
    pub(super) fn issuing_not_after(&self) -> Timestamp {
        self.pki.read().unwrap_or_else(PoisonError::into_inner).issuing_not_after()
    }

    /// Until when the present certificate lasts.
    pub fn leaf_not_after(&self) -> Timestamp {
        self.pki.read().unwrap_or_else(PoisonError::into_inner).leaf_not_after()
    }
}

const PKI_FILES: [(&str, Access); 6] = [
    ("c2pa-root.pem", Access::Public),
    ("c2pa-issuing.pem", Access::Public),
    ("c2pa-issuing.key", Access::Private),
    ("c2pa-leaf.pem", Access::Public),
    ("c2pa-leaf.key", Access::Private),
    ("c2pa-root.key", Access::Private),
];
const STAMPER_FILES: [(&str, Access); 2] = [("time-stamps.pem", Access::Public), ("time-stamps.key", Access::Private)];

impl Instance {
    /// Opens (at first start: makes) everything in the data folder and the database.
    pub async fn open(settings: &Settings, clock: Arc<dyn Clock>, chance: Arc<dyn Chance>) -> Result<Self> {
        files::writable_folder(&settings.data_dir)?;
        let store = Store::open(&settings.database_url).await?;
        not_half_way(&store).await?;
        let blobs = Blobs::folder(&settings.data_dir.join("blobs"))?;
        let policies = found::policies(settings.policies_dir.as_deref())?;
        // The one inside the program was tested before it was built.
        let policies = if settings.policies_dir.is_some() { tested(policies)? } else { policies };
        let (site, keys) = open_keys(settings, &store, &clock, &chance).await?;
        let witnesses = settings.witness_policy.as_deref().map(|path| witnesses(path, &keys)).transpose()?;
        let model_dir = found::model_folder(&settings.models_dir)?;
        let unregistered = found::model(&model_dir)?;
        let offer = found::offer(&model_dir, &unregistered.card)?;
        let shared = Shared {
            drafts: std::sync::Mutex::default(),
            site,
            keys,
            witnesses,
            remembered: RememberedHead::new(&settings.data_dir.join("keys")),
            policies: RwLock::new(Arc::new(policies)),
            policy_problem: RwLock::new(None),
            policies_dir: settings.policies_dir.clone(),
            hub_url: settings.hub_url.clone(),
            asks_hub: settings.hub_key.is_some(),
            model: ModelRecord { model: unregistered, statement: crate::id::StatementId::derived(b"none yet") },
            offer,
            tries: Tries::default(),
            board: Board::default(),
            bell: Bell::default(),
            shelf: Mutex::new(None),
            queue: settings.queue,
            account_queue: settings.account_queue,
            session_days: settings.session_days,
            card_pngs: RwLock::default(),
            folders: RwLock::default(),
            models_dir: settings.models_dir.clone(),
            uploads: settings.data_dir.join("uploads"),
            eye: Eye::default(),
        };
        let secrets = Arc::clone(&chance);
        let mut instance = Self { store, blobs, clock, chance, secrets, signing: Signing::default(), shared: Arc::new(shared) };
        check_heads(&instance).await?;
        let model = found::found(&instance, &model_dir).await?;
        index_log(&instance).await?;
        // INVARIANT: nobody else has it yet.
        Arc::get_mut(&mut instance.shared).ok_or_else(|| Error::internal("the instance is shared before it is whole"))?.model =
            model;
        Ok(instance)
    }

    /// The same with another clock and chance, and statements signed so.
    pub(super) fn with(&self, clock: impl Clock + 'static, chance: impl Chance + 'static, signing: Signing) -> Self {
        Self { clock: Arc::new(clock), chance: Arc::new(chance), signing, ..self.clone() }
    }

    /// The policy in force at this moment; hold on to it for as long as one answer takes.
    pub fn policies(&self) -> Arc<Bundle> {
        Arc::clone(&self.policies.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set_policies(&self, bundle: Bundle) {
        *self.policies.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(bundle);
    }

    /// Why the files in the policy folder are not in force; `None` when they are.
    pub fn policy_problem(&self) -> Option<String> {
        self.policy_problem.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that, and returns what was noted before.
    pub(super) fn set_policy_problem(&self, problem: Option<String>) -> Option<String> {
        std::mem::replace(&mut *self.policy_problem.write().unwrap_or_else(PoisonError::into_inner), problem)
    }

    /// The signed card of a model, made once for each certificate.
    pub(super) fn model_card_png(&self, model: &Model, make: impl FnOnce() -> Result<Vec<u8>>) -> Result<Arc<[u8]>> {
        if let Some(png) = self.card_pngs.read().unwrap_or_else(PoisonError::into_inner).get(&model.id) {
            return Ok(Arc::clone(png));
        }
        // Kept beside the certificate that signed it: the next process need not sign it again. `sign_image` refuses a card that is not
        // ours or not this model's, so a stale file can do no harm but to be made anew.
        let serial = self.keys.pki.read().unwrap_or_else(PoisonError::into_inner).leaf_serial().replace(':', "");
        let path = self.keys.folder.join(format!("card-{}-{}.png", model.weights.short(), &serial[..serial.len().min(16)]));
        let png: Arc<[u8]> = match std::fs::read(&path) {
            Ok(kept) => kept.into(),
            Err(_) => {
                let made = make()?;
                files::write(&path, &made, Access::Public)?;
                made.into()
            }
        };
        self.card_pngs.write().unwrap_or_else(PoisonError::into_inner).insert(model.id, Arc::clone(&png));
        Ok(png)
    }

    /// Renews the signing certificate when its end is near. True when it did.
    pub fn renew_certificate(&self) -> Result<bool> {
        let now = self.clock.now();
        let mut pki = self.keys.pki.write().unwrap_or_else(PoisonError::into_inner);
        if !pki.needs_renewal(now) {
            return Ok(false);
        }
        pki.renew_leaf(now, &*self.chance).map_err(Error::internal)?;
        write_pki(&self.keys.folder, &pki)?;
        let signer = pki.signer().map_err(Error::internal)?;
        let signer = signer.stamped(Arc::clone(&self.keys.authority), Arc::clone(&self.clock), Arc::clone(&self.chance));
        *self.keys.signer.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(signer);
        self.card_pngs.write().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(true)
    }

    /// How long tokens and queues make callers wait, in seconds.
    pub const RETRY_AFTER_S: u32 = 3;

    /// Checks every file of the model folder against its card. One sentence for each that is wrong.
    pub fn model_problems(models_dir: &Path) -> Vec<String> {
        let checked = found::model_folder(models_dir).and_then(|dir| Ok((found::model(&dir)?, dir)));
        match checked {
            Err(e) => vec![e.to_string()],
            Ok((model, dir)) => model
                .card
                .files
                .iter()
                .filter_map(|f| found::model_file(&dir, &model.card, &f.role).err())
                .map(|e| e.to_string())
                .collect(),
        }
    }
}

/// Days that a certificate of time stamps lasts, and days left at which it is made anew.
const STAMPER_DAYS: i64 = 3_650;
const STAMPER_DAYS_LEFT: i64 = 400;

/// The witnesses of a policy file, which need not name this log.
fn witnesses(path: &Path, keys: &Keys) -> Result<Witnesses> {
    let wrong =
        |e: String| Error::Internal(format!("the file `{}` of the setting `witness_policy` can't be used: {e}", path.display()));
    let bytes = files::read_bytes(path)?;
    let policy = WitnessPolicy::parse(&bytes).map_err(|e| wrong(e.to_string()))?;
    let policy = policy.with_log(keys.log.verifier().clone()).ok_or_else(|| wrong("the log's key is of another type".into()))?;
    Ok(Witnesses::new(policy))
}

/// A private key from its file, or a new one written there.
fn key(path: &Path, chance: &dyn Chance) -> Result<KeyPair> {
    if let Some(pem) = files::read(path)? {
        return KeyPair::from_pem(&pem).map_err(|e| {
            Error::Internal(format!("the key file `{}` can't be used: {e}; restore it from a backup", path.display()))
        });
    }
    let pair = KeyPair::new(chance);
    files::write(path, pair.to_pem().as_bytes(), Access::Private)?;
    Ok(pair)
}

async fn open_keys(settings: &Settings, store: &Store, clock: &Arc<dyn Clock>, chance: &Arc<dyn Chance>) -> Result<(Site, Keys)> {
    let folder = settings.data_dir.join("keys");
    let other = |kept: &str, found: &str| {
        Error::Internal(format!(
            "the database belongs to the log `{kept}`, but {found} in `{}`: start with the data folder that goes with this database",
            folder.display()
        ))
    };
    // No key is made beside a database that belongs to a log already.
    let mut tx = store.read().await?;
    let belongs_to = storage::instance::get(&mut tx, Fact::LogVkey).await?;
    drop(tx);
    if let Some(kept) = belongs_to
        && files::read(&folder.join("log.key"))?.is_none()
    {
        return Err(other(&kept, "its key is not"));
    }
    let statement = key(&folder.join("statement.key"), &**chance)?;
    let log = key(&folder.join("log.key"), &**chance)?;
    let pki = open_pki(&folder, &settings.site_name, &**clock, &**chance)?;
    let (authority, stamper_pem) = open_authority(&folder, &pki, &settings.time_stamp_policy, &**clock, &**chance)?;
    let authority = Arc::new(authority);
    let public = sha256_of(log.public().as_bytes());
    let host = settings.public_url.split_once("://").map_or("localhost", |(_, rest)| rest.split('/').next().unwrap_or(rest));
    let wanted = settings.log_origin.clone().unwrap_or_else(|| format!("{host}/log/{}", public.short()));
    let mut tx = store.begin().await?;
    let log_origin = match storage::instance::get(&mut tx, Fact::LogOrigin).await? {
        Some(kept) => kept,
        None => {
            storage::instance::set(&mut tx, Fact::LogOrigin, &wanted).await?;
            wanted
        }
    };
    let log = LogSigner::new(&log_origin, log.signing().clone()).map_err(Error::internal)?;
    let vkey = log.verifier().to_string();
    match storage::instance::get(&mut tx, Fact::LogVkey).await? {
        None => storage::instance::set(&mut tx, Fact::LogVkey, &vkey).await?,
        Some(kept) if kept == vkey => {}
        Some(kept) => return Err(other(&kept, &format!("another key (`{vkey}`) is"))),
    }
    tx.commit().await?;
    // For `colophon verify`, which opens no database.
    files::write(&folder.join("log.vkey"), vkey.as_bytes(), Access::Public)?;
    let public = hex::encode(statement.public().as_bytes());
    files::write(&folder.join("statement.pub"), public.as_bytes(), Access::Public)?;
    let site = Site { name: settings.site_name.clone(), url: settings.public_url.clone(), log_origin };
    let keys = Keys {
        statement: Ed25519Signer::new(statement.signing().clone()),
        log,
        signer: RwLock::new(Arc::new(pki.signer().map_err(Error::internal)?.stamped(
            Arc::clone(&authority),
            Arc::clone(clock),
            Arc::clone(chance),
        ))),
        authority,
        stamper_pem,
        root_pem: pki.root_pem().map_err(Error::internal)?,
        root: pki.root_facts().map_err(Error::internal)?,
        pki: RwLock::new(pki),
        folder,
    };
    Ok((site, keys))
}

fn open_pki(folder: &Path, site: &str, clock: &dyn Clock, chance: &dyn Chance) -> Result<Pki> {
    let mut parts = Vec::new();
    for (name, _) in PKI_FILES {
        parts.push(files::read(&folder.join(name))?);
    }
    if parts.iter().all(Option::is_none) {
        let pki = Pki::create(site, clock.now(), chance).map_err(Error::internal)?;
        write_pki(folder, &pki)?;
        return Ok(pki);
    }
    // The root's key may be kept elsewhere; all others are needed.
    let root_key_pem = parts.pop().flatten();
    let mut given = parts.into_iter().zip(PKI_FILES).map(|(part, (name, _))| {
        part.ok_or_else(|| {
            Error::Internal(format!(
                "the file `{}` is missing: restore the keys folder from a backup",
                folder.join(name).display()
            ))
        })
    });
    let mut next = || given.next().unwrap_or_else(|| Err(Error::internal("a certificate file is missing")));
    let parts = PkiParts {
        root_cert_pem: next()?,
        issuing_cert_pem: next()?,
        issuing_key_pem: next()?,
        leaf_cert_pem: next()?,
        leaf_key_pem: next()?,
        root_key_pem,
    };
    Pki::from_parts(&parts).map_err(|e| {
        Error::Internal(format!("the certificates in `{}` can't be used: {e}; restore them from a backup", folder.display()))
    })
}

/// The key and certificate of time stamps, made anew when they are near their end: a stamp holds for as long as what it was made with held
/// then, so nothing is lost with the old ones.
fn open_authority(folder: &Path, pki: &Pki, policy: &str, clock: &dyn Clock, chance: &dyn Chance) -> Result<(Authority, String)> {
    let policy = policy.parse().map_err(|e| {
        Error::Internal(format!("the setting `time_stamp_policy` can't be `{policy}`: {e}; give numbers with dots"))
    })?;
    let [chain, secret] = STAMPER_FILES.map(|(name, access)| (folder.join(name), access));
    let now = clock.now();
    if let (Some(chain_pem), Some(key_pem)) = (files::read(&chain.0)?, files::read(&secret.0)?) {
        let parts = StamperParts { chain_pem, key_pem, ends_at: now };
        let kept = Authority::from_parts(&parts, policy).map_err(|e| {
            Error::Internal(format!(
                "the certificate of time stamps in `{}` can't be used: {e}; remove both its files to make it anew",
                folder.display()
            ))
        })?;
        if kept.ends_at() > now.plus_days(STAMPER_DAYS_LEFT).min(pki.issuing_not_after().plus_days(-1)) {
            return Ok((kept, parts.chain_pem));
        }
    }
    let parts = pki.stamper(now, now.plus_days(STAMPER_DAYS), chance).map_err(Error::internal)?;
    files::write(&secret.0, parts.key_pem.as_bytes(), secret.1)?;
    files::write(&chain.0, parts.chain_pem.as_bytes(), chain.1)?;
    Ok((Authority::from_parts(&parts, policy).map_err(Error::internal)?, parts.chain_pem))
}

fn write_pki(folder: &Path, pki: &Pki) -> Result<()> {
    let parts = pki.to_parts().map_err(Error::internal)?;
    let texts = [
        Some(parts.root_cert_pem),
        Some(parts.issuing_cert_pem),
        Some(parts.issuing_key_pem),
        Some(parts.leaf_cert_pem),
        Some(parts.leaf_key_pem),
        parts.root_key_pem,
    ];
    for ((name, access), text) in PKI_FILES.into_iter().zip(texts) {
        if let Some(text) = text {
            files::write(&folder.join(name), text.as_bytes(), access)?;
        }
    }
    Ok(())
}
