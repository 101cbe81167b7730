//! The certificate and key with which an account's person signs: issued when first needed, and anew before they end.

use super::{Error, Instance, Result};
use crate::id::AccountId;
use crate::provenance::{Person, PersonParts};
use crate::storage::identities::Identity;
use crate::storage::{self, Tx};

/// A certificate with fewer days left is issued anew: a picture's is wanted to outlive the claim's.
const DAYS_LEFT: i64 = 366;

/// An account's person, ready to sign.
pub(super) struct Signatory {
    /// The person.
    pub(super) person: Person,
    /// Their certificate and the one that issued it, PEM.
    pub(super) chain: String,
    /// What was issued just now, and is kept with the first thing it signed.
    issued: Option<Identity>,
}

impl Signatory {
    /// Of an account.
    pub(super) async fn of(instance: &Instance, account: AccountId, name: &str) -> Result<Self> {
        let now = instance.clock.now();
        let kept = storage::identities::find(&mut instance.store.read().await?, account).await?;
        // Where a new one would last no longer, there is no use in it.
        let best = instance.keys.issuing_not_after().plus_days(-1).min(now.plus_days(DAYS_LEFT));
        if let Some(kept) = kept.filter(|kept| kept.ends_at > now && kept.ends_at >= best) {
            let parts = PersonParts { chain_pem: kept.chain.clone(), key_pem: kept.secret, ends_at: kept.ends_at };
            let person = Person::from_parts(&parts).map_err(Error::internal)?;
            return Ok(Self { person, chain: kept.chain, issued: None });
        }
        let parts = instance.keys.identity(name, now, &*instance.secrets)?;
        let person = Person::from_parts(&parts).map_err(Error::internal)?;
        let chain = parts.chain_pem.clone();
        let issued = Identity { account, chain: parts.chain_pem, secret: parts.key_pem, ends_at: parts.ends_at };
        Ok(Self { person, chain, issued: Some(issued) })
    }

    /// Keeps what was issued. Of two that were issued at once the later one stays; both are good.
    pub(super) async fn keep(&self, tx: &mut Tx) -> Result<()> {
        match &self.issued {
            Some(issued) => Ok(storage::identities::keep(tx, issued).await?),
            None => Ok(()),
        }
    }
}
