//! Exports: what the registry knows, in the formats that other people's tools read. Values in, documents out: no I/O, no SQL.
//!
//! | file | format |
//! | --- | --- |
//! | `croissant` | MLCommons Croissant 1.1 with the RAI vocabulary, for a dataset |
//! | `cyclonedx` | CycloneDX 1.7 ML-BOM, for a model |
//! | `spdx` | SPDX 3.0.1 with the AI and dataset profiles, for a model |
//! | `provenance_card` | a card in the fields of the Data Provenance Initiative, for a dataset |
//! | `training_summary` | the public summary of training content that EU Regulation 2024/1689 asks for in Article 53(1)(d) |
//! | `signals` | TDMRep, aipref and RSL: a work's terms as crawlers read them |
//! | `dossier` | everything on record of an image's authorship |
//! | `authorship` | what an applicant may tell the US Copyright Office of an image |

pub mod authorship;
pub mod croissant;
pub mod cyclonedx;
pub mod dossier;
pub mod provenance_card;
pub mod signals;
pub mod spdx;
pub mod training_summary;

use crate::lineage::Dataset;

/// Who publishes.
#[derive(Debug, Clone, Copy)]
pub struct Publisher<'a> {
    /// Name of the site.
    pub name: &'a str,
    /// Its address, without a slash at the end.
    pub url: &'a str,
}

/// A dataset with what can be counted of its works, largest counts first.
#[derive(Debug, Clone)]
pub struct DatasetFacts {
    /// The dataset.
    pub dataset: Dataset,
    /// Works by licence (SPDX identifiers, `public-domain`).
    pub licences: Vec<(String, u64)>,
    /// Works by author.
    pub authors: Vec<(String, u64)>,
    /// Place of its statement in the log.
    pub index: Option<u64>,
}

/// Where a licence's text stands; the name itself where SPDX has no page for it.
pub fn licence_url(licence: &str) -> String {
    match licence {
        "public-domain" => "https://creativecommons.org/publicdomain/mark/1.0/".to_owned(),
        other if other.starts_with("LicenseRef-") || other.contains(' ') => other.to_owned(),
        other => format!("https://spdx.org/licenses/{other}.html"),
    }
}
