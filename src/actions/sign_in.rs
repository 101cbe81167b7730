//! Who is asking: the one-time link of the first start, accounts, sign-ins, and tokens for programs.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::found::REGISTRAR;
use super::{Error, Instance, Result};
use crate::accounts::password::{self, Password};
use crate::accounts::{Account, Actor, Role, Roles, Scope, Scopes, Secret, Session, Token, parse_name};
use crate::clock::Timestamp;
use crate::id::{AccountId, SessionId, TokenId};
use crate::storage;

/// Wrong passwords for one name before it must wait.
const MOST_TRIES: u32 = 10;
/// How long it waits, and how long wrong ones are remembered, in milliseconds.
const TRIES_MS: i64 = 15 * 60 * 1000;
/// Names remembered at once: more than any honest instance sees in a quarter of an hour.
const TRIES_KEPT: usize = 10_000;

/// Name of the account that acts at the command line.
pub(super) const LOCAL_OPERATOR: &str = "Local operator";

/// Wrong passwords of late, by name.
#[derive(Debug, Default)]
pub struct Tries(Mutex<HashMap<String, (u32, Timestamp)>>);

impl Tries {
    fn refused(&self, name: &str, now: Timestamp) -> bool {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() > TRIES_KEPT {
            tries.retain(|_, (_, since)| since.plus_millis(TRIES_MS) > now);
        }
        tries.get(name).is_some_and(|(n, since)| *n >= MOST_TRIES && since.plus_millis(TRIES_MS) > now)
    }

    fn note(&self, name: &str, now: Timestamp, right: bool) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if right {
            tries.remove(name);
            return;
        }
        let entry = tries.entry(name.to_owned()).or_insert((0, now));
        if entry.1.plus_millis(TRIES_MS) <= now {
            *entry = (0, now);
        }
        entry.0 += 1;
    }
}

async fn hashed(instance: &Instance, password: Password) -> Result<String> {
    let chance = std::sync::Arc::clone(&instance.secrets);
    tokio::task::spawn_blocking(move || password::hash(&password, &*chance)).await.map_err(Error::internal)
}

fn new_account(instance: &Instance, name: &str, roles: Roles, now: Timestamp) -> Result<Account> {
    let name = parse_name(name).map_err(|e| Error::invalid("name", e.to_string()))?;
    Ok(Account { id: AccountId::new(now, &*instance.chance), name, roles, created_at: now, disabled_at: None })
}

/// The same for people: the service states things under names of its own, which are nobody's.
fn new_person(instance: &Instance, name: &str, roles: Roles, now: Timestamp) -> Result<Account> {
    let taken = [REGISTRAR, LOCAL_OPERATOR, instance.site.name.as_str()];
    if taken.iter().any(|taken| taken.to_lowercase() == name.trim().to_lowercase()) {
        return Err(Error::invalid("name", format!("`{}` is a name of the service itself: take another", name.trim())));
    }
    new_account(instance, name, roles, now)
}

/// An account and its password, or everything that is wrong with either.
fn both(
    account: Result<Account>,
    password: std::result::Result<Password, crate::accounts::AccountError>,
) -> Result<(Account, Password)> {
    let password = password.map_err(|e| Error::invalid("password", e.to_string()));
    match (account, password) {
        (Ok(account), Ok(password)) => Ok((account, password)),
        (Err(Error::Invalid(mut name)), Err(Error::Invalid(password))) => {
            name.extend(password);
            Err(Error::Invalid(name))
        }
        (Err(e), _) | (_, Err(e)) => Err(e),
    }
}

/// A one-time link's secret, when nobody can sign in yet. It replaces links given before.
pub async fn setup_link(instance: &Instance) -> Result<Option<Secret>> {
    let mut tx = instance.store.begin().await?;
    if storage::accounts::total(&mut tx).await? > 0 {
        return Ok(None);
    }
    let secret = Secret::new(&*instance.secrets);
    storage::accounts::insert_setup_link(&mut tx, secret.hash(), instance.clock.now()).await?;
    tx.commit().await?;
    Ok(Some(secret))
}

