//! Signing in, the first account, one's own account, and for operators everyone's. Views only; no secret outlives one page.

use askama::Template;

use super::{Choice, Chrome, Field, Link, When, filters};

/// `GET /login` and what `POST /login` answers when it won't.
#[derive(Debug, Clone, Template)]
#[template(path = "login.html")]
pub struct LoginPage {
    /// Around the page.
    pub chrome: Chrome,
    /// The name typed.
    pub name: Field,
    /// Why not; never says which of name and password was wrong.
    pub problem: String,
    /// Path to go to afterwards.
    pub next: String,
}

impl LoginPage {
    /// After a wrong password.
    pub fn sample() -> Self {
        Self {
            chrome: Chrome { account: None, ..Chrome::sample("Sign in", "/login") },
            name: Field::of("mere"),
            problem: "Name or password is wrong. Try again, or ask the operator for a new link.".into(),
            next: "/studio".into(),
        }
    }
}

/// `GET /setup/{token}`: the operator's account, once.
#[derive(Debug, Clone, Template)]
#[template(path = "setup.html")]
pub struct SetupPage {
    /// Around the page.
    pub chrome: Chrome,
    /// The one-time token of the address; the form posts to `/setup/{token}`.
    pub token: String,
    /// The name chosen.
    pub name: Field,
    /// What is wrong with the password; the password itself is never sent back.
    pub password_problem: String,
}

impl SetupPage {
    /// After a short password.
    pub fn sample() -> Self {
        Self {
            chrome: Chrome { account: None, ..Chrome::sample("Make the operator’s account", "/setup/sample") },
            token: "sample".into(),
            name: Field::of("mere"),
            password_problem: "Too short: take at least 12 characters; four random words do well.".into(),
        }
    }
}

/// `GET /account`
#[derive(Debug, Clone, Template)]
#[template(path = "account.html")]
pub struct AccountPage {
    /// Around the page.
    pub chrome: Chrome,
    /// The account's name.
    pub name: String,
    /// Its roles as words.
    pub roles: Vec<String>,
    /// Requests that wait for a person, for those who may rule.
    pub waiting: Option<u64>,
    /// When it was made.
    pub since: When,
    /// What is wrong with the old password typed.
    pub current_problem: String,
    /// What is wrong with the new one.
    pub new_problem: String,
    /// Its keys, oldest first.
    pub keys: Vec<OwnKeyRow>,
    /// Its tokens, newest first.
    pub tokens: Vec<TokenRow>,
    /// A token just made, shown this once; empty otherwise.
    pub new_token: String,
    /// Name typed for a new token.
    pub token_label: Field,
    /// Scopes it may have.
    pub scopes: Vec<Choice>,
    /// What is wrong with the scopes chosen.
    pub scopes_problem: String,
    /// Everyone's accounts, for operators.
    pub admin: Option<AccountsAdmin>,
}

/// A key of one's own.
#[derive(Debug, Clone, Default)]
pub struct OwnKeyRow {
    /// SHA-256 of its bytes, hex.
    pub id: String,
    /// The day it was added, with that entry of the log.
    pub added: Link,
    /// The day it ended, if so.
    pub ended: Option<Link>,
    /// Why.
    pub reason: String,
    /// Whether nothing is stated without it.
    pub required: bool,
}

/// One token; never its secret.
#[derive(Debug, Clone, Default)]
pub struct TokenRow {
    /// `token_…`
    pub id: String,
    /// What its owner calls it.
    pub label: String,
    /// Its scopes: "images:write".
    pub scopes: Vec<String>,
    /// When it was made.
    pub made: When,
    /// When it was last used; `None` for never.
    pub used: Option<When>,
    /// Last day; `None` for no end.
    pub until: Option<When>,
}

/// What operators see besides.
#[derive(Debug, Clone, Default)]
pub struct AccountsAdmin {
    /// All accounts.
    pub accounts: Vec<AccountRow>,
    /// Name typed for a new one.
    pub name: Field,
    /// What is wrong with its password.
    pub password_problem: String,
    /// Roles it may have.
    pub roles: Vec<Choice>,
    /// What is wrong with the roles chosen.
    pub roles_problem: String,
}

/// One account.
#[derive(Debug, Clone, Default)]
pub struct AccountRow {
    /// `account_…`
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its roles as words.
    pub roles: Vec<String>,
    /// When it was made.
    pub since: When,
}

impl AccountPage {
    /// An operator who just made a token.
    pub fn sample() -> Self {
        let roles = ["creator", "rights-holder", "steward", "auditor", "operator"];
        Self {
            chrome: Chrome { notice: "The token is made.".into(), ..Chrome::sample("Your account", "/account") },
            name: "Mere Tāwhai".into(),
            roles: vec!["creator".into(), "operator".into()],
            waiting: Some(3),
            since: When::sample(),
            current_problem: String::new(),
            new_problem: String::new(),
            keys: vec![
                OwnKeyRow {
                    id: super::sample_hash("77aa01c3"),
                    added: Link::new("9 October 2026", "/log/entries/7219"),
                    ended: Some(Link::new("1 November 2026", "/log/entries/9377")),
                    reason: "replaced by another key".into(),
                    required: false,
                },
                OwnKeyRow {
                    id: super::sample_hash("5be20d17"),
                    added: Link::new("1 November 2026", "/log/entries/9377"),
                    required: true,
                    ..OwnKeyRow::default()
                },
            ],
            tokens: vec![TokenRow {
                id: "token_01KAR3V2M8Q6T1Y5B9D4F7H0J2".into(),
                label: "drawing tablet".into(),
                scopes: vec!["images:write".into(), "works:read".into()],
                made: When::sample(),
                used: None,
                until: Some(When::new("24 November 2027", "2027-11-24T11:50:00Z")),
            }],
            new_token: "colophon_5tQm3kY8vR1xW6zB9nD2fG7hJ4pL0sA".into(),
            token_label: Field::default(),
            scopes: ["images:write", "works:write", "grants:write"].map(|s| Choice::new(s, s, s == "images:write")).into(),
            scopes_problem: String::new(),
            admin: Some(AccountsAdmin {
                accounts: vec![
                    AccountRow {
                        id: "account_01".into(),
                        name: "Mere Tāwhai".into(),
                        roles: vec!["creator".into(), "operator".into()],
                        since: When::sample(),
                    },
                    AccountRow {
                        id: "account_02".into(),
                        name: "Franck Doucet".into(),
                        roles: vec!["rights holder".into()],
                        since: When::sample(),
                    },
                ],
                name: Field::default(),
                password_problem: String::new(),
                roles: roles.map(|r| Choice::new(r, r.replace('-', " "), r == "creator")).into(),
                roles_problem: String::new(),
            }),
        }
    }
}
