//! Accounts, sessions, tokens, setup links.

use super::*;

both! {
    accounts_sessions_and_tokens,
    the_setup_link_opens_once,
}

async fn accounts_sessions_and_tokens(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (ana, ben) = (account("Ana", 2), account("Ben", 1));
    accounts::insert(&mut tx, &ana, "hash of Ana").await.unwrap();
    accounts::insert(&mut tx, &ben, "").await.unwrap();
    assert_eq!(accounts::find(&mut tx, ana.id).await.unwrap(), Some(ana.clone()));
    assert_eq!(accounts::find(&mut tx, AccountId::derived(b"?")).await.unwrap(), None);
    assert_eq!(accounts::find_by_name(&mut tx, "Ana").await.unwrap(), Some((ana.clone(), "hash of Ana".to_owned())));
    assert_eq!(accounts::find_by_name(&mut tx, "ana").await.unwrap(), None);
    assert_eq!(accounts::all(&mut tx).await.unwrap(), [ben.clone(), ana.clone()], "oldest first");
    assert_eq!(accounts::total(&mut tx).await.unwrap(), 1, "without a password nobody signs in");

    let session = Session { id: SessionId::derived(b"s"), account: ana.clone(), csrf: "c".into(), expires_at: t(100) };
    accounts::insert_session(&mut tx, &session, secret(1).hash(), t(10)).await.unwrap();
    assert_eq!(accounts::find_session(&mut tx, secret(1).hash(), t(99)).await.unwrap(), Some(session.clone()));
    assert_eq!(accounts::find_session(&mut tx, secret(1).hash(), t(100)).await.unwrap(), None, "it has ended");
    assert_eq!(accounts::find_session(&mut tx, secret(2).hash(), t(99)).await.unwrap(), None);
    let other = Session { id: SessionId::derived(b"o"), expires_at: t(50), ..session.clone() };
    accounts::insert_session(&mut tx, &other, secret(3).hash(), t(10)).await.unwrap();
    accounts::delete_session(&mut tx, SessionId::derived(b"none"), t(60)).await.unwrap();
    assert_eq!(number(&mut tx, "SELECT COUNT(*) FROM sessions").await, 1, "those that ended by themselves are forgotten");
    accounts::delete_session(&mut tx, session.id, t(60)).await.unwrap();
    assert_eq!(accounts::find_session(&mut tx, secret(1).hash(), t(60)).await.unwrap(), None);

    accounts::insert_session(&mut tx, &session, secret(4).hash(), t(10)).await.unwrap();
    accounts::set_password(&mut tx, ana.id, "another hash").await.unwrap();
    assert_eq!(
        accounts::find_session(&mut tx, secret(4).hash(), t(20)).await.unwrap(),
        None,
        "another password ends every sign-in"
    );
    assert_eq!(accounts::find_by_name(&mut tx, "Ana").await.unwrap().unwrap().1, "another hash");

    let token = |seed: &str, scopes: &str, at, expires: Option<i64>| Token {
        id: TokenId::derived(seed.as_bytes()),
        name: seed.into(),
        scopes: scopes.parse().unwrap(),
        created_at: t(at),
        expires_at: expires.map(t),
        revoked_at: None,
    };
    let (wide, brief) = (token("wide", "images,works,operate", 5, None), token("brief", "images", 6, Some(50)));
    accounts::insert_token(&mut tx, &wide, ana.id, secret(5).hash()).await.unwrap();
    accounts::insert_token(&mut tx, &brief, ana.id, secret(6).hash()).await.unwrap();
    let opens = |found: Option<(Account, Scopes)>| found.map(|(account, scopes)| (account.id, scopes.to_string()));
    let found = accounts::find_token(&mut tx, secret(5).hash(), t(40)).await.unwrap();
    assert_eq!(opens(found), Some((ana.id, "images,works".into())), "no more than the roles of its owner");
    assert!(accounts::find_token(&mut tx, secret(6).hash(), t(49)).await.unwrap().is_some());
    assert!(accounts::find_token(&mut tx, secret(6).hash(), t(50)).await.unwrap().is_none());
    assert_eq!(accounts::tokens(&mut tx, ana.id).await.unwrap(), [brief.clone(), wide.clone()], "newest first");
    assert_eq!(accounts::tokens(&mut tx, ben.id).await.unwrap(), []);
    assert!(!accounts::revoke_token(&mut tx, ben.id, wide.id, t(41)).await.unwrap(), "only its owner's");
    assert!(accounts::revoke_token(&mut tx, ana.id, wide.id, t(41)).await.unwrap());
    assert!(!accounts::revoke_token(&mut tx, ana.id, wide.id, t(42)).await.unwrap(), "only once");
    assert!(accounts::find_token(&mut tx, secret(5).hash(), t(43)).await.unwrap().is_none());
    assert_eq!(accounts::tokens(&mut tx, ana.id).await.unwrap()[1].revoked_at, Some(t(41)));

    let operator: Roles = [Role::Operator].into_iter().collect();
    assert!(accounts::set_roles(&mut tx, ben.id, &operator).await.unwrap());
    assert!(accounts::find(&mut tx, ben.id).await.unwrap().unwrap().roles.scopes().contains(Scope::Operate));
    assert!(!accounts::set_roles(&mut tx, AccountId::derived(b"?"), &operator).await.unwrap());

    accounts::insert_session(&mut tx, &session, secret(7).hash(), t(10)).await.unwrap();
    execute(&mut tx, "UPDATE accounts SET disabled_at = 5").await;
    assert!(
        accounts::find_session(&mut tx, secret(7).hash(), t(20)).await.unwrap().is_none(),
        "a disabled account opens nothing"
    );
    assert!(accounts::find_token(&mut tx, secret(6).hash(), t(20)).await.unwrap().is_none());
    drop(tx);
    s.remove().await;
}

async fn the_setup_link_opens_once(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (first, second) = (secret(1).hash(), secret(2).hash());
    accounts::insert_setup_link(&mut tx, first, t(1)).await.unwrap();
    assert!(accounts::setup_link_is_open(&mut tx, first).await.unwrap());
    accounts::insert_setup_link(&mut tx, second, t(2)).await.unwrap();
    assert!(!accounts::setup_link_is_open(&mut tx, first).await.unwrap(), "a newer one replaces it");
    assert!(!accounts::use_setup_link(&mut tx, first, t(3)).await.unwrap());
    assert!(accounts::use_setup_link(&mut tx, second, t(3)).await.unwrap());
    assert!(!accounts::use_setup_link(&mut tx, second, t(4)).await.unwrap());
    assert!(!accounts::setup_link_is_open(&mut tx, second).await.unwrap());
    drop(tx);
    s.remove().await;
}