/// Makes the operator's account through the one-time link, and signs it in.
pub async fn make_operator(instance: &Instance, link: &Secret, name: &str, typed: &str) -> Result<(Session, Secret)> {
    let now = instance.clock.now();
    let roles = [Role::Operator, Role::Creator, Role::RightsHolder].into_iter().collect();
    let (account, password) = both(new_person(instance, name, roles, now), Password::parse(typed))?;
    let hash = hashed(instance, password).await?;
    let mut tx = instance.store.begin().await?;
    if !storage::accounts::use_setup_link(&mut tx, link.hash(), now).await? {
        return Err(Error::not_found("setup link", "(used up, replaced by a newer one, or mistyped)"));
    }
    insert(&mut tx, &account, &hash).await?;
    let signed_in = open_session(&mut tx, instance, account, now).await?;
    tx.commit().await?;
    Ok(signed_in)
}

async fn insert(tx: &mut storage::Tx, account: &Account, hash: &str) -> Result<()> {
    storage::accounts::insert(tx, account, hash).await.map_err(|e| match e {
        storage::Error::Conflict(_) => Error::invalid("name", format!("the name `{}` is taken: choose another", account.name)),
        other => other.into(),
    })
}

async fn open_session(tx: &mut storage::Tx, instance: &Instance, account: Account, now: Timestamp) -> Result<(Session, Secret)> {
    let secret = Secret::new(&*instance.secrets);
    let session = Session {
        id: SessionId::new(now, &*instance.chance),
        account,
        csrf: hex::encode(instance.secrets.bytes::<32>()),
        expires_at: now.plus_days(instance.session_days),
    };
    storage::accounts::insert_session(tx, &session, secret.hash(), now).await?;
    Ok((session, secret))
}

/// Signs in with name and password.
pub async fn sign_in(instance: &Instance, name: &str, typed: &str) -> Result<(Session, Secret)> {
    let wrong = || Error::invalid("password", "name or password is wrong");
    let now = instance.clock.now();
    if parse_name(name).is_err() || typed.chars().count() > 200 {
        return Err(wrong());
    }
    if instance.tries.refused(name, now) {
        return Err(Error::invalid("password", "too many wrong passwords for this name: wait a quarter of an hour"));
    }
    let mut tx = instance.store.read().await?;
    let found = storage::accounts::find_by_name(&mut tx, name).await?;
    drop(tx);
    let (typed, kept) = (typed.to_owned(), found.as_ref().map(|(_, hash)| hash.clone()));
    let right = tokio::task::spawn_blocking(move || match kept {
        Some(hash) => password::matches(&typed, &hash),
        None => {
            password::pretend(&typed);
            false
        }
    })
    .await
    .map_err(Error::internal)?;
    instance.tries.note(name, now, right);
    let account = found.map(|(account, _)| account).filter(|a| right && a.disabled_at.is_none()).ok_or_else(wrong)?;
    let mut tx = instance.store.begin().await?;
    let signed_in = open_session(&mut tx, instance, account, now).await?;
    tx.commit().await?;
    Ok(signed_in)
}

/// Ends a sign-in.
pub async fn sign_out(instance: &Instance, session: &Session) -> Result<()> {
    let mut tx = instance.store.begin().await?;
    storage::accounts::delete_session(&mut tx, session.id, instance.clock.now()).await?;
    Ok(tx.commit().await?)
}

/// Changes one's own password; ends every sign-in.
pub async fn change_password(instance: &Instance, session: &Session, old: &str, new: &str) -> Result<()> {
    let password = Password::parse(new).map_err(|e| Error::invalid("new_password", e.to_string()))?;
    sign_in(instance, &session.account.name, old)
        .await
        .map_err(|_| Error::invalid("old_password", "this is not your present password"))?;
    let hash = hashed(instance, password).await?;
    let mut tx = instance.store.begin().await?;
    storage::accounts::set_password(&mut tx, session.account.id, &hash).await?;
    Ok(tx.commit().await?)
}

