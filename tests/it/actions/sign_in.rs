//! Who is asking: the one-time link, passwords, sign-ins and tokens.

use colophon::accounts::{Actor, Role, Roles, Scope, Scopes, Secret};
use colophon::actions::request_image::request_image;
use colophon::actions::sign_in::{
    actor_of, add_account, change_password, local_operator, make_operator, make_token, revoke_token, setup_link, sign_in,
    sign_out,
};
use colophon::actions::{Error, Instance};
use colophon::chance::SeededChance;
use colophon::storage;

use crate::support::database::Kind;
use crate::support::{TestInstance, both, order};

both! {
    the_one_time_link_works_once,
    a_wrong_password_opens_nothing_and_ten_make_it_wait,
    a_name_with_a_nul_character_is_a_wrong_name,
    another_password_ends_every_sign_in,
    a_sign_in_ends,
    tokens_open_no_more_than_roles,
    a_revoked_or_ended_token_is_dead,
    accounts_are_made_by_operators_alone,
    the_local_operator_is_one_account_and_can_not_sign_in,
    no_secret_is_kept,
}

const PASSWORD: &str = "correct horse battery";

async fn operator(t: &TestInstance) -> (Actor, Secret) {
    let link = setup_link(t).await.unwrap().unwrap();
    let (session, secret) = make_operator(t, &link, "Olga", PASSWORD).await.unwrap();
    (actor_of(&session.account), secret)
}

/// Whether a cookie opens a sign-in now.
async fn is_signed_in(t: &Instance, secret: &Secret) -> bool {
    let mut tx = t.store.read().await.unwrap();
    storage::accounts::find_session(&mut tx, secret.hash(), t.clock.now()).await.unwrap().is_some()
}

/// What a token opens now.
async fn opens(t: &Instance, secret: &Secret) -> Option<Scopes> {
    let mut tx = t.store.read().await.unwrap();
    storage::accounts::find_token(&mut tx, secret.hash(), t.clock.now()).await.unwrap().map(|(_, scopes)| scopes)
}

