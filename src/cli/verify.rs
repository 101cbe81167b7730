//! `colophon verify FILE`: with the anchors of this machine's data folder, with anchors given, or against a log anywhere.
//!
//! What is trusted, first found wins: `--root` and `--vkey`; for `--log URL` the files that service hands out (trusted because you
//! asked it: said aloud); the data folder.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::generate::receipt_path;
use super::{Common, say};
use crate::actions::membership::{LONGEST, check_membership};
use crate::actions::verify_image::{Logged, Report, statement_of, verify_offline};
use crate::ledger::{Envelope, Receipt, ReceiptError, Verifier, WitnessPolicy};
use crate::provenance::{Finding, Limits, TrustAnchors};

/// How a receipt begins (C2SP tlog-proof).
const RECEIPT: &[u8] = b"c2sp.org/tlog-proof@";

/// What to check, and by what.
#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// The picture (PNG, JPEG or WebP), a receipt by itself (`.tlog-proof`), or a membership proof (JSON)
    file: PathBuf,
    /// Its receipt (default: the file's name with `.tlog-proof` added, if that is there)
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// A log to ask for the receipt, such as http://127.0.0.1:8080/log
    #[arg(long, value_name = "URL")]
    log: Option<String>,
    /// Root certificate to trust (PEM)
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// Public key of the log to trust (a C2SP verifier key, or a file that holds one)
    #[arg(long, value_name = "KEY")]
    vkey: Option<String>,
    /// Witnesses that must have cosigned the receipt (C2SP tlog-policy)
    #[arg(long, value_name = "FILE")]
    witnesses: Option<PathBuf>,
    /// The registry's key for statements, to check who signed a receipt's entry (64 hex digits, or a file with them)
    #[arg(long, value_name = "KEY")]
    statement_key: Option<String>,
    /// Print the manifests as crJSON, for other people's rubrics, and nothing else
    #[arg(long)]
    crjson: bool,
}

/// Exit code for what was found.
///
/// 0 trusted, and logged where that could be checked · 10 altered · 11 the manifest belongs to another picture · 12 no manifest ·
/// 13 signed by someone not trusted · 14 the certificate had ended · 15 the receipt is from another log · 16 the receipt does not prove
/// this file · 17 unknown to the log that was asked · 18 not a picture that can be checked
fn code(report: &Report) -> u8 {
    match (report.verdict.finding, &report.logged) {
        (Finding::Altered, _) => 10,
        (Finding::ManifestMismatch, _) => 11,
        (Finding::NoManifest, _) => 12,
        (Finding::ValidUntrusted, _) => 13,
        (Finding::Expired, _) => 14,
        (Finding::Unreadable, _) => 18,
        (Finding::Trusted, Logged::OtherLog { .. }) => 15,
        (Finding::Trusted, Logged::NotProved { .. }) => 16,
        (Finding::Trusted, Logged::Unknown) => 17,
        (Finding::Trusted, _) => 0,
    }
}

pub(super) fn run(asked: &Verify, common: &Common) -> anyhow::Result<ExitCode> {
    let most = Limits::default().max_bytes as u64;
    let file = std::fs::File::open(&asked.file).with_context(|| format!("can't open `{}`", asked.file.display()))?;
    let mut bytes = Vec::new();
    // One byte more than is checked, so that a larger file is named as such.
    file.take(most + 1).read_to_end(&mut bytes).with_context(|| format!("can't read `{}`", asked.file.display()))?;
    let log = asked.log.as_deref().map(|url| url.trim_end_matches('/').to_owned());
    if bytes.starts_with(RECEIPT) {
        return run_receipt(asked, &bytes, log.as_deref(), common);
    }
    if bytes.starts_with(b"{") {
        return run_membership(asked, &bytes, log.as_deref(), common);
    }
    let keys = if log.is_none() { Some(common.settings()?.data_dir.join("keys")) } else { None };
    let root = root(asked, log.as_deref(), keys.as_deref())?;
    let trust = TrustAnchors::new(&root, &[]).context("the root certificate can't be used")?;
    let unlogged = verify_offline(&bytes, &trust, None);
    let mut report = unlogged;
    if let Some(receipt) = receipt(asked, log.as_deref(), &report)? {
        let vkey = vkey(asked, log.as_deref(), keys.as_deref())?;
        let verifier = Verifier::parse(vkey.trim()).context("the log's key can't be used")?;
        report = match receipt {
            Some(text) => match Receipt::parse(text.as_bytes()) {
                Ok(receipt) => {
                    let report = verify_offline(&bytes, &trust, Some((&receipt, &verifier, verifier.name())));
                    match unwitnessed(asked, &receipt, &verifier)? {
                        Some(reason) if matches!(report.logged, Logged::Proved { .. }) => Report {
                            sentence: format!("{} {reason}.", report.sentence),
                            logged: Logged::NotProved { reason },
                            ..report
                        },
                        _ => report,
                    }
                }
                Err(e) => Report {
                    logged: Logged::NotProved { reason: e.to_string() },
                    sentence: format!("{} {e}.", report.sentence),
                    ..report
                },
            },
            None => Report {
                logged: Logged::Unknown,
                sentence: format!("{} This log knows nothing of it.", report.sentence),
                ..report
            },
        };
    }
    let code = code(&report);
    if asked.crjson {
        say(report.verdict.crjson.as_deref().context("the file holds no manifest")?);
    } else if common.json {
        let mut shown = serde_json::to_value(&report)?;
        shown["verdict"]["crjson"] = serde_json::Value::Null;
        shown["exit_code"] = code.into();
        say(&shown.to_string());
    } else {
        say(&report.sentence);
        if report.verdict.is_trusted() && report.logged == Logged::Unchecked {
            say("Not checked against a log: hand in its receipt with --receipt FILE, or name the log with --log URL.");
        }
        report.verdict.warnings.iter().for_each(|w| say(&format!("Note: {w}")));
        report.verdict.failures().for_each(|s| say(&format!("  {}", s.code)));
        if let Some(licences) =
            report.verdict.claim.as_ref().and_then(|c| c.licences.as_ref()).filter(|_| report.verdict.is_trusted())
        {
            say(&licences.credit_line);
            licences.works.iter().for_each(|w| say(&format!("  “{}” by {}, {}", w.title, w.author, w.licence)));
        }
    }
    Ok(ExitCode::from(code))
}

