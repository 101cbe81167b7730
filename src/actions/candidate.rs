//! A candidate: what is needed to register one work, made from what was said of it and from its file. Used for one work and for many, so
//! that both follow the same rules.

use serde_json::json;

use super::record::Deed;
use crate::accounts::Actor;
use crate::chance::Chance;
use crate::clock::Timestamp;
use crate::digest::{Digest, KnownDigest};
use crate::generation::text::words;
use crate::id::{GrantId, WorkId};
use crate::ledger::Subject;
use crate::provenance::TrustAnchors;
use crate::provenance::container::outline;
use crate::provenance::mining::not_allowed;
use crate::works::creator::{check_creators, names};
use crate::works::licence::{Detected, LICENCE_LIMIT, NO_ASSERTION, UNKNOWN_AUTHOR, conclude, licence_of_url};
use crate::works::list::Row;
use crate::works::metadata::{Metadata, Property, is_svg};
use crate::works::reservation::{MINING, Signal, TRAINING};
use crate::works::verdict::is_expression;
use crate::works::{EvidenceFile, Grant, GrantScope, Reservation, TEXT_LIMIT, Usage, Work};

/// Tags kept.
const MOST_TAGS: usize = 40;
/// Pixels a registered picture may have: 4096 × 4096.
pub(super) const MOST_PIXELS: u64 = 4096 * 4096;

/// What is wrong with a field, and what to do.
pub(super) type Problem = (&'static str, String);

/// What was said of a work, and what came with it.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What was said.
    pub row: Row,
    /// Its file, when that is to be kept.
    pub file: Option<Vec<u8>>,
    /// Files of evidence with their names.
    pub evidence: Vec<(String, Vec<u8>)>,
    /// Whether what is left empty is taken from the file's own record.
    pub from_file: bool,
    /// Whether an author may stay unknown.
    pub author_may_be_unknown: bool,
}

/// A work about to be registered.
#[derive(Debug)]
pub(super) struct Candidate {
    pub work: Work,
    /// None when no licence is named.
    pub grant: Option<Grant>,
    /// The work's file, when it is to be kept.
    pub file: Option<(Digest, Vec<u8>)>,
    pub evidence: Vec<(Digest, Vec<u8>)>,
    /// What its registrant should know.
    pub notes: Vec<String>,
}