/// The field and words of a refusal.
fn invalid<T>(result: Result<T, Error>) -> (&'static str, String) {
    match result.map(drop) {
        Err(Error::Invalid(fields)) => fields.into_iter().next().unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn the_one_time_link_works_once(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let first = setup_link(&t).await.unwrap().unwrap();
    let link = setup_link(&t).await.unwrap().unwrap();
    assert!(matches!(make_operator(&t, &first, "Olga", PASSWORD).await, Err(Error::NotFound { .. })), "a newer link replaced it");
    assert_eq!(invalid(make_operator(&t, &link, "Olga", "too short").await).0, "password");
    assert_eq!(invalid(make_operator(&t, &link, " ", PASSWORD).await).0, "name");
    let (session, secret) = make_operator(&t, &link, "Olga", PASSWORD).await.unwrap();
    assert!(is_signed_in(&t, &secret).await && actor_of(&session.account).may(Scope::Operate));
    assert!(matches!(make_operator(&t, &link, "Oleg", PASSWORD).await, Err(Error::NotFound { .. })), "it is used up");
    assert!(setup_link(&t).await.unwrap().is_none(), "no more links once somebody can sign in");
    let guessed = Secret::new(&SeededChance::new(99));
    assert!(matches!(make_operator(&t, &guessed, "Oleg", PASSWORD).await, Err(Error::NotFound { .. })));
    assert_eq!(t.number("SELECT COUNT(*) FROM accounts").await, 1);
    t.finish().await;
}

async fn a_wrong_password_opens_nothing_and_ten_make_it_wait(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (olga, _) = operator(&t).await;
    add_account(&t, &olga, "Ben", PASSWORD, [Role::Creator].into_iter().collect()).await.unwrap();
    let wrong = invalid(sign_in(&t, "Olga", "another password").await);
    assert_eq!(wrong, ("password", "name or password is wrong".to_owned()));
    // One answer, so that nobody learns which names there are.
    for (name, typed) in [("Nobody", PASSWORD), ("olga", PASSWORD), ("", ""), ("Olga", ""), ("'", "'")] {
        assert_eq!(invalid(sign_in(&t, name, typed).await), wrong, "{name:?}");
    }
    assert_eq!(invalid(sign_in(&t, &"x".repeat(61), &"y".repeat(201)).await), wrong);
    // Two wrong tries by now; a right one forgets them.
    let (session, secret) = sign_in(&t, "Olga", PASSWORD).await.unwrap();
    assert!(is_signed_in(&t, &secret).await && session.csrf.len() == 64);
    for _ in 0..10 {
        assert_eq!(invalid(sign_in(&t, "Olga", "guess").await), wrong);
    }
    let waits = invalid(sign_in(&t, "Olga", PASSWORD).await).1;
    assert!(waits.contains("wait a quarter of an hour"), "{waits}");
    sign_in(&t, "Ben", PASSWORD).await.unwrap();
    t.clock.advance_millis(15 * 60 * 1000 - 1);
    assert!(sign_in(&t, "Olga", PASSWORD).await.is_err());
    t.clock.advance_millis(1);
    sign_in(&t, "Olga", PASSWORD).await.unwrap();
    t.finish().await;
}

async fn a_name_with_a_nul_character_is_a_wrong_name(kind: Kind) {
    let t = TestInstance::new(kind).await;
    assert_eq!(invalid(sign_in(&t, "a\0b", PASSWORD).await).1, "name or password is wrong");
    t.finish().await;
}

async fn another_password_ends_every_sign_in(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (_, first) = operator(&t).await;
    let (session, second) = sign_in(&t, "Olga", PASSWORD).await.unwrap();
    assert_eq!(invalid(change_password(&t, &session, "wrong password", "four plain words here").await).0, "old_password");
    assert_eq!(invalid(change_password(&t, &session, PASSWORD, "short").await).0, "new_password");
    assert!(is_signed_in(&t, &first).await && is_signed_in(&t, &second).await);
    change_password(&t, &session, PASSWORD, "four plain words here").await.unwrap();
    assert!(!is_signed_in(&t, &first).await && !is_signed_in(&t, &second).await);
    assert!(sign_in(&t, "Olga", PASSWORD).await.is_err());
    sign_in(&t, "Olga", "four plain words here").await.unwrap();
    t.finish().await;
}

async fn a_sign_in_ends(kind: Kind) {
    let t = TestInstance::with(kind, &[("session_days", "2")]).await;
    operator(&t).await;
    let (session, secret) = sign_in(&t, "Olga", PASSWORD).await.unwrap();
    let (_, other) = sign_in(&t, "Olga", PASSWORD).await.unwrap();
    sign_out(&t, &session).await.unwrap();
    assert!(!is_signed_in(&t, &secret).await && is_signed_in(&t, &other).await);
    t.clock.advance_millis(2 * 86_400_000 - 1);
    assert!(is_signed_in(&t, &other).await);
    t.clock.advance_millis(1);
    assert!(!is_signed_in(&t, &other).await);
    t.finish().await;
}

async fn tokens_open_no_more_than_roles(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (olga, _) = operator(&t).await;
    let everything: Scopes = Scope::ALL.iter().copied().collect();
    let creator = t.actor("Ana", &[Role::Creator]).await;
    let (token, secret) = make_token(&t, &creator, "script", &everything, None).await.unwrap();
    assert_eq!(token.scopes.to_string(), "images,disputes");
    assert_eq!(opens(&t, &secret).await.unwrap().to_string(), "images,disputes");
    let operate: Scopes = [Scope::Operate].into_iter().collect();
    assert_eq!(invalid(make_token(&t, &creator, "script", &operate, None).await).0, "scopes");
    assert_eq!(invalid(make_token(&t, &creator, "\0", &everything, None).await).0, "token_name");

    // Roles taken away later close what the token opened.
    let (_, wide) = make_token(&t, &olga, "all", &everything, None).await.unwrap();
    assert_eq!(opens(&t, &wide).await.unwrap(), everything);
    let mut tx = t.store.begin().await.unwrap();
    let auditor: Roles = [Role::Auditor].into_iter().collect();
    storage::accounts::set_roles(&mut tx, olga.account, &auditor).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(opens(&t, &wide).await.unwrap(), auditor.scopes());

    // A token made by a token is no wider either.
    let narrow = Actor { scopes: opens(&t, &secret).await.unwrap(), ..creator };
    assert_eq!(make_token(&t, &narrow, "next", &everything, None).await.unwrap().0.scopes.to_string(), "images,disputes");
    t.finish().await;
}

async fn a_revoked_or_ended_token_is_dead(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (ana, ben) = (t.actor("Ana", &[Role::Creator]).await, t.actor("Ben", &[Role::Creator]).await);
    let images: Scopes = [Scope::Images].into_iter().collect();
    let (token, secret) = make_token(&t, &ana, "lasting", &images, None).await.unwrap();
    let (_, brief) = make_token(&t, &ana, "brief", &images, Some(1)).await.unwrap();
    assert!(matches!(revoke_token(&t, &ben, token.id).await, Err(Error::NotFound { .. })), "only one's own");
    assert!(opens(&t, &secret).await.is_some());
    revoke_token(&t, &ana, token.id).await.unwrap();
    assert!(opens(&t, &secret).await.is_none());
    assert!(matches!(revoke_token(&t, &ana, token.id).await, Err(Error::NotFound { .. })));
    t.clock.advance_millis(86_400_000 - 1);
    assert!(opens(&t, &brief).await.is_some());
    t.clock.advance_millis(1);
    assert!(opens(&t, &brief).await.is_none());
    t.finish().await;
}

async fn accounts_are_made_by_operators_alone(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (olga, _) = operator(&t).await;
    let creators: Roles = [Role::Creator].into_iter().collect();
    let ana = t.actor("Ana", &[Role::Creator, Role::RightsHolder, Role::Steward, Role::Auditor]).await;
    let refused = add_account(&t, &ana, "Ben", PASSWORD, creators.clone()).await;
    assert!(matches!(refused, Err(Error::Forbidden(Scope::Operate))), "{refused:?}");
    assert_eq!(
        invalid(add_account(&t, &olga, "Ana", PASSWORD, creators.clone()).await),
        ("name", "the name `Ana` is taken: choose another".into())
    );
    assert_eq!(invalid(add_account(&t, &olga, "Ben", PASSWORD, Roles::default()).await).0, "roles");
    assert_eq!(invalid(add_account(&t, &olga, "B", PASSWORD, creators.clone()).await).0, "name");
    assert_eq!(invalid(add_account(&t, &olga, "Ben\0", PASSWORD, creators.clone()).await).0, "name");
    assert_eq!(invalid(add_account(&t, &olga, "Ben", "12345678901", creators.clone()).await).0, "password");
    add_account(&t, &olga, "Ben", PASSWORD, creators).await.unwrap();
    let (session, _) = sign_in(&t, "Ben", PASSWORD).await.unwrap();
    assert!(actor_of(&session.account).may(Scope::Images) && !actor_of(&session.account).may(Scope::Operate));
    let stranger = Actor { scopes: Scopes::default(), ..actor_of(&session.account) };
    assert!(matches!(request_image(&t, &stranger, order("a cat", 1), None).await, Err(Error::Forbidden(Scope::Images))));
    t.finish().await;
}

async fn the_local_operator_is_one_account_and_can_not_sign_in(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (first, second) = (local_operator(&t).await.unwrap(), local_operator(&t).await.unwrap());
    assert_eq!(first, second);
    assert!(first.may(Scope::Operate) && first.may(Scope::Images));
    for typed in ["", PASSWORD] {
        assert!(sign_in(&t, &first.name, typed).await.is_err());
    }
    assert!(setup_link(&t).await.unwrap().is_some(), "it does not count as somebody who can sign in");
    t.finish().await;
}

async fn no_secret_is_kept(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let link = setup_link(&t).await.unwrap().unwrap();
    let (session, cookie) = make_operator(&t, &link, "Olga", PASSWORD).await.unwrap();
    let (_, token) =
        make_token(&t, &actor_of(&session.account), "script", &[Scope::Images].into_iter().collect(), None).await.unwrap();
    let all = format!("{:?}", t.all_tables().await).to_lowercase();
    for secret in [link.reveal(), cookie.reveal(), token.reveal(), PASSWORD] {
        let hex: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
        assert!(!all.contains(&secret.to_lowercase()) && !all.contains(&hex));
    }
    assert!(all.contains("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert!(!format!("{session:?} {cookie:?} {token:?}").contains(cookie.reveal()));
    t.finish().await;
}
