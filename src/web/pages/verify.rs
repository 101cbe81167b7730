//! `/verify`: drop a file, read a verdict.

use axum::extract::State as Handed;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::view::verify::{CreditsView, Reason, RecoveredView, SignerView, VerifyResult};
use super::view::{Tone, VerifyPage, When, WorkCard};
use super::{Page, Refused, chrome, fill};
use crate::actions::verify_image::{Logged, Report, image_of, statement_of, verify_image};
use crate::clock::Timestamp;
use crate::provenance::verdict::{Finding, Kind};
use crate::storage;
use crate::web::State;
use crate::web::error::Failure;
use crate::web::extract::Upload;
use crate::web::session::Visitor;

pub(super) async fn form(Handed(state): Handed<State>, visitor: Visitor) -> Result<Page<VerifyPage>, Failure> {
    build(&state, &visitor, None, "").await.map(Page)
}

async fn build(state: &State, visitor: &Visitor, result: Option<VerifyResult>, problem: &str) -> Result<VerifyPage, Failure> {
    Ok(VerifyPage {
        chrome: chrome(state, visitor, "Verify a file", "/verify").await?,
        result,
        problem: problem.to_owned(),
        max_bytes: state.max_upload as u64,
    })
}

pub(super) async fn check(Handed(state): Handed<State>, visitor: Visitor, upload: Upload) -> Result<Response, Failure> {
    if upload.file.is_empty() {
        let page = build(&state, &visitor, None, "No file came along: choose a PNG, JPEG or WebP file first.").await?;
        return Ok(Refused(StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let report = verify_image(&state.instance, upload.file).await?;
    let result = shown(&state, &report, upload.name).await?;
    Ok(Page(build(&state, &visitor, Some(result), "").await?).into_response())
}

fn explanation(finding: Finding) -> &'static str {
    match finding {
        Finding::Trusted => {
            "The signature holds, it was made with this service's certificate, and not one byte has changed since."
        }
        Finding::ValidUntrusted => "The file is whole, but this service does not know who signed it.",
        Finding::Expired => "The certificate had ended, and nothing shows that the file was signed before that.",
        Finding::Altered => "Something was changed after signing, so what the file says of itself no longer counts.",
        Finding::ManifestMismatch => {
            "The credentials are genuine, but they were taken from another picture and put into this file."
        }
        Finding::NoManifest => "Many services strip credentials when a picture is uploaded. Without them the file says nothing.",
        Finding::Unreadable => "Send a PNG, JPEG or WebP picture as it was saved.",
    }
}

async fn shown(state: &State, report: &Report, file_name: String) -> Result<VerifyResult, Failure> {
    let verdict = &report.verdict;
    let mut reasons: Vec<Reason> = Vec::new();
    reasons.push(log_reason(&report.logged));
    reasons.extend(report.revoked.iter().map(|r| Reason {
        tone: Tone::Refused,
        sentence: format!("“{}”, a work it draws on, was revoked on {}: {}", r.title, r.since.day(), r.reason),
        code: String::new(),
    }));
    reasons.extend(verdict.warnings.iter().map(|w| Reason { tone: Tone::Plain, sentence: w.clone(), code: String::new() }));
    let passed = verdict.codes.iter().filter(|s| s.kind == Kind::Success).count();
    if passed > 0 && verdict.is_trusted() {
        reasons.push(Reason {
            tone: Tone::Verified,
            sentence: format!("All {passed} checks of the C2PA standard passed, those of the works and the model included."),
            code: String::new(),
        });
    }
    // What passed is one sentence; what did not is told one by one. The API names every code.
    for status in verdict.codes.iter().filter(|s| !s.of_ingredient && s.kind != Kind::Success) {
        reasons.push(Reason {
            tone: match status.kind {
                Kind::Success => Tone::Verified,
                Kind::Information => Tone::Plain,
                Kind::Failure => Tone::Refused,
            },
            sentence: status.explanation.clone().unwrap_or_else(|| status.code.clone()),
            code: status.code.clone(),
        });
    }
    let mut tx = state.instance.store.read().await?;
    let inclusion = match statement_of(verdict) {
        Some(statement) if matches!(report.logged, Logged::Proved { .. }) => {
            fill::record_view(&state.instance, &mut tx, statement, format!("/log/receipts/{statement}")).await?.inclusion
        }
        _ => None,
    };
    let credits = credits(state, &mut tx, report).await?;
    let recovered = report.recovered.as_ref().map(|found| RecoveredView {
        tone: if found.substituted { Tone::Refused } else { Tone::Plain },
        sentence: found.sentence.clone(),
        image_url: format!("/images/{}", found.image),
    });
    let signed = verdict.claim.as_ref().and_then(|c| c.image.as_ref()).map(|i| fill::minute(i.made_at)).unwrap_or_default();
    let signer = verdict.signer.as_ref().map(|s| SignerView {
        name: s.common_name.clone().unwrap_or_default(),
        issuer: s.organisation.clone().unwrap_or_default(),
        algorithm: "Ed25519".to_owned(),
        signed,
        until: s.not_after.as_deref().and_then(Timestamp::parse).map_or_else(When::default, fill::day),
    });
    Ok(VerifyResult {
        tone: if verdict.is_trusted() { Tone::Verified } else { Tone::Refused },
        sentence: verdict.sentence.clone(),
        explanation: explanation(verdict.finding).to_owned(),
        file_name,
        bytes: report.digest.len,
        sha256: report.digest.sha256.to_string(),
        reasons,
        signer,
        credits,
        inclusion,
        recovered,
    })
}

fn log_reason(logged: &Logged) -> Reason {
    let (tone, sentence) = match logged {
        Logged::Proved { index, size, .. } => (
            Tone::Verified,
            format!("Its making is entry {} of {} in the log, proved just now.", fill::grouped(*index), fill::grouped(*size)),
        ),
        Logged::Waiting => (Tone::Plain, "Its making is recorded and waits for its place in the log.".to_owned()),
        Logged::OtherLog { reason } | Logged::NotProved { reason } => {
            (Tone::Refused, format!("It is not proved to be in the log: {reason}."))
        }
        Logged::Unknown => (Tone::Refused, "This log knows nothing of it.".to_owned()),
        Logged::Unchecked => (Tone::Plain, "There is nothing in it that the log could be asked for.".to_owned()),
    };
    Reason { tone, sentence, code: String::new() }
}

/// The credits found, only where the file is what it claims.
async fn credits(state: &State, tx: &mut storage::Tx, report: &Report) -> Result<Option<CreditsView>, Failure> {
    let Some(claim) = report.verdict.claim.as_ref().filter(|_| report.verdict.is_trusted()) else { return Ok(None) };
    let (Some(image), Some(licences)) = (&claim.image, &claim.licences) else { return Ok(None) };
    let known = match image_of(&report.verdict) {
        Some(id) => storage::images::find(tx, id).await?,
        None => None,
    };
    let now = state.instance.clock.now();
    let (mut works, mut authors, mut named): (Vec<WorkCard>, Vec<String>, Vec<String>) = Default::default();
    for work in &licences.works {
        let distance =
            known.as_ref().and_then(|k| k.image.works.iter().find(|d| d.work == work.work)).map(|d| f64::from(d.nearness) / 1e6);
        match fill::work_card(tx, work.work, distance, now, image.made_at).await? {
            Some(card) => works.push(WorkCard { influence: Some(f64::from(work.influence) / 1e6), ..card }),
            None => works.push(WorkCard {
                id: work.work.to_string(),
                title: work.title.clone(),
                picture: "/static/blank.svg".to_owned(),
                author: work.author.clone(),
                licence: fill::short_licence(&work.licence),
                licence_url: work.licence_url.clone().unwrap_or_default(),
                distance,
                influence: Some(f64::from(work.influence) / 1e6),
                revoked: false,
                disputed: false,
            }),
        }
        let licence = fill::short_licence(&work.licence);
        if !authors.contains(&work.author) {
            authors.push(work.author.clone());
        }
        if !named.contains(&licence) {
            named.push(licence);
        }
    }
    Ok(Some(CreditsView {
        image_url: known.map(|k| format!("/images/{}", k.image.id)).unwrap_or_default(),
        made: fill::minute(image.made_at),
        model: image.model.as_ref().map(|model| format!("{} {}", model.name, model.version)).unwrap_or_default(),
        authors,
        licences: named,
        works,
        policy: claim.decision.as_ref().map(|d| d.bundle_sha256.to_string()).unwrap_or_default(),
    }))
}
