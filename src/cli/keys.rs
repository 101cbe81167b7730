//! `colophon keys`: Ed25519 keys of one's own, in files, with which an account signs what it states.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::json;

use super::{Common, open, say};
use crate::accounts::Actor;
use crate::accounts::key::KeyPair;
use crate::actions::Instance;
use crate::actions::account_keys::{add_key, end_key};
use crate::actions::publish_checkpoint::publish_checkpoint;
use crate::actions::sign_in::{actor_named, local_operator};
use crate::actions::signing::with_key;
use crate::chance::SystemChance;
use crate::digest::sha256_of;
use crate::ledger::Ed25519Signer;
use crate::ledger::keyring::AddedKey;
use crate::ledger::statement::{PAYLOAD_TYPE, StatementSigner as _, pae};
use crate::storage;
use crate::storage::files::{self, Access};

/// What `keys` can do.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Keys {
    /// Make a key: the secret half into FILE, its id and public half to the screen
    New {
        /// A file that does not exist yet
        file: PathBuf,
    },
    /// Add the key in FILE to an account here
    Add {
        /// As `keys new` made it
        file: PathBuf,
        /// Whose it is (default: the local operator)
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// Nothing is to be stated for the account without it
        #[arg(long)]
        required: bool,
        /// The key of the account, in a file, that it takes the place of
        #[arg(long, value_name = "FILE")]
        replaces: Option<PathBuf>,
    },
    /// Show the keys of all accounts
    List,
    /// End a key
    End {
        /// Its id
        keyid: String,
        /// Why; others will read it
        #[arg(long)]
        reason: String,
        /// Whose it is (default: the local operator)
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
    },
    /// Sign a draft of the API, read from standard input; prints the header that goes with it
    Sign {
        /// As `keys new` made it; several sign together
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// A draft, as the API answers it.
#[derive(Deserialize)]
struct Draft {
    statements: Vec<ToSign>,
}

#[derive(Deserialize)]
struct ToSign {
    payload: String,
    keys: Vec<String>,
}

/// What needs no instance.
pub(super) fn without_instance(what: &Keys, as_json: bool) -> Option<anyhow::Result<ExitCode>> {
    match what {
        Keys::New { file } => Some(new(file, as_json)),
        Keys::Sign { files } => Some(sign(files)),
        _ => None,
    }
}

pub(super) async fn run(what: &Keys, common: &Common) -> anyhow::Result<ExitCode> {
    let instance = open(&common.settings()?).await?;
    match what {
        Keys::Add { file, account, required, replaces } => {
            let actor = actor(&instance, account.as_deref()).await?;
            let signer = read(file)?;
            let old = replaces.as_deref().map(read).transpose()?;
            let key = AddedKey { required: *required, replaces: old.as_ref().map(Ed25519Signer::key_id), ..public(&signer) };
            let keyid = key.keyid.clone();
            // Both sign where one takes the other's place.
            let signing = with_key(&instance, &actor, old.into_iter().collect(), vec![signer]);
            let statement = add_key(&signing, &actor, key).await?;
            publish_checkpoint(&instance).await?;
            if common.json {
                say(&json!({ "keyid": keyid, "holder": actor.name, "statement": statement }).to_string());
            } else {
                say(&format!("{keyid} is a key of {} from now on.", actor.name));
            }
        }
        Keys::List => list(&instance, common.json).await?,
        Keys::End { keyid, reason, account } => {
            let actor = actor(&instance, account.as_deref()).await?;
            end_key(&instance, &actor, keyid, reason).await?;
            publish_checkpoint(&instance).await?;
            say(&format!("{keyid} signs nothing more for {}. What it has signed stays signed.", actor.name));
        }
        Keys::New { .. } | Keys::Sign { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn actor(instance: &Instance, name: Option<&str>) -> anyhow::Result<Actor> {
    Ok(match name {
        Some(name) => actor_named(instance, name).await?,
        None => local_operator(instance).await?,
    })
}

/// The key in a file.
pub(super) fn read(file: &Path) -> anyhow::Result<Ed25519Signer> {
    let pem = std::fs::read_to_string(file).with_context(|| format!("can't read `{}`", file.display()))?;
    let pair =
        KeyPair::from_pem(&pem).map_err(|e| anyhow::anyhow!("`{}` is no key of `colophon keys new`: {e}", file.display()))?;
    Ok(Ed25519Signer::new(pair.signing().clone()))
}

fn public(signer: &Ed25519Signer) -> AddedKey {
    let public_key = STANDARD.encode(signer.verifying_key().as_bytes());
    AddedKey { keyid: signer.key_id(), public_key, required: false, replaces: None }
}

fn new(file: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    ensure!(!file.exists(), "`{}` exists: a key is never written over", file.display());
    let pair = KeyPair::new(&SystemChance);
    files::write(file, pair.to_pem().as_bytes(), Access::Private)?;
    let key = public(&Ed25519Signer::new(pair.signing().clone()));
    if as_json {
        say(&json!({ "keyid": key.keyid, "public_key": key.public_key }).to_string());
    } else {
        say(&format!("Key {}", key.keyid));
        say(&format!("Its public half: {}", key.public_key));
        say(&format!("Its secret half is in `{}`: keep it, and keep a copy elsewhere.", file.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// `colophon-signatures` of a draft.
fn sign(files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let signers: Vec<Ed25519Signer> = files.iter().map(|file| read(file)).collect::<anyhow::Result<_>>()?;
    let mut text = String::new();
    std::io::stdin().take(8 << 20).read_to_string(&mut text).context("can't read the draft")?;
    let draft: Draft =
        serde_json::from_str(&text).context("this is no draft: send the request with `colophon-sign: draft` first")?;
    let mut brought = Vec::new();
    for statement in draft.statements {
        let payload = STANDARD.decode(&statement.payload).context("a payload of the draft is not base64")?;
        for keyid in statement.keys {
            let signer = signers.iter().find(|signer| signer.key_id() == keyid);
            let signer = signer.with_context(|| format!("the draft wants the key `{keyid}` too: name its file as well"))?;
            let sig = STANDARD.encode(signer.sign(&pae(PAYLOAD_TYPE, &payload)));
            brought.push(json!({ "sha256": sha256_of(&payload), "keyid": keyid, "sig": sig }));
        }
    }
    say(&URL_SAFE_NO_PAD.encode(serde_json::Value::from(brought).to_string()));
    Ok(ExitCode::SUCCESS)
}

async fn list(instance: &Instance, as_json: bool) -> anyhow::Result<()> {
    let keys = storage::keys::all(&mut instance.store.read().await?).await?;
    if as_json {
        let items: Vec<_> = keys
            .iter()
            .map(|key| json!({ "key": key.added, "holder": key.holder, "added_at": key.added_at, "ended_at": key.end.as_ref().map(|end| end.at) }))
            .collect();
        say(&json!({ "items": items }).to_string());
        return Ok(());
    }
    if keys.is_empty() {
        say(&format!("No account has a key of its own: {} signs for all.", instance.site.name));
    }
    for key in keys {
        let only = if key.added.required { ", the only way" } else { "" };
        let end = key.end.map(|end| format!(", ended {}: {}", end.at.day(), end.reason)).unwrap_or_default();
        say(&format!("{}  {}, since {}{only}{end}", key.added.keyid, key.holder, key.added_at.day()));
    }
    Ok(())
}