/// Makes an account for someone else.
pub async fn add_account(instance: &Instance, actor: &Actor, name: &str, typed: &str, roles: Roles) -> Result<AccountId> {
    if !actor.may(Scope::Operate) {
        return Err(Error::Forbidden(Scope::Operate));
    }
    if roles.iter().next().is_none() {
        return Err(Error::invalid("roles", "choose at least one role"));
    }
    let now = instance.clock.now();
    let (account, password) = both(new_person(instance, name, roles, now), Password::parse(typed))?;
    let hash = hashed(instance, password).await?;
    let mut tx = instance.store.begin().await?;
    insert(&mut tx, &account, &hash).await?;
    tx.commit().await?;
    Ok(account.id)
}

/// Makes a token for a program: at most the scopes its owner has. Its secret is shown once.
pub async fn make_token(
    instance: &Instance,
    actor: &Actor,
    name: &str,
    scopes: &Scopes,
    days: Option<i64>,
) -> Result<(Token, Secret)> {
    let name = parse_name(name).map_err(|e| Error::invalid("token_name", e.to_string()))?;
    let scopes = scopes.both(&actor.scopes);
    if scopes.iter().next().is_none() {
        return Err(Error::invalid("scopes", "choose at least one scope that your roles open"));
    }
    let now = instance.clock.now();
    let token = Token {
        id: TokenId::new(now, &*instance.chance),
        name,
        scopes,
        created_at: now,
        expires_at: days.map(|d| now.plus_days(d.clamp(1, 3650))),
        revoked_at: None,
    };
    let secret = Secret::new(&*instance.secrets);
    let mut tx = instance.store.begin().await?;
    storage::accounts::insert_token(&mut tx, &token, actor.account, secret.hash()).await?;
    tx.commit().await?;
    Ok((token, secret))
}

/// Revokes one's own token.
pub async fn revoke_token(instance: &Instance, actor: &Actor, id: TokenId) -> Result<()> {
    let mut tx = instance.store.begin().await?;
    if !storage::accounts::revoke_token(&mut tx, actor.account, id, instance.clock.now()).await? {
        return Err(Error::not_found("token", id));
    }
    Ok(tx.commit().await?)
}

/// Who acts at the command line: whoever can read the keys in the data folder is the operator. The account has no password and can't
/// sign in.
pub async fn local_operator(instance: &Instance) -> Result<Actor> {
    let mut tx = instance.store.begin().await?;
    let account = match storage::accounts::find_by_name(&mut tx, LOCAL_OPERATOR).await? {
        Some((account, _)) => account,
        None => {
            let account = new_account(instance, LOCAL_OPERATOR, [Role::Operator].into_iter().collect(), instance.clock.now())?;
            storage::accounts::insert(&mut tx, &account, "").await?;
            account
        }
    };
    tx.commit().await?;
    Ok(actor_of(&account))
}

/// Notes that the notices for somebody were seen.
pub async fn see_notices(instance: &Instance, actor: &Actor) -> Result<()> {
    let mut tx = instance.store.begin().await?;
    storage::notices::see(&mut tx, actor.account, actor.may(Scope::Operate), instance.clock.now()).await?;
    Ok(tx.commit().await?)
}

/// An account of this name, with everything its roles open: for who runs the machine.
pub async fn actor_named(instance: &Instance, name: &str) -> Result<Actor> {
    let mut tx = instance.store.read().await?;
    let found = storage::accounts::find_by_name(&mut tx, name).await?;
    found.map(|(account, _)| actor_of(&account)).ok_or_else(|| Error::not_found("account", name))
}

/// An account with everything its roles open.
pub fn actor_of(account: &Account) -> Actor {
    Actor { account: account.id, name: account.name.clone(), scopes: account.roles.scopes() }
}
