//! The certificate and key with which an account's person signs: issued when first needed, and anew before they end.

use super::{Error, Instance, Result};
use crate::id::AccountId;
use crate::provenance::{Person, PersonParts};
use crate::storage;
use crate::storage::identities::Identity;

/// A certificate with fewer days left is issued anew: a picture's is wanted to outlive the claim's.
const DAYS_LEFT: i64 = 366;

/// The account's person.
pub(super) async fn person(instance: &Instance, account: AccountId, name: &str) -> Result<(Person, String)> {
    let now = instance.clock.now();
    let kept = storage::identities::find(&mut instance.store.read().await?, account).await?;
    // Where a new one would last no longer, there is no use in it.
    let best = instance.keys.issuing_not_after().plus_days(-1).min(now.plus_days(DAYS_LEFT));
    if let Some(kept) = kept.filter(|kept| kept.ends_at > now && kept.ends_at >= best) {
        let parts = PersonParts { chain_pem: kept.chain.clone(), key_pem: kept.secret, ends_at: kept.ends_at };
        return Ok((Person::from_parts(&parts).map_err(Error::internal)?, kept.chain));
    }
    let parts = instance.keys.identity(name, now, &*instance.chance)?;
    let person = Person::from_parts(&parts).map_err(Error::internal)?;
    let identity = Identity { account, chain: parts.chain_pem.clone(), secret: parts.key_pem, ends_at: parts.ends_at };
    let mut tx = instance.store.begin().await?;
    storage::identities::keep(&mut tx, &identity).await?;
    tx.commit().await?;
    Ok((person, parts.chain_pem))
}
