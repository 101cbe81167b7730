//! Agreeing on the authorship of an image: its creator proposes, everyone named signs or refuses, and once all have signed it is a statement in the log.

use serde::Deserialize;
use serde_json::json;

use super::identity::Signatory;
use super::record::{Deed, record};
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::id::{AgreementId, ImageId};
use crate::ledger::Subject;
use crate::ledger::canonical::to_canonical;
use crate::lineage::{Agreement, Author, AuthorSignature};
use crate::provenance::identity::check_text;
use crate::storage::agreements::{Proposal, Standing};
use crate::storage::{self, Tx};

/// What is proposed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposing {
    /// Per cent that is the machine's.
    pub ai_share: u8,
    /// The people.
    pub authors: Vec<Author>,
}

/// Proposes the authorship of an image of the actor's. Whoever is named may from then on make pictures from it.
pub async fn propose(instance: &Instance, actor: &Actor, image: ImageId, proposing: Proposing) -> Result<Proposal> {
    if !actor.may(Scope::Images) {
        return Err(Error::Forbidden(Scope::Images));
    }
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    let found = storage::images::find(&mut tx, image).await?.ok_or_else(|| Error::not_found("image", image))?.image;
    if found.creator != actor.name {
        return Err(Error::invalid(
            "image",
            format!("`{image}` is by {}: only its creator proposes who its authors are", found.creator),
        ));
    }
    let agreement = Agreement {
        id: AgreementId::new(now, &*instance.chance),
        image,
        sha256: found.digest.sha256,
        ai_share: proposing.ai_share,
        authors: proposing.authors,
        proposed_by: actor.name.clone(),
        proposed_at: now,
        signatures: Vec::new(),
    };
    if let Some((field, text)) = agreement.fault() {
        return Err(Error::invalid(field, text));
    }
    for author in &agreement.authors {
        if storage::accounts::find_by_name(&mut tx, &author.name).await?.is_none() {
            let name: String = author.name.chars().take(80).collect();
            return Err(Error::invalid("authors", format!("no account is called `{name}`: authors sign, and so need one")));
        }
    }
    storage::agreements::propose(&mut tx, &agreement).await?;
    tx.commit().await?;
    Ok(Proposal { agreement, standing: Standing::Open })
}

/// A proposal that names the actor, or that they made.
pub async fn own(tx: &mut Tx, actor: &Actor, id: AgreementId) -> Result<Proposal> {
    let found = storage::agreements::find_proposal(tx, id).await?;
    let theirs = |p: &Proposal| p.agreement.proposed_by == actor.name || p.agreement.authors.iter().any(|a| a.name == actor.name);
    found.filter(theirs).ok_or_else(|| Error::not_found("agreement", id))
}

fn open(proposal: Proposal) -> Result<Agreement> {
    match proposal.standing {
        Standing::Open => Ok(proposal.agreement),
        other => Err(Error::Conflict(format!("nothing is to be answered any more: it is {}", other.as_str()))),
    }
}

/// Signs a proposal; the last signature makes it an agreement, in the log.
pub async fn sign(instance: &Instance, actor: &Actor, id: AgreementId) -> Result<Proposal> {
    if !actor.may(Scope::Images) {
        return Err(Error::Forbidden(Scope::Images));
    }
    let signatory = Signatory::of(instance, actor.account, &actor.name).await?;
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    tx.lock(storage::Lock::Agreements).await?;
    let mut agreement = open(own(&mut tx, actor, id).await?)?;
    if !agreement.authors.iter().any(|author| author.name == actor.name) {
        return Err(Error::invalid("agreement", "you proposed it, but it does not name you: those whom it names sign"));
    }
    if agreement.signatures.iter().any(|signed| signed.name == actor.name) {
        return Err(Error::Conflict("you signed it before".into()));
    }
    let text = to_canonical(&agreement.to_be_signed()).map_err(Error::internal)?;
    let signature = hex::encode(signatory.person.sign_text(&text));
    let signed = AuthorSignature { name: actor.name.clone(), signature, chain: signatory.chain.clone(), at: now };
    agreement.signatures.push(signed);
    signatory.keep(&mut tx).await?;
    let agreed = agreement.is_signed_by_all();
    let standing = if agreed { Standing::Agreed } else { Standing::Open };
    if !storage::agreements::update(&mut tx, &agreement, standing).await? {
        return Err(Error::Conflict("somebody else answered meanwhile: look again".into()));
    }
    if agreed {
        let image = storage::images::find(&mut tx, agreement.image).await?;
        let image = image.ok_or_else(|| Error::not_found("image", agreement.image))?.image;
        let deed = Deed {
            kind: "agreement",
            subject: vec![Subject::new(agreement.image.to_string(), image.digest)],
            actor: agreement.proposed_by.clone(),
            body: json!({ "agreement": agreement }),
        };
        record(&mut tx, instance, now, deed).await?;
    }
    tx.commit().await?;
    if agreed {
        instance.bell.ring();
    }
    Ok(Proposal { agreement, standing })
}

/// Refuses a proposal, or takes it back. What was agreed stays.
pub async fn refuse(instance: &Instance, actor: &Actor, id: AgreementId) -> Result<Proposal> {
    let mut tx = instance.store.begin().await?;
    tx.lock(storage::Lock::Agreements).await?;
    let agreement = open(own(&mut tx, actor, id).await?)?;
    if !storage::agreements::update(&mut tx, &agreement, Standing::Ended).await? {
        return Err(Error::Conflict("somebody else answered meanwhile: look again".into()));
    }
    tx.commit().await?;
    Ok(Proposal { agreement, standing: Standing::Ended })
}

/// Checks each signature under an agreement: the author's name, and what is wrong where something is.
pub fn check_signatures(instance: &Instance, agreement: &Agreement) -> Result<Vec<(String, Option<String>)>> {
    let text = to_canonical(&agreement.to_be_signed()).map_err(Error::internal)?;
    let signer = instance.keys.image_signer();
    Ok(agreement
        .authors
        .iter()
        .map(|author| {
            let problem = match agreement.signatures.iter().find(|signed| signed.name == author.name) {
                None => Some("has not signed".to_owned()),
                Some(signed) => {
                    let bytes = hex::decode(&signed.signature).unwrap_or_default();
                    match check_text(signer.trust(), &signed.chain, &text, &bytes, signed.at) {
                        Ok(name) if name == author.name.chars().filter(|c| !c.is_control()).take(64).collect::<String>() => None,
                        Ok(name) => Some(format!("the certificate is {name}'s")),
                        Err(problem) => Some(problem),
                    }
                }
            };
            (author.name.clone(), problem)
        })
        .collect())
}
