//! What people agree on as the authorship of an image: who did what, whose share is how large, and how large a share is the machine's. A declaration, not a measurement:
//! each of them signs it, and the log tells when.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::digest::Sha256Hash;
use crate::id::{AgreementId, ImageId};

/// Most people that one agreement names.
pub const MOST_AUTHORS: usize = 20;
/// Longest account of what somebody did, in characters.
const DID_MAX: usize = 500;
/// What an author can have been (CAWG identity assertion 1.2, "Named actor roles").
pub const ROLES: [&str; 7] = ["creator", "contributor", "editor", "producer", "publisher", "sponsor", "translator"];

/// One author, in an agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Author {
    /// Public name of the account.
    pub name: String,
    /// Per cent of the whole.
    pub share: u8,
    /// One of [`ROLES`].
    pub role: String,
    /// In their own words.
    #[serde(default)]
    pub did: String,
}

/// An author's signature under an agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorSignature {
    /// Public name of the account.
    pub name: String,
    /// Ed25519, as hexadecimal digits, over [`Agreement::to_be_signed`].
    pub signature: String,
    /// Their certificate and the one that issued it, PEM.
    pub chain: String,
    /// When.
    pub at: Timestamp,
}

/// What is agreed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// Its name.
    pub id: AgreementId,
    /// About which image.
    pub image: ImageId,
    /// Of that image's file.
    pub sha256: Sha256Hash,
    /// Per cent of the whole that is the machine's.
    pub ai_share: u8,
    /// The people; their shares and the machine's come to 100.
    pub authors: Vec<Author>,
    /// Who proposed it.
    pub proposed_by: String,
    /// When.
    pub proposed_at: Timestamp,
    /// Of every author, once it is agreed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<AuthorSignature>,
}

impl Agreement {
    /// What is wrong with it: the field, and what to do.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        if self.authors.is_empty() || self.authors.len() > MOST_AUTHORS {
            return Some(("authors", format!("{} authors are named: name 1 to {MOST_AUTHORS}", self.authors.len())));
        }
        for (n, author) in self.authors.iter().enumerate() {
            if self.authors.iter().skip(n + 1).any(|other| other.name == author.name) {
                return Some(("authors", format!("{} is named twice: name everyone once", author.name)));
            }
            if !ROLES.contains(&author.role.as_str()) {
                let role: String = author.role.chars().take(40).collect();
                return Some(("authors", format!("`{role}` is no role: choose {}", ROLES.join(", "))));
            }
            if author.did.chars().count() > DID_MAX || author.did.chars().any(char::is_control) {
                return Some((
                    "authors",
                    format!("what {} did takes more than {DID_MAX} characters, or has control characters", author.name),
                ));
            }
        }
        let sum = self.authors.iter().map(|author| u32::from(author.share)).sum::<u32>() + u32::from(self.ai_share);
        (sum != 100)
            .then(|| ("ai_share", format!("the shares of people and machine come to {sum} per cent: make them come to 100")))
    }

    /// What every author signs, as a value; its canonical form (RFC 8785) is what stands under the signature.
    pub fn to_be_signed(&self) -> Value {
        json!({
            "type": "colophon agreement v1",
            "id": self.id,
            "image": self.image,
            "sha256": self.sha256,
            "ai_share": self.ai_share,
            "authors": self.authors,
            "proposed_by": self.proposed_by,
            "proposed_at": self.proposed_at,
        })
    }

    /// Whether everyone has signed.
    pub fn is_signed_by_all(&self) -> bool {
        self.authors.iter().all(|author| self.signatures.iter().any(|signed| signed.name == author.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn author(name: &str, share: u8) -> Author {
        Author { name: name.into(), share, role: "creator".into(), did: String::new() }
    }

    fn agreement(ai_share: u8, authors: Vec<Author>) -> Agreement {
        Agreement {
            id: AgreementId::derived(b"a"),
            image: ImageId::derived(b"i"),
            sha256: crate::digest::sha256_of(b"f"),
            ai_share,
            authors,
            proposed_by: "Ana".into(),
            proposed_at: Timestamp::from_millis(0),
            signatures: Vec::new(),
        }
    }

    #[test]
    fn shares_come_to_a_whole_and_names_stand_once() {
        assert_eq!(agreement(30, vec![author("Ana", 45), author("Ben", 25)]).fault(), None);
        let said = |ai, authors| agreement(ai, authors).fault().unwrap().1;
        assert!(said(30, vec![author("Ana", 45)]).contains("75 per cent"));
        assert!(said(0, vec![author("Ana", 50), author("Ana", 50)]).contains("named twice"));
        assert!(said(100, Vec::new()).contains("0 authors"));
        assert!(said(0, vec![Author { role: "boss".into(), ..author("Ana", 100) }]).contains("`boss`"));
        assert!(said(0, vec![Author { did: "x".repeat(501), ..author("Ana", 100) }]).contains("500"));
    }

    #[test]
    fn what_is_signed_says_everything_but_the_signatures() {
        let mut whole = agreement(50, vec![author("Ana", 50)]);
        let before = whole.to_be_signed();
        let at = Timestamp::from_millis(1);
        whole.signatures.push(AuthorSignature { name: "Ana".into(), signature: "00".into(), chain: String::new(), at });
        assert_eq!(whole.to_be_signed(), before);
        assert!(whole.is_signed_by_all() && !agreement(50, vec![author("Ana", 50)]).is_signed_by_all());
        let other = Agreement { ai_share: 49, ..whole };
        assert_ne!(other.to_be_signed(), before);
    }
}
