//! A project of the Local Contexts Hub, read from the JSON of its API, version 2 (`GET /api/v2/projects/<unique_id>/`), and when projects
//! were changed (`GET /api/v2/projects/multi/date_modified/<unique_id>,…/`). Reads what is written and asks nobody; who fetches it hands the
//! bytes in.
//!
//! Fields: `localcontexts/localcontextshub`, `api/versioned/v2/serializers.py` and `api/base/serializers.py`.

use serde::Deserialize;

use super::labels::{Label, Project, code_of};
use crate::digest::sha256_of;

/// Longest answer read, in bytes.
const LIMIT: usize = 4 << 20;

/// Why an answer is no project.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HubError {
    /// More bytes than a project has.
    #[error("the answer has {0} bytes; a project of the Hub has at most 4 MiB")]
    Long(usize),
    /// Not the JSON of a project.
    #[error("this is not a project as the Local Contexts Hub writes it (API version 2): {0}")]
    Shape(String),
    /// The Hub's own words, such as `Invalid API key.`
    #[error("the Local Contexts Hub answers: {0}")]
    Refused(String),
}

#[derive(Deserialize)]
struct ProjectJson {
    unique_id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    project_page: String,
    #[serde(default)]
    date_modified: String,
    #[serde(default)]
    project_contact: Option<ContactJson>,
    #[serde(default)]
    notice: Option<Vec<NoticeJson>>,
    #[serde(default)]
    bc_labels: Option<Vec<LabelJson>>,
    #[serde(default)]
    tk_labels: Option<Vec<LabelJson>>,
}