/// Checks everything; every field that can't be is named.
pub(super) fn candidate(
    told: Told,
    actor: &Actor,
    trust: &TrustAnchors,
    now: Timestamp,
    chance: &dyn Chance,
) -> Result<Candidate, Vec<Problem>> {
    let Told { mut row, file, evidence, from_file, author_may_be_unknown } = told;
    let (mut problems, mut notes) = (Vec::new(), Vec::new());
    let kept = file.map(|bytes| (Digest::of(&bytes), bytes));
    let (digest, media_type) = match (&kept, row.sha256) {
        (Some((digest, bytes)), said) => {
            if said.is_some_and(|sha256| sha256 != digest.sha256) || row.blake3.is_some_and(|b| b != digest.blake3) {
                problems.push(("sha256", format!("the file is not the one that is named: its sha256 is {}", digest.sha256)));
            }
            match media_type(bytes) {
                Ok(kind) => ((*digest).into(), kind.to_owned()),
                Err(problem) => {
                    problems.push(("file", problem));
                    ((*digest).into(), String::new())
                }
            }
        }
        (None, Some(sha256)) => {
            (KnownDigest { blake3: row.blake3, sha256, len: row.size }, plain_media_type(&row.media_type, &mut problems))
        }
        (None, None) => {
            problems.push(("sha256", "give the work's file, or its sha256".to_owned()));
            return Err(problems);
        }
    };
    let found = kept.as_ref().map(|(_, bytes)| Metadata::read(bytes)).unwrap_or_default();
    let mut declared_by = actor.name.clone();
    if from_file {
        fill(&mut row, &found, &mut declared_by);
    }
    if row.title.is_empty() && !row.file.is_empty() {
        row.title = stem(&row.file);
    }
    if row.author.is_empty() {
        row.author = names(&row.creators);
    }
    let author_known = !row.author.trim().is_empty();
    if !author_known && author_may_be_unknown {
        row.author = UNKNOWN_AUTHOR.to_owned();
        notes.push("no author is named, so nothing may be done with it".to_owned());
    }
    if let Err(e) = check_creators(&row.creators) {
        problems.push(("creators", e));
    }
    let id = WorkId::new(now, chance);
    let detected: Vec<Detected> = found
        .licences()
        .into_iter()
        .map(|(licence, said)| Detected { licence, says: said.value.clone(), place: said.place.to_owned() })
        .collect();
    let grant = match licence(&mut row, &mut problems) {
        None => {
            notes.push("no licence is named, so nothing may be done with it".to_owned());
            None
        }
        Some(licence) => {
            let concluded = conclude(&licence, &detected, author_known);
            notes.extend(concluded.as_ref().filter(|_| author_known).map(|c| c.reason.clone()));
            Some(Grant {
                id: GrantId::new(now, chance),
                work: id,
                licence,
                licence_url: row.licence_url.clone(),
                declared_by,
                evidence: if row.evidence.is_empty() { "declared at registration".to_owned() } else { row.evidence.clone() },
                starts_at: now,
                ends_at: None,
                scope: GrantScope::default(),
                detected,
                concluded,
            })
        }
    };
    let mut reservations = found.reservations();
    reservations.extend(kept.as_ref().and_then(|(_, bytes)| credentials(bytes, trust)));
    notes.extend(reservations.iter().map(|r| format!("reserved: {}", r.says)));
    let evidence: Vec<(Digest, String, Vec<u8>)> = evidence.into_iter().map(|(name, b)| (Digest::of(&b), name, b)).collect();
    let evidence_files = evidence.iter().map(|(d, name, _)| EvidenceFile { name: name.clone(), sha256: d.sha256 }).collect();
    let work = Work {
        id,
        titles: [words(&row.title)].into_iter().filter(|w| !w.is_empty()).collect(),
        title: row.title.trim().to_owned(),
        author: row.author.trim().to_owned(),
        collection: row.collection,
        item: row.item.chars().take(TEXT_LIMIT).collect(),
        source: row.source.trim().to_owned(),
        package: String::new(),
        style: row.style,
        colour: None,
        tags: row.tags.iter().map(|t| words(t)).filter(|w| !w.is_empty()).take(MOST_TAGS).collect(),
        media_type,
        digest,
        held: kept.is_some(),
        creators: row.creators,
        rights_holder: row.rights_holder.trim().to_owned(),
        created: row.created.trim().to_owned(),
        published: row.published.trim().to_owned(),
        evidence_files,
        reservations,
        registered_by: actor.name.clone(),
        registered_at: now,
    };
    if let Err(e) = work.check()
        && !problems.iter().any(|(field, _)| *field == e.field())
    {
        problems.push((e.field(), e.to_string()));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let evidence = evidence.into_iter().map(|(d, _, b)| (d, b)).collect();
    Ok(Candidate { work, grant, file: kept, evidence, notes })
}

/// The opt-out in a file's Content Credentials.
pub(super) fn credentials(bytes: &[u8], trust: &TrustAnchors) -> Option<Reservation> {
    let (entries, assertion) = not_allowed(bytes, trust)?;
    let mut uses: Vec<Usage> = Vec::new();
    for entry in &entries {
        uses.extend(match entry.as_str() {
            "ai_training" | "ai_generative_training" => TRAINING,
            "ai_inference" => &[Usage::Generate, Usage::GenerateCommercial],
            _ => MINING,
        });
    }
    uses.sort_unstable();
    uses.dedup();
    let says = format!("cawg.training-mining: not allowed: {}", entries.join(", "));
    Some(Reservation::seen(Signal::Cawg, says, &uses, "Content Credentials in the file", assertion.as_bytes()))
}

/// The licence as an identifier or expression; an address of a known licence is one, and becomes its `licence_url`.
fn licence(row: &mut Row, problems: &mut Vec<Problem>) -> Option<String> {
    for (field, text) in [("licence_url", &row.licence_url), ("evidence", &row.evidence)] {
        if text.chars().count() > TEXT_LIMIT || text.chars().any(char::is_control) {
            problems.push((field, format!("{field} has at most {TEXT_LIMIT} characters and no control characters")));
        }
    }
    let said = row.licence.trim();
    if said.is_empty() {
        return None;
    }
    if said.contains("://") {
        let known = licence_of_url(said);
        if row.licence_url.is_empty() {
            row.licence_url = said.chars().take(TEXT_LIMIT).collect();
        }
        // An address that says nothing to the rules is a licence all the same: one that nobody here knows.
        return Some(known.unwrap_or_else(|| NO_ASSERTION.to_owned()));
    }
    let one = said.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.+".contains(&b));
    if said.len() > LICENCE_LIMIT || !(one || is_expression(said)) {
        problems.push((
            "licence",
            "name the licence by its SPDX identifier, such as `CC-BY-4.0`, or by the address of its text".to_owned(),
        ));
    }
    Some(said.to_owned())
}

/// What is empty, from the file's own record.
fn fill(row: &mut Row, found: &Metadata, declared_by: &mut String) {
    let take = |own: &mut String, property: Property| {
        if own.is_empty() {
            *own = found.first(property).unwrap_or_default().to_owned();
        }
    };
    take(&mut row.title, Property::Title);
    take(&mut row.rights_holder, Property::RightsHolder);
    if row.author.is_empty() && row.creators.is_empty() {
        // "Unknown" names nobody.
        let nobody =
            |name: &str| ["unknown", "anonymous", "none", "n/a", "unbekannt", "-"].contains(&name.to_lowercase().as_str());
        row.creators = found.creators().into_iter().filter(|c| !nobody(&c.name)).collect();
    }
    if row.rights_holder == row.author || row.creators.iter().any(|c| c.name == row.rights_holder) {
        row.rights_holder.clear();
    }
    if row.tags.is_empty() {
        row.tags = found.keywords(MOST_TAGS).into_iter().map(str::to_owned).collect();
    }
    if row.created.is_empty() {
        row.created = found.first(Property::Created).and_then(crate::works::date_of).unwrap_or_default();
    }
    if row.licence.is_empty() {
        let licences = found.licences();
        row.licence = found.licence();
        if let Some((_, said)) = licences.first() {
            row.licence_url.clone_from(&said.value);
            "the file itself".clone_into(declared_by);
            if row.evidence.is_empty() {
                row.evidence = format!("{} in the file", said.place);
            }
        }
    }
}

/// `animals/red_fox.svg` → `red fox`.
fn stem(file: &str) -> String {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    stem.replace(['_', '-'], " ").trim().chars().take(TEXT_LIMIT).collect()
}

/// What kind of file it is, by its bytes; only pictures that can be shown are kept.
fn media_type(bytes: &[u8]) -> Result<&'static str, String> {
    if bytes.is_empty() {
        return Err("the file is empty".to_owned());
    }
    if is_svg(bytes) {
        return Ok("image/svg+xml");
    }
    let found = outline(bytes).map_err(|e| format!("{e}; a file of another kind is registered by its hash"))?;
    if u64::from(found.width) * u64::from(found.height) > MOST_PIXELS {
        return Err(format!(
            "the picture has {}×{} pixels: at most 4096×4096 are kept; a larger one is registered by its hash",
            found.width, found.height
        ));
    }
    Ok(found.format.mime())
}

