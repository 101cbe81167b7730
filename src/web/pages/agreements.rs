//! Agreeing on authorship, on the page of the image: proposing, signing, refusing.

use axum::extract::State as Handed;
use axum::response::{IntoResponse, Redirect, Response};

use super::images::view;
use super::view::images::{AgreedView, AuthorshipView};
use super::{Refused, problems_of};
use crate::accounts::Scope;
use crate::actions::agree::{self, Proposing};
use crate::actions::{Error, Instance};
use crate::id::{AgreementId, ImageId};
use crate::lineage::{Agreement, Author};
use crate::provenance::{Signed, Standing as Known, Verdict};
use crate::storage::agreements::Standing;
use crate::storage::images::Image;
use crate::storage::{self, Tx};
use crate::web::State;
use crate::web::api::agreed;
use crate::web::error::Failure;
use crate::web::extract::{Form, Segment};
use crate::web::session::Visitor;

/// Proposals that are looked through for one about this image.
const PROPOSALS: u32 = 100;

/// A line for each author: name, share, role, and what they did.
fn authors(text: &str) -> Result<Vec<Author>, Error> {
    let wrong = |line: &str| {
        let shown: String = line.chars().take(60).collect();
        Error::invalid(
            "authors",
            format!("`{shown}` can't be read: write name, share, role, and what they did, with commas between"),
        )
    };
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let mut parts = line.splitn(4, ',').map(str::trim);
            let (Some(name), Some(share), Some(role)) = (parts.next(), parts.next(), parts.next()) else {
                return Err(wrong(line));
            };
            let share = share.trim_end_matches('%').trim().parse().map_err(|_| wrong(line))?;
            Ok(Author {
                name: name.to_owned(),
                share,
                role: role.to_lowercase(),
                did: parts.next().unwrap_or_default().to_owned(),
            })
        })
        .collect()
}

pub(super) async fn propose(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<ImageId>,
    form: Form,
) -> Result<Response, Failure> {
    let actor = visitor.sent(&form)?;
    let share = form.get("ai_share").trim().trim_end_matches('%').trim().parse::<u8>();
    let read = match share {
        Err(_) => Err(Error::invalid("ai_share", "write the machine's share as a whole number from 0 to 100")),
        Ok(ai_share) => authors(form.get("authors")).map(|authors| Proposing { ai_share, authors }),
    };
    let proposed = match read {
        Ok(proposing) => agree::propose(&state.instance, actor, id, proposing).await,
        Err(e) => Err(e),
    };
    match proposed {
        Ok(_) => Ok(Redirect::to(&format!("/images/{id}#authors")).into_response()),
        Err(e) => {
            let (status, problems) = problems_of(e)?;
            let mut page = view(&state, &visitor, id).await?;
            page.authorship.problem = problems.all();
            form.get("authors").clone_into(&mut page.authorship.typed);
            Ok(Refused(status, page).into_response())
        }
    }
}

pub(super) async fn sign(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<AgreementId>,
    form: Form,
) -> Result<Redirect, Failure> {
    let actor = visitor.sent(&form)?;
    let signed = agree::sign(&state.instance, actor, id).await?;
    Ok(Redirect::to(&format!("/images/{}#authors", signed.agreement.image)))
}

pub(super) async fn refuse(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<AgreementId>,
    form: Form,
) -> Result<Redirect, Failure> {
    let actor = visitor.sent(&form)?;
    let refused = agree::refuse(&state.instance, actor, id).await?;
    Ok(Redirect::to(&format!("/images/{}#authors", refused.agreement.image)))
}

fn agreed_view(agreement: &Agreement, standing: impl Fn(&str) -> String, sound: bool, mine: bool) -> AgreedView {
    let authors = agreement.authors.iter();
    AgreedView {
        id: agreement.id.to_string(),
        ai_share: agreement.ai_share,
        authors: authors.map(|a| (a.name.clone(), a.share, a.role.clone(), a.did.clone(), standing(&a.name))).collect(),
        sound,
        mine,
    }
}

/// “Ana, editor: signed.”: one maker, with their signature in the file.
fn maker(name: &str, role: &str, signed: Option<&Signed>) -> String {
    let how = match signed.map(|s| s.standing) {
        None => "has not signed",
        Some(Known::Sound) => "signed",
        Some(Known::Unknown) => "signed, by a certificate that is not known here",
        Some(Known::Ended) => "signed, by a certificate that has ended",
        Some(Known::Broken) => "a signature stands there that is not theirs",
    };
    format!("{name}, {}: {how}.", role.trim_start_matches("cawg."))
}

/// Who an image's authors are, for its page.
pub(super) async fn authorship(
    instance: &Instance,
    tx: &mut Tx,
    visitor: &Visitor,
    image: &Image,
    verdict: &Verdict,
) -> Result<AuthorshipView, Failure> {
    let claim = verdict.claim.as_ref().and_then(|claim| claim.authorship.as_ref());
    let makers = claim.iter().flat_map(|claim| &claim.makers).map(|made| {
        let signed = verdict.people.iter().find(|signed| signed.image == Some(made.image));
        maker(&made.name, &made.role, signed)
    });
    let mut view = AuthorshipView {
        makers: makers.collect(),
        declared: claim.and_then(|claim| claim.ai_share).map(|share| share.to_string()).unwrap_or_default(),
        ..AuthorshipView::default()
    };
    for one in agreed(instance, tx, image.id).await? {
        let standing = |name: &str| match one.checked.iter().find(|(who, _)| who == name) {
            Some((_, None)) => "signed".to_owned(),
            Some((_, Some(problem))) => problem.clone(),
            None => "has not signed".to_owned(),
        };
        let sound = one.checked.iter().all(|(_, problem)| problem.is_none());
        view.agreed.push(agreed_view(&one.agreement, standing, sound, false));
    }
    if let Some(actor) = &visitor.actor {
        view.visitor.clone_from(&actor.name);
        view.may_propose = actor.name == image.creator && actor.may(Scope::Images);
        let about = storage::agreements::proposals_of(tx, &actor.name, PROPOSALS).await?;
        for open in about.iter().filter(|p| p.standing == Standing::Open && p.agreement.image == image.id) {
            let signed = |name: &str| open.agreement.signatures.iter().any(|s| s.name == name);
            let standing = |name: &str| if signed(name) { "signed".to_owned() } else { "has not signed yet".to_owned() };
            view.open.push(agreed_view(&open.agreement, standing, false, !signed(&actor.name)));
        }
    }
    Ok(view)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authors_are_read_line_by_line() {
        let read = authors("Ana, 50, Creator, words, mask and choice\n\n Ben ,20%, editor\n").unwrap();
        assert_eq!((read[0].name.as_str(), read[0].share, read[0].role.as_str()), ("Ana", 50, "creator"));
        assert_eq!((read[0].did.as_str(), read[1].name.as_str(), read[1].share), ("words, mask and choice", "Ben", 20));
        for wrong in ["Ana", "Ana, half, creator", "Ana, 300, creator"] {
            assert!(authors(wrong).unwrap_err().to_string().contains("commas between"), "{wrong}");
        }
    }
}
