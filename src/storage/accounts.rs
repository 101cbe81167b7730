//! Accounts, sign-ins, tokens and the one-time link of the first start. Secrets are looked up by hash; none is ever stored.

use super::{Error, Result, Tx, count, on, read};
use crate::accounts::{Account, Roles, Scopes, SecretHash, Session, Token};
use crate::clock::Timestamp;
use crate::id::{AccountId, SessionId, TokenId};

#[derive(sqlx::FromRow)]
struct AccountRow {
    id: String,
    name: String,
    roles: String,
    created_at: i64,
    disabled_at: Option<i64>,
}

impl TryFrom<AccountRow> for Account {
    type Error = Error;
    fn try_from(r: AccountRow) -> Result<Self> {
        Ok(Self {
            id: read("accounts", &r.id, &r.id)?,
            roles: read("accounts", &r.id, &r.roles)?,
            name: r.name,
            created_at: Timestamp::from_millis(r.created_at),
            disabled_at: r.disabled_at.map(Timestamp::from_millis),
        })
    }
}

/// Puts an account in; `Conflict` when the name is taken.
pub async fn insert(tx: &mut Tx, account: &Account, password_hash: &str) -> Result<()> {
    const SQL: &str = "INSERT INTO accounts (id, name, password, roles, created_at) VALUES ($1, $2, $3, $4, $5)";
    on!(tx, |c| sqlx::query(SQL)
        .bind(account.id.to_string())
        .bind(&account.name)
        .bind(password_hash)
        .bind(account.roles.to_string())
        .bind(account.created_at.millis())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// One account.
pub async fn find(tx: &mut Tx, id: AccountId) -> Result<Option<Account>> {
    const SQL: &str = "SELECT id, name, roles, created_at, disabled_at FROM accounts WHERE id = $1";
    let row: Option<AccountRow> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(c).await)?;
    row.map(Account::try_from).transpose()
}

/// One account and its password hash, by public name.
pub async fn find_by_name(tx: &mut Tx, name: &str) -> Result<Option<(Account, String)>> {
    const SQL: &str = "SELECT id, name, roles, created_at, disabled_at FROM accounts WHERE name = $1";
    const HASH: &str = "SELECT password FROM accounts WHERE name = $1";
    let row: Option<AccountRow> = on!(tx, |c| sqlx::query_as(SQL).bind(name).fetch_optional(c).await)?;
    let Some(row) = row else { return Ok(None) };
    let (hash,): (String,) = on!(tx, |c| sqlx::query_as(HASH).bind(name).fetch_one(c).await)?;
    Ok(Some((row.try_into()?, hash)))
}

/// Every account, oldest first.
pub async fn all(tx: &mut Tx) -> Result<Vec<Account>> {
    const SQL: &str = "SELECT id, name, roles, created_at, disabled_at FROM accounts ORDER BY created_at, id";
    let rows: Vec<AccountRow> = on!(tx, |c| sqlx::query_as(SQL).fetch_all(c).await)?;
    rows.into_iter().map(Account::try_from).collect()
}

/// How many accounts can sign in with a password.
pub async fn total(tx: &mut Tx) -> Result<u64> {
    const SQL: &str = "SELECT COUNT(*) FROM accounts WHERE password <> ''";
    let (n,): (i64,) = on!(tx, |c| sqlx::query_as(SQL).fetch_one(c).await)?;
    Ok(count(n))
}

/// Sets another password and ends every sign-in.
pub async fn set_password(tx: &mut Tx, id: AccountId, password_hash: &str) -> Result<()> {
    const SQL: &str = "UPDATE accounts SET password = $2 WHERE id = $1";
    const END: &str = "DELETE FROM sessions WHERE account_id = $1";
    on!(tx, |c| sqlx::query(SQL).bind(id.to_string()).bind(password_hash).execute(c).await.map(drop))?;
    on!(tx, |c| sqlx::query(END).bind(id.to_string()).execute(c).await.map(drop))?;
    Ok(())
}

/// Keeps a one-time link.
pub async fn insert_setup_link(tx: &mut Tx, secret: SecretHash, now: Timestamp) -> Result<()> {
    const CLEAR: &str = "DELETE FROM setup_links WHERE used_at IS NULL";
    const SQL: &str = "INSERT INTO setup_links (secret, created_at) VALUES ($1, $2)";
    on!(tx, |c| sqlx::query(CLEAR).execute(c).await.map(drop))?;
    on!(tx, |c| sqlx::query(SQL).bind(&secret.0[..]).bind(now.millis()).execute(c).await.map(drop))?;
    Ok(())
}

/// Whether the link can still be used.
pub async fn setup_link_is_open(tx: &mut Tx, secret: SecretHash) -> Result<bool> {
    const SQL: &str = "SELECT COUNT(*) FROM setup_links WHERE secret = $1 AND used_at IS NULL";
    let (n,): (i64,) = on!(tx, |c| sqlx::query_as(SQL).bind(&secret.0[..]).fetch_one(c).await)?;
    Ok(n == 1)
}

/// Uses a link up. False when it was used, replaced or never given.
pub async fn use_setup_link(tx: &mut Tx, secret: SecretHash, now: Timestamp) -> Result<bool> {
    const SQL: &str = "UPDATE setup_links SET used_at = $2 WHERE secret = $1 AND used_at IS NULL";
    let rows =
        on!(tx, |c| sqlx::query(SQL).bind(&secret.0[..]).bind(now.millis()).execute(c).await.map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Keeps a sign-in.
pub async fn insert_session(tx: &mut Tx, session: &Session, secret: SecretHash, now: Timestamp) -> Result<()> {
    const SQL: &str =
        "INSERT INTO sessions (id, secret, account_id, csrf, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)";
    on!(tx, |c| sqlx::query(SQL)
        .bind(session.id.to_string())
        .bind(&secret.0[..])
        .bind(session.account.id.to_string())
        .bind(&session.csrf)
        .bind(now.millis())
        .bind(session.expires_at.millis())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// The sign-in behind a cookie, unless it has ended or its account is disabled.
pub async fn find_session(tx: &mut Tx, secret: SecretHash, now: Timestamp) -> Result<Option<Session>> {
    const SQL: &str = "SELECT id, account_id, csrf, expires_at FROM sessions WHERE secret = $1 AND expires_at > $2";
    let row: Option<(String, String, String, i64)> =
        on!(tx, |c| sqlx::query_as(SQL).bind(&secret.0[..]).bind(now.millis()).fetch_optional(c).await)?;
    let Some((id, account, csrf, expires_at)) = row else { return Ok(None) };
    let account = find(tx, read("sessions", &id, &account)?).await?.filter(|a| a.disabled_at.is_none());
    Ok(match account {
        Some(account) => {
            Some(Session { id: read("sessions", &id, &id)?, account, csrf, expires_at: Timestamp::from_millis(expires_at) })
        }
        None => None,
    })
}

/// Ends a sign-in, and forgets those that ended by themselves.
pub async fn delete_session(tx: &mut Tx, id: SessionId, now: Timestamp) -> Result<()> {
    const SQL: &str = "DELETE FROM sessions WHERE id = $1 OR expires_at <= $2";
    on!(tx, |c| sqlx::query(SQL).bind(id.to_string()).bind(now.millis()).execute(c).await.map(drop))?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct TokenRow {
    id: String,
    name: String,
    scopes: String,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl TryFrom<TokenRow> for Token {
    type Error = Error;
    fn try_from(r: TokenRow) -> Result<Self> {
        Ok(Self {
            id: read("tokens", &r.id, &r.id)?,
            scopes: read("tokens", &r.id, &r.scopes)?,
            name: r.name,
            created_at: Timestamp::from_millis(r.created_at),
            expires_at: r.expires_at.map(Timestamp::from_millis),
            revoked_at: r.revoked_at.map(Timestamp::from_millis),
        })
    }
}

/// Keeps a token.
pub async fn insert_token(tx: &mut Tx, token: &Token, account: AccountId, secret: SecretHash) -> Result<()> {
    const SQL: &str =
        "INSERT INTO tokens (id, secret, account_id, name, scopes, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    on!(tx, |c| sqlx::query(SQL)
        .bind(token.id.to_string())
        .bind(&secret.0[..])
        .bind(account.to_string())
        .bind(&token.name)
        .bind(token.scopes.to_string())
        .bind(token.created_at.millis())
        .bind(token.expires_at.map(Timestamp::millis))
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// The account and scopes behind a bearer token, unless it was revoked, has ended or its account is disabled.
pub async fn find_token(tx: &mut Tx, secret: SecretHash, now: Timestamp) -> Result<Option<(Account, Scopes)>> {
    const SQL: &str = "SELECT account_id, scopes FROM tokens WHERE secret = $1 AND revoked_at IS NULL \
                       AND (expires_at IS NULL OR expires_at > $2)";
    let row: Option<(String, String)> =
        on!(tx, |c| sqlx::query_as(SQL).bind(&secret.0[..]).bind(now.millis()).fetch_optional(c).await)?;
    let Some((account, scopes)) = row else { return Ok(None) };
    let scopes: Scopes = read("tokens", &account, &scopes)?;
    let account = find(tx, read("tokens", &account, &account)?).await?.filter(|a| a.disabled_at.is_none());
    Ok(account.map(|a| {
        let both = a.roles.scopes().both(&scopes);
        (a, both)
    }))
}

/// An account's tokens, newest first.
pub async fn tokens(tx: &mut Tx, account: AccountId) -> Result<Vec<Token>> {
    const SQL: &str = "SELECT id, name, scopes, created_at, expires_at, revoked_at FROM tokens WHERE account_id = $1 \
                       ORDER BY created_at DESC, id DESC";
    let rows: Vec<TokenRow> = on!(tx, |c| sqlx::query_as(SQL).bind(account.to_string()).fetch_all(c).await)?;
    rows.into_iter().map(Token::try_from).collect()
}

/// Revokes an account's token. False when there is none such or it was revoked before.
pub async fn revoke_token(tx: &mut Tx, account: AccountId, id: TokenId, now: Timestamp) -> Result<bool> {
    const SQL: &str = "UPDATE tokens SET revoked_at = $3 WHERE id = $1 AND account_id = $2 AND revoked_at IS NULL";
    let rows = on!(tx, |c| sqlx::query(SQL)
        .bind(id.to_string())
        .bind(account.to_string())
        .bind(now.millis())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Changes what an account is trusted with.
pub async fn set_roles(tx: &mut Tx, id: AccountId, roles: &Roles) -> Result<bool> {
    const SQL: &str = "UPDATE accounts SET roles = $2 WHERE id = $1";
    let rows = on!(tx, |c| sqlx::query(SQL)
        .bind(id.to_string())
        .bind(roles.to_string())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Erases what opens an account: its password, its sign-ins, its tokens with their names. It is disabled from then on; its public name stays, so that
/// nobody takes it.
pub async fn erase(tx: &mut Tx, id: AccountId, now: Timestamp) -> Result<()> {
    const SQL: &str = "UPDATE accounts SET password = '', disabled_at = COALESCE(disabled_at, $2) WHERE id = $1";
    const SESSIONS: &str = "DELETE FROM sessions WHERE account_id = $1";
    const TOKENS: &str = "DELETE FROM tokens WHERE account_id = $1";
    on!(tx, |c| sqlx::query(SQL).bind(id.to_string()).bind(now.millis()).execute(c).await.map(drop))?;
    on!(tx, |c| sqlx::query(SESSIONS).bind(id.to_string()).execute(c).await.map(drop))?;
    on!(tx, |c| sqlx::query(TOKENS).bind(id.to_string()).execute(c).await.map(drop))?;
    Ok(())
}
