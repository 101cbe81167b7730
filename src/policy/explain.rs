//! A decision as one sentence for a person. Words only: what was decided stands in `decide`.

use super::decide::{Decision, Fired, Mention};
use super::terms::Outcome;

impl Decision {
    /// One sentence for a person: what was decided, by which rule at which line, why, whom to ask, what to try, how to appeal. In the
    /// public form (see [`Decision::without_prompt`]) it repeats nothing that was typed.
    pub fn sentence(&self) -> String {
        let Some(rule) = self.deciding() else {
            let (name, version) = (&self.bundle.name, &self.bundle.version);
            return match self.outcome {
                Outcome::Allow => format!("Allowed: no rule of {name} {version} speaks against it."),
                other => format!("{}: no rule was met, and this is what {name} {version} answers then.", verdict(other)),
            };
        };
        let verdict =
            if rule.outcome == Outcome::Allow && rule.stated.is_some() { "Allowed with consent" } else { verdict(self.outcome) };
        let mention = rule.matches.iter().filter_map(|&i| self.matches.get(i)).find_map(typed).unwrap_or_else(|| "it".to_owned());
        let (key, file, line, status) = (rule.key(), &rule.file, rule.line, rule.authority_status.in_words());
        let mut out =
            format!("{verdict}: {mention} meets rule {key} ({file}, line {line}; {status}), which says: “{}”", plain(&rule.why));
        if rule.outcome > Outcome::AllowWithNotice {
            self.ways_out(rule, &mut out);
        }
        out.push('.');
        out
    }

    fn ways_out(&self, rule: &Fired, out: &mut String) {
        out.push_str(&format!("; ask {}", rule.authority_name));
        if !rule.contact_url.is_empty() {
            out.push_str(&format!(" ({})", rule.contact_url));
        }
        if let Some(consent) = &rule.consent {
            out.push_str(&format!(", whose consent ({}) would satisfy it", consent.replace('-', " ")));
        }
        if !rule.suggest.is_empty() {
            out.push_str(&format!("; free to use instead: {}", rule.suggest.join(", or ")));
        }
        let mut appeal = plain(&self.appeal).chars();
        let first: String = appeal.next().into_iter().flat_map(char::to_lowercase).collect();
        out.push_str(&format!("; to appeal: {first}{}", appeal.as_str()));
    }
}

/// The words as typed and how they were read.
fn typed(mention: &Mention) -> Option<String> {
    let words = short(mention.words.as_deref()?);
    Some(match (mention.fuzzy, &mention.alias, mention.view.in_words()) {
        (true, Some(alias), _) => format!("“{words}” (close to “{alias}”)"),
        (_, _, Some(how)) => format!("“{words}” ({how})"),
        _ => format!("“{words}”"),
    })
}

fn verdict(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allow => "Allowed",
        Outcome::AllowWithNotice => "Allowed with a notice",
        Outcome::RequireConsent => "Needs a documented consent",
        Outcome::HumanReview => "Needs a look by a person first",
        Outcome::Deny => "Not made here",
    }
}

fn plain(sentence: &str) -> &str {
    sentence.trim().trim_end_matches('.')
}

/// At most 60 characters of what was typed, on one line.
fn short(words: &str) -> String {
    let line: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(60).collect();
    if words.chars().nth(60).is_some() { format!("{line}…") } else { line }
}
