//! The public summary of the content used for training (Regulation (EU) 2024/1689, Article 53(1)(d)), in the order of the template that the
//! Commission published on 24 July 2025: general information, list of data sources, data processing. Markdown.

use super::{DatasetFacts, Publisher};
use crate::lineage::Model;

/// The summary. Counts are exact, not bands: every work is on record.
pub fn training_summary(model: &Model, datasets: &[DatasetFacts], publisher: Publisher<'_>) -> String {
    let card = &model.card;
    let maker = if model.made_by.is_empty() { publisher.name } else { &model.made_by };
    let mut out = format!("# Summary of the content used for training: {} {}\n\n", card.title, card.version);
    out.push_str("Article 53(1)(d) of Regulation (EU) 2024/1689.\n\n## 1. General information\n\n");
    out.push_str(&format!("- Provider: {maker}, {}\n- Model: {} {}, `{}`\n", publisher.url, card.title, card.version, model.id));
    out.push_str(&format!("- Weights (SHA-256): `{}`\n- Registered: {}\n", model.weights, model.registered_at.rfc3339()));
    if let Some(base) = model.base {
        out.push_str(&format!("- It adapts another model, which has a summary of its own: `{base}`\n"));
    }
    out.push_str("- Modalities: images, with titles and tags as text\n");
    let works: u64 = datasets.iter().map(|d| d.dataset.works).sum();
    if datasets.is_empty() {
        out.push_str("- Size: unknown. Nobody has said what this model was trained on, and this summary can't make up for it.\n");
        return out;
    }
    out.push_str(&format!("- Size: {works} images\n\n## 2. Data sources\n"));
    for d in datasets {
        let set = &d.dataset;
        out.push_str(&format!("\n### {}\n\n", set.name));
        out.push_str(&format!("- Every work by name: {}/datasets/{}\n- Merkle root: `{}`\n", publisher.url, set.id, set.root));
        if let Some(index) = d.index {
            out.push_str(&format!("- Frozen {}, log entry {index}\n", set.frozen_at.rfc3339()));
        }
        out.push_str("- Public datasets, licensed, private, user and synthetic data: not told apart on record; each work names its own source and evidence\n");
        out.push_str("- Crawled or scraped: this service has no crawler; how a registrant came by a work is unknown beyond its evidence\n\n| licence | works |\n| --- | --- |\n");
        d.licences.iter().for_each(|(licence, n)| out.push_str(&format!("| {licence} | {n} |\n")));
        out.push_str(&format!("\n{} authors; the largest:\n\n| author | works |\n| --- | --- |\n", d.authors.len()));
        d.authors.iter().take(20).for_each(|(author, n)| out.push_str(&format!("| {} | {n} |\n", author.replace('|', "\\|"))));
    }
    out.push_str("\n## 3. Data processing\n\n");
    out.push_str("- Rights reservations: a work is trained on only if the rule table allows it for the licence in force on the day of the run; what no rule knows is refused. The verdict is asked again when the run is recorded.\n");
    out.push_str("- Complaints: a grant can be revoked at any time; the revocation names every model and image that stands on the work, in the log.\n");
    out.push_str("- Illegal content: no filter is on record.\n");
    out.push_str(&format!("- {}\n", card.training));
    out
}