/// Why the witnesses that are asked for have not seen the receipt's head; `None` when they have, or none are.
fn unwitnessed(asked: &Verify, receipt: &Receipt, verifier: &Verifier) -> anyhow::Result<Option<String>> {
    let Some(path) = &asked.witnesses else { return Ok(None) };
    let bytes = std::fs::read(path).with_context(|| format!("can't read `{}`", path.display()))?;
    let policy = WitnessPolicy::parse(&bytes).with_context(|| format!("`{}` can't be used", path.display()))?;
    let policy = policy.with_log(verifier.clone()).context("the log's key is of another type than Ed25519")?;
    Ok(policy.check(receipt.checkpoint()).err().map(|unmet| unmet.to_string()))
}

/// A receipt by itself, which carries its entry: 0 proved · 15 from another log · 16 nothing is proved.
fn run_receipt(asked: &Verify, document: &[u8], log: Option<&str>, common: &Common) -> anyhow::Result<ExitCode> {
    let keys = if log.is_none() && asked.vkey.is_none() { Some(common.settings()?.data_dir.join("keys")) } else { None };
    let vkey = vkey(asked, log, keys.as_deref())?;
    let verifier = Verifier::parse(vkey.trim()).context("the log's key can't be used")?;
    let receipt = Receipt::parse(document).with_context(|| format!("`{}` can't be read", asked.file.display()))?;
    let entry = receipt
        .extra
        .clone()
        .context("this receipt does not carry its entry: hand in the file that it is for, with --receipt")?;
    let (code, problem): (u8, Option<String>) = match receipt.verify(&entry, &verifier, verifier.name()) {
        Ok(_) => match unwitnessed(asked, &receipt, &verifier)? {
            Some(reason) => (16, Some(reason)),
            None => (0, None),
        },
        Err(e @ (ReceiptError::OtherLog(_) | ReceiptError::BadSignature(_))) => (15, Some(e.to_string())),
        Err(e) => (16, Some(e.to_string())),
    };
    let envelope = Envelope::parse(&entry).context("its entry is no statement")?;
    let registry = match (&asked.statement_key, log, &keys) {
        (Some(key), ..) => Some(super::audit::text_or_file(key)?),
        (None, Some(url), _) => fetch(&format!("{}/trust/statement.key", service(url)))?,
        (None, None, Some(keys)) => read(&keys.join("statement.pub")).ok(),
        (None, None, None) => None,
    };
    let registry = registry.map(|text| super::mirror::statement_key(text.trim())).transpose()?;
    let signed = registry.as_ref().map(|key| envelope.verify(key).map_err(|e| e.to_string()));
    let code = if code == 0 && matches!(signed, Some(Err(_))) { 16 } else { code };
    let statement = envelope.statement().context("its entry is no statement")?;
    let said = |name: &str| statement.predicate.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let checkpoint = receipt.checkpoint().unverified();
    if common.json {
        say(&serde_json::json!({
            "proved": code == 0, "problem": problem, "index": receipt.index, "size": checkpoint.size, "origin": checkpoint.origin,
            "kind": statement.name, "subject": statement.subject, "actor": said("actor"), "custody": said("custody"),
            "recorded_at": said("recorded_at"), "signed_by_registry": signed.as_ref().map(Result::is_ok), "exit_code": code,
        })
        .to_string());
        return Ok(ExitCode::from(code));
    }
    match &problem {
        Some(problem) => say(&format!("Not proved: {problem}.")),
        None => say(&format!("Entry {} of {} in {}.", receipt.index, checkpoint.size, checkpoint.origin)),
    }
    let own = said("signed_with");
    let hand = match said("custody").as_str() {
        "own" if envelope.signatures().iter().any(|signature| signature.keyid == own) => {
            format!("with the key {}…, as theirs (whose it is, the log's entries before say)", own.get(..12).unwrap_or_default())
        }
        "own" => "with a key of their own, it says, whose signature is not there".to_owned(),
        _ => "by the registry on their behalf".to_owned(),
    };
    say(&format!("It states `{}`, for {}, signed {hand}, at {}:", statement.name, said("actor"), said("recorded_at")));
    statement.subject.iter().for_each(|subject| say(&format!("  {}  sha256 {}", subject.name, subject.digest.sha256)));
    match &signed {
        Some(Ok(_)) => say("The registry's signature on it is good."),
        Some(Err(e)) => say(&format!("The registry's signature on it: {e}.")),
        None => say("The registry's signature on it was not checked: hand in its key with --statement-key."),
    }
    Ok(ExitCode::from(code))
}