fn plain_media_type(said: &str, problems: &mut Vec<Problem>) -> String {
    let plain = said.len() <= 100 && said.bytes().all(|b| b.is_ascii_alphanumeric() || b"/+-.".contains(&b));
    if !plain {
        problems.push(("media_type", "a media type is such as `image/tiff`".to_owned()));
    }
    said.to_owned()
}

/// The deed of registering it; the bytes it names are on disk already.
pub(super) fn deed(each: &Candidate, actor: &Actor) -> Deed {
    let id = each.work.id;
    Deed {
        kind: "work",
        subject: vec![Subject::new(id.to_string(), each.work.digest)],
        actor: actor.name.clone(),
        body: json!({ "work": each.work, "grants": each.grant.as_slice() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::Scopes;
    use crate::chance::SeededChance;

    fn actor() -> Actor {
        Actor { account: crate::id::AccountId::derived(b"ana"), name: "Ana".into(), scopes: Scopes::default() }
    }

    fn trust() -> TrustAnchors {
        let pki =
            crate::provenance::Pki::create("Test", Timestamp::from_millis(1_795_000_000_000), &SeededChance::new(3)).unwrap();
        pki.signer().unwrap().trust().clone()
    }

    fn made(told: Told) -> Result<Candidate, Vec<Problem>> {
        candidate(told, &actor(), &trust(), Timestamp::from_millis(5), &SeededChance::new(1))
    }

    fn svg(creator: &str, licence: &str) -> Vec<u8> {
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg"><metadata><rdf:RDF xmlns:cc="http://web.resource.org/cc/"
            xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><cc:Work rdf:about="">
            <dc:title>a bat</dc:title><dc:creator><cc:Agent><dc:title>{creator}</dc:title></cc:Agent></dc:creator>
            <cc:license rdf:resource="{licence}"/></cc:Work></rdf:RDF></metadata></svg>"##
        )
        .into_bytes()
    }

    const PD: &str = "http://web.resource.org/cc/PublicDomain";

    #[test]
    fn a_file_speaks_for_itself_only_when_asked_to() {
        let told = |from_file| Told { file: Some(svg("Orlando", PD)), from_file, ..Told::default() };
        let filled = made(told(true)).unwrap();
        assert_eq!((filled.work.title.as_str(), filled.work.author.as_str()), ("a bat", "Orlando"));
        let grant = filled.grant.unwrap();
        assert_eq!((grant.licence.as_str(), grant.declared_by.as_str()), ("public-domain", "the file itself"));
        assert_eq!((grant.concluded, grant.detected.len(), grant.evidence.as_str()), (None, 1, "SVG cc:license in the file"));
        let bare = made(told(false)).unwrap_err();
        assert_eq!(bare.iter().map(|(f, _)| *f).collect::<Vec<_>>(), ["title"]);
    }

    #[test]
    fn an_unnamed_author_gives_nothing() {
        let told = Told { file: Some(svg("Unknown", PD)), from_file: true, author_may_be_unknown: true, ..Told::default() };
        let found = made(told).unwrap();
        assert_eq!(found.work.author, UNKNOWN_AUTHOR);
        let grant = found.grant.unwrap();
        assert_eq!((grant.licence.as_str(), grant.licence_concluded()), ("public-domain", NO_ASSERTION));
    }

    #[test]
    fn what_list_and_file_say_differently_both_bind() {
        let row = Row { licence: "CC-BY-4.0".into(), title: "Bat".into(), author: "Ana".into(), ..Row::default() };
        let other = "http://creativecommons.org/licenses/by-nc/4.0/";
        let found = made(Told { row, file: Some(svg("Orlando", other)), ..Told::default() }).unwrap();
        assert_eq!((found.work.author.as_str(), found.work.title.as_str()), ("Ana", "Bat"));
        let grant = found.grant.unwrap();
        assert_eq!((grant.licence.as_str(), grant.licence_concluded()), ("CC-BY-4.0", "CC-BY-4.0 AND CC-BY-NC-4.0"));
    }

    #[test]
    fn by_hash_alone() {
        let sha256 = crate::digest::sha256_of(b"elsewhere");
        let row = Row {
            sha256: Some(sha256),
            title: "T".into(),
            author: "Ana".into(),
            licence: "https://example.org/my-terms".into(),
            ..Row::default()
        };
        let found = made(Told { row: row.clone(), ..Told::default() }).unwrap();
        assert!(!found.work.held && found.file.is_none());
        let grant = found.grant.unwrap();
        assert_eq!((grant.licence.as_str(), grant.licence_url.as_str()), (NO_ASSERTION, "https://example.org/my-terms"));
        let wrong =
            made(Told { row: Row { licence: "all mine!".into(), created: "soon".into(), ..row.clone() }, ..Told::default() })
                .unwrap_err();
        assert_eq!(wrong.iter().map(|(f, _)| *f).collect::<Vec<_>>(), ["licence", "created"]);
        let other = made(Told { row, file: Some(svg("O", PD)), ..Told::default() }).unwrap_err();
        assert_eq!(other[0].0, "sha256");
        assert!(made(Told::default()).is_err());
    }
}