#[derive(Deserialize)]
struct ContactJson {
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct NoticeJson {
    notice_type: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    default_text: Option<String>,
}

#[derive(Deserialize)]
struct LabelJson {
    label_type: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    language_tag: Option<String>,
    #[serde(default)]
    label_text: Option<String>,
    #[serde(default)]
    community: Option<CommunityJson>,
}

/// Version 2 gives an object; version 1 gave a name.
#[derive(Deserialize)]
#[serde(untagged)]
enum CommunityJson {
    Object { name: String },
    Name(String),
}

#[derive(Deserialize)]
struct Detail {
    detail: String,
}

#[derive(Deserialize)]
struct DateJson {
    unique_id: String,
    date_modified: String,
}

/// Whether a text can be a `unique_id`: letters, digits and hyphens, at most 64.
pub fn is_project_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Reads when projects were last changed: (id, date as written there). Those that the Hub does not show any more are missing.
///
/// # Errors
/// As [`read_project`].
pub fn read_dates(json: &[u8]) -> Result<Vec<(String, String)>, HubError> {
    if json.len() > LIMIT {
        return Err(HubError::Long(json.len()));
    }
    let read: Vec<DateJson> = serde_json::from_slice(json).map_err(|e| refusal(json, &e))?;
    Ok(read.into_iter().map(|one| (one.unique_id, one.date_modified)).collect())
}

/// What the Hub says instead of what was asked for.
fn refusal(json: &[u8], problem: &serde_json::Error) -> HubError {
    match serde_json::from_slice::<Detail>(json) {
        Ok(said) => HubError::Refused(said.detail),
        Err(_) => HubError::Shape(problem.to_string()),
    }
}

/// Reads a project. Labels keep the community's words as they are.
///
/// # Errors
/// When the bytes are too many, no project, or the Hub's refusal.
pub fn read_project(json: &[u8]) -> Result<Project, HubError> {
    if json.len() > LIMIT {
        return Err(HubError::Long(json.len()));
    }
    let read: ProjectJson = serde_json::from_slice(json).map_err(|e| refusal(json, &e))?;
    if !is_project_id(&read.unique_id) {
        return Err(HubError::Shape(format!("`{}` is no unique_id", read.unique_id.chars().take(64).collect::<String>())));
    }
    let labels = |list: Option<Vec<LabelJson>>, biocultural| {
        list.unwrap_or_default().into_iter().map(move |label| Label {
            code: code_of(&label.label_type, biocultural),
            name: label.name.unwrap_or_default(),
            community: match label.community {
                Some(CommunityJson::Object { name } | CommunityJson::Name(name)) => name,
                None => String::new(),
            },
            text: label.label_text.unwrap_or_default(),
            language: label.language_tag.unwrap_or_default(),
        })
    };
    let notices = read.notice.unwrap_or_default().into_iter().map(|notice| Label {
        code: format!("notice-{}", notice.notice_type.replace('_', "-")),
        name: notice.name.unwrap_or_default(),
        community: String::new(),
        text: notice.default_text.unwrap_or_default(),
        language: String::new(),
    });
    Ok(Project {
        labels: labels(read.tk_labels, false).chain(labels(read.bc_labels, true)).chain(notices).collect(),
        id: read.unique_id,
        title: read.title,
        page: Some(read.project_page).filter(|page| page.starts_with("https://")).unwrap_or_default(),
        date_modified: read.date_modified,
        sha256: sha256_of(json),
        contact: read.project_contact.and_then(|c| c.name).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Outcome, Use};
    use super::*;

    /// Written by hand after the serializers named above.
    const ANSWER: &str = r#"{"unique_id":"259854f7-b261-4c8c-8556-4b153deebc18","external_ids":{"providers_id":null},
        "source_project_uuid":null,"project_page":"https://localcontextshub.org/projects/259854f7-b261-4c8c-8556-4b153deebc18/",
        "title":"Weavings of the coast","description":"…","project_type":"Collection","project_contact":{"name":"A. Weaver",
        "email":"a@example.org"},"urls":[],"project_privacy":"Public","date_added":"2026-01-02T03:04:05Z",
        "date_modified":"2026-05-06T07:08:09.123456Z","created_by":[{"community":{"id":7,"name":"Coast People","profile_url":"…"}}],
        "bc_labels":[{"unique_id":"1","name":"BC Provenance","label_type":"provenance","language_tag":"en","language":"English",
        "label_text":"From our shore.","img_url":"","svg_url":"","audiofile":null,"community":{"id":7,"name":"Coast People",
        "profile_url":"…"},"translations":[],"created":"…","updated":"…"}],
        "tk_labels":[{"unique_id":"2","name":"Our women's work","label_type":"women_restricted","language_tag":"mi","language":"Maori",
        "label_text":"He kōrero.","community":{"id":7,"name":"Coast People","profile_url":"…"},"translations":[]},
        {"unique_id":"3","name":"TK NC","label_type":"non_commercial","language_tag":"","label_text":null,"community":null}],
        "sub_projects":[],"related_projects":[],"project_boundary_geojson":null}"#;

    #[test]
    fn a_recorded_answer_is_read() {
        let project = read_project(ANSWER.as_bytes()).unwrap();
        assert_eq!(
            (project.id.as_str(), project.title.as_str()),
            ("259854f7-b261-4c8c-8556-4b153deebc18", "Weavings of the coast")
        );
        assert_eq!((project.date_modified.as_str(), project.contact.as_str()), ("2026-05-06T07:08:09.123456Z", "A. Weaver"));
        let codes: Vec<&str> = project.labels.iter().map(|l| l.code.as_str()).collect();
        assert_eq!(codes, ["tkwr", "tknc", "bcp"]);
        assert_eq!((project.labels[0].text.as_str(), project.labels[0].community.as_str()), ("He kōrero.", "Coast People"));
        assert_eq!(project.outcome(Use::Personal), Outcome::Deny);
        assert_eq!(project.sha256, sha256_of(ANSWER.as_bytes()));
    }

    #[test]
    fn notices_of_institutions_are_shown_and_bind_no_further() {
        let json = r#"{"unique_id":"a-1","title":"t","notice":[{"notice_type":"traditional_knowledge","name":"TK Notice","img_url":"",
            "default_text":"There may be rights here.","translations":[]}]}"#;
        let project = read_project(json.as_bytes()).unwrap();
        assert_eq!(project.labels[0].code, "notice-traditional-knowledge");
        assert_eq!(project.outcome(Use::Merch), Outcome::AllowWithNotice);
    }

    #[test]
    fn refusals_and_noise_are_told_apart() {
        assert_eq!(read_project(br#"{"detail":"Invalid API key."}"#), Err(HubError::Refused("Invalid API key.".into())));
        for noise in ["", "[]", "{\"unique_id\":\"../x\"}", "{\"unique_id\":7}", "<html>"] {
            assert!(matches!(read_project(noise.as_bytes()), Err(HubError::Shape(_))), "{noise}");
        }
        assert_eq!(read_project(&vec![b' '; LIMIT + 1]), Err(HubError::Long(LIMIT + 1)));
        assert_eq!(read_dates(&vec![b' '; LIMIT + 1]), Err(HubError::Long(LIMIT + 1)));
        assert_eq!(
            read_dates(br#"{"detail":"Project does not exist."}"#),
            Err(HubError::Refused("Project does not exist.".into()))
        );
        assert!(matches!(read_dates(b"[{}]"), Err(HubError::Shape(_))));
        let dates = read_dates(br#"[{"unique_id":"a-1","date_modified":"2026-05-06T07:08:09Z"}]"#).unwrap();
        assert_eq!(dates, [("a-1".to_owned(), "2026-05-06T07:08:09Z".to_owned())]);
    }
}