/// A membership proof instead of a picture: 0 proved · 15 from another log · 16 nothing is proved.
fn run_membership(asked: &Verify, document: &[u8], log: Option<&str>, common: &Common) -> anyhow::Result<ExitCode> {
    let keys = if log.is_none() && asked.vkey.is_none() { Some(common.settings()?.data_dir.join("keys")) } else { None };
    let vkey = vkey(asked, log, keys.as_deref())?;
    let verifier = Verifier::parse(vkey.trim()).context("the log's key can't be used")?;
    if document.len() > LONGEST {
        bail!("`{}` is longer than any membership proof: fetch it again", asked.file.display());
    }
    let checked = check_membership(document, &verifier, verifier.name())?;
    let code: u8 = match &checked.logged {
        Logged::Proved { .. } => 0,
        Logged::OtherLog { .. } => 15,
        _ => 16,
    };
    if common.json {
        let mut shown = serde_json::to_value(&checked)?;
        shown["exit_code"] = code.into();
        say(&shown.to_string());
    } else {
        say(&checked.sentence);
    }
    Ok(ExitCode::from(code))
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("can't read `{}`", path.display()))
}

fn root(asked: &Verify, log: Option<&str>, keys: Option<&Path>) -> anyhow::Result<String> {
    match (&asked.root, log, keys) {
        (Some(path), ..) => read(path),
        (None, Some(url), _) => {
            fetch(&format!("{}/trust/c2pa-root.pem", service(url)))?.context("the service hands out no root certificate")
        }
        (None, None, Some(keys)) => {
            let path = keys.join("c2pa-root.pem");
            read(&path).context(
                "nothing says whom to trust: name a root with --root, a log with --log, or a data folder with --data-dir",
            )
        }
        (None, None, None) => bail!("nothing says whom to trust: name a root with --root"),
    }
}

fn vkey(asked: &Verify, log: Option<&str>, keys: Option<&Path>) -> anyhow::Result<String> {
    match (&asked.vkey, log, keys) {
        (Some(key), ..) if Path::new(key).is_file() => read(Path::new(key)),
        (Some(key), ..) => Ok(key.clone()),
        (None, Some(url), _) => fetch(&format!("{}/trust/log.vkey", service(url)))?.context("the service hands out no log key"),
        (None, None, Some(keys)) => read(&keys.join("log.vkey")).context("no log key at hand: hand one in with --vkey"),
        (None, None, None) => bail!("no log key at hand: hand one in with --vkey"),
    }
}

/// The receipt's text: none to look at; or asked for and there is none.
fn receipt(asked: &Verify, log: Option<&str>, report: &Report) -> anyhow::Result<Option<Option<String>>> {
    if let Some(path) = &asked.receipt {
        return Ok(Some(Some(read(path)?)));
    }
    if let Some(url) = log {
        let Some(statement) = statement_of(&report.verdict) else { return Ok(None) };
        return Ok(Some(fetch(&format!("{url}/receipts/{statement}"))?));
    }
    let beside = receipt_path(&asked.file);
    Ok(if beside.is_file() { Some(Some(read(&beside)?)) } else { None })
}

/// The service a log belongs to: its address without `/log`.
fn service(log: &str) -> &str {
    log.strip_suffix("/log").unwrap_or(log)
}

/// Fetches a small text; `None` when the answer is 404.
fn fetch(url: &str) -> anyhow::Result<Option<String>> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(15))).http_status_as_error(false).build().into();
    let mut answer = agent.get(url).call().with_context(|| format!("can't ask `{url}`"))?;
    match answer.status().as_u16() {
        200 => Ok(Some(
            answer.body_mut().with_config().limit(1 << 20).read_to_string().with_context(|| format!("can't read `{url}`"))?,
        )),
        404 => Ok(None),
        other => bail!("`{url}` answered {other}; is this the address of a Colophon log?"),
    }
}
