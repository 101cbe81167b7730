//! People who answer for a tradition: who becomes a steward, what a consent opens, how a request is ruled on, and bundles that change.

use colophon::accounts::{Actor, Role};
use colophon::actions::Error;
use colophon::actions::appoint_steward::{appoint_steward, end_steward, forget_member, note_member};
use colophon::actions::attach_project::attach_project;
use colophon::actions::give_consent::{Consenting, give_consent, revoke_consent};
use colophon::actions::policy_diff::{compare, past};
use colophon::actions::reload_policies::{Reloaded, reload_policies};
use colophon::actions::request_image::request_image;
use colophon::actions::review::{open_review, rule_on, withdraw_review};
use colophon::embedded;
use colophon::policy::review::{ReviewState, Ruling};
use colophon::policy::{Outcome, Use};
use colophon::storage;

use crate::support::database::Kind;
use crate::support::{TestInstance, both, creator, draw_order, order};

both! {
    nobody_names_themselves_a_steward,
    a_consent_opens_its_rule_use_and_time_and_nothing_else,
    a_request_is_ruled_on_by_who_answers_for_the_tradition,
    another_bundle_comes_into_force_and_a_broken_one_does_not,
    a_work_carries_what_its_community_says,
}

const GAKTI: &str = "sami-gakti";

async fn people(t: &TestInstance) -> (Actor, Actor, Actor) {
    let op = t.actor("Op", &[Role::Operator]).await;
    let sara = t.actor("Sara", &[Role::Steward]).await;
    appoint_steward(t, &op, GAKTI, "Sara", "letter of 3 May, on file").await.unwrap();
    (op, sara, creator(t).await)
}

fn denied<T>(asked: Result<T, Error>) -> colophon::policy::Decision {
    match asked {
        Err(Error::Denied(decision)) => *decision,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it is allowed"),
    }
}

async fn nobody_names_themselves_a_steward(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (op, sara, ana) = people(&t).await;
    for (who, tradition, name) in [
        (&ana, "kente", "Op"),
        (&op, "kente", "Op"),
        (&sara, "kente", "Op"),
        (&op, GAKTI, ana.name.as_str()),
        (&sara, GAKTI, "Sara"),
        (&op, "no-such-policy", "Ana"),
        (&op, "kente", "Nobody"),
    ] {
        assert!(appoint_steward(&t, who, tradition, name, "word").await.is_err(), "{} names {name} for {tradition}", who.name);
    }
    assert!(matches!(appoint_steward(&t, &op, "kente", "Sara", " ").await, Err(Error::Invalid(_))), "without evidence");
    t.actor("Nils", &[Role::Creator]).await;
    appoint_steward(&t, &sara, GAKTI, "Nils", "the same council").await.unwrap();
    // Members are known to stewards alone, and are in no statement.
    assert!(note_member(&t, &op, GAKTI, &ana.name, None).await.is_err());
    assert!(note_member(&t, &sara, GAKTI, "Sara", None).await.is_err());
    note_member(&t, &sara, GAKTI, &ana.name, None).await.unwrap();
    let mut tx = t.store.read().await.unwrap();
    assert_eq!(storage::stewards::memberships(&mut tx, ana.account, t.now()).await.unwrap(), [GAKTI]);
    drop(tx);
    let logged = t.texts("SELECT kind FROM statements").await;
    assert!(!logged.iter().any(|kind| kind.contains("member")), "{logged:?}");
    forget_member(&t, &sara, GAKTI, &ana.name).await.unwrap();
    end_steward(&t, &sara, GAKTI, "Nils", "moved away").await.unwrap();
    assert!(end_steward(&t, &sara, GAKTI, "Nils", "again").await.is_err());
    t.finish().await;
}

async fn a_consent_opens_its_rule_use_and_time_and_nothing_else(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (op, sara, ana) = people(&t).await;
    let prompt = "a girl in a gákti";
    let rule = denied(request_image(&t, &ana, order(prompt, 1), None).await).rules[0].key();
    assert_eq!(rule, "sami-gakti/dress");
    let sent = Consenting {
        rule: rule.clone(),
        about: Some("dress".into()),
        uses: vec![Use::Personal],
        grantee: ana.name.clone(),
        words: "for one school book".into(),
        starts_at: None,
        ends_at: Some(t.now().plus_days(30)),
    };
    assert!(give_consent(&t, &op, sent.clone()).await.is_err(), "an operator is no steward");
    for (what, wrong) in [
        ("no use", Consenting { uses: vec![], ..sent.clone() }),
        ("no end", Consenting { ends_at: None, ..sent.clone() }),
        ("no such rule", Consenting { rule: "sami-gakti/none".into(), ..sent.clone() }),
        ("a rule without consent", Consenting { rule: "sami-gakti/mark".into(), about: None, ..sent.clone() }),
        ("not said about what", Consenting { about: None, ..sent.clone() }),
        ("about something else", Consenting { about: Some("mark".into()), ..sent.clone() }),
        ("to oneself", Consenting { grantee: "Sara".into(), ..sent.clone() }),
        ("to nobody", Consenting { grantee: "Nobody".into(), ..sent.clone() }),
        ("of another tradition", Consenting { rule: "kente/trade".into(), about: None, ..sent.clone() }),
    ] {
        assert!(give_consent(&t, &sara, wrong).await.is_err(), "{what}");
    }
    let (consent, _) = give_consent(&t, &sara, sent).await.unwrap();
    // What it opens, down to the picture that names it.
    let delivered = draw_order(&t, &ana, order(prompt, 1)).await.unwrap();
    let mut tx = t.store.read().await.unwrap();
    let image = storage::images::find(&mut tx, delivered.image).await.unwrap().unwrap().image;
    drop(tx);
    assert_eq!(image.decision["satisfied"][0]["reference"], consent.to_string(), "the statement names the consent");
    assert_eq!(image.decision["bundle"]["sha256"], image.bundle.to_string());
    assert_eq!(image.bundle, t.policies().hash());
    let mut sold = order(prompt, 2);
    sold.use_ = Use::Merch;
    denied(request_image(&t, &ana, sold, None).await);
    denied(request_image(&t, &ana, order("duodji knife", 3), None).await);
    denied(request_image(&t, &op, order(prompt, 4), None).await);
    denied(request_image(&t, &ana, order("a girl in a gákti beside a wandjina", 5), None).await);
    assert!(revoke_consent(&t, &ana, consent, "mine").await.is_err());
    revoke_consent(&t, &sara, consent, "the book is printed").await.unwrap();
    denied(request_image(&t, &ana, order(prompt, 6), None).await);
    assert!(matches!(revoke_consent(&t, &sara, consent, "again").await, Err(Error::Conflict(_))));
    t.finish().await;
}

async fn a_request_is_ruled_on_by_who_answers_for_the_tradition(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (op, sara, ana) = people(&t).await;
    let ask = async |prompt: &str, seed| {
        let decision = denied(request_image(&t, &ana, order(prompt, seed), None).await);
        (open_review(&t, &ana, decision.id.unwrap(), "for my thesis").await.unwrap(), decision)
    };
    let (review, decision) = ask("a girl in a gákti", 1).await;
    assert!(open_review(&t, &ana, decision.id.unwrap(), "").await.is_err(), "once");
    assert!(open_review(&t, &sara, decision.id.unwrap(), "").await.is_err(), "one's own alone");
    let rule = decision.rules[0].key();
    let said = async |who: &Actor, ruling| rule_on(&t, who, review.id, &rule, ruling, "it fits the book").await;
    assert!(said(&ana, Ruling::Granted).await.is_err(), "not by who asked");
    assert!(said(&op, Ruling::Granted).await.is_err(), "not by an operator where there is a steward");
    assert!(rule_on(&t, &sara, review.id, "kente/trade", Ruling::Granted, "x").await.is_err(), "a rule in the way alone");
    said(&sara, Ruling::Granted).await.unwrap();
    let mut tx = t.store.read().await.unwrap();
    let closed = storage::reviews::find(&mut tx, review.id).await.unwrap().unwrap();
    let job = storage::jobs::find(&mut tx, closed.job.unwrap()).await.unwrap().unwrap();
    let again = storage::decisions::find(&mut tx, job.decision).await.unwrap().unwrap().decision;
    drop(tx);
    assert_eq!(closed.state, ReviewState::Granted);
    assert_eq!((again.outcome, again.reviewer.as_deref()), (Outcome::Allow, Some("Sara, steward")));
    assert_eq!(again.satisfied[0].reference, review.id.to_string());
    assert!(said(&sara, Ruling::Refused).await.is_err(), "it is closed");
    // The same words again need a ruling again.
    denied(request_image(&t, &ana, order("a girl in a gákti", 2), None).await);
    // Where nobody answers for the people concerned an operator may refuse, or say that the rule was not met.
    let (review, decision) = ask("wandjina on rock", 3).await;
    let rule = decision.rules[0].key();
    assert!(rule_on(&t, &op, review.id, &rule, Ruling::Granted, "why not").await.is_err());
    rule_on(&t, &op, review.id, &rule, Ruling::Refused, "the rule stands").await.unwrap();
    let (late, decision) = ask("wandjina at night", 4).await;
    t.clock.advance_millis(15 * 86_400_000);
    assert!(rule_on(&t, &op, late.id, &decision.rules[0].key(), Ruling::Mistaken, "too late").await.is_err());
    let mut tx = t.store.read().await.unwrap();
    assert_eq!(storage::reviews::find(&mut tx, late.id).await.unwrap().unwrap().stands(t.now()), ReviewState::Expired);
    let counts = storage::decisions::counts(&mut tx).await.unwrap();
    assert!(counts.iter().any(|(policy, outcome, n)| policy == "wandjina" && *outcome == Outcome::Deny && *n == 2), "{counts:?}");
    drop(tx);
    let (own, _) = ask("wandjina by day", 5).await;
    withdraw_review(&t, &ana, own.id).await.unwrap();
    // What was said is public, and none of it repeats what was asked.
    let logged = t.texts("SELECT subject FROM statements WHERE kind = 'ruling'").await;
    assert_eq!(logged.len(), 2, "{logged:?}");
    t.leave_broken("a picture that was granted waits to be drawn").await;
}

async fn another_bundle_comes_into_force_and_a_broken_one_does_not(kind: Kind) {
    let mut t = TestInstance::new(kind).await;
    let folder = t.folder().join("policies");
    for (name, text) in embedded::POLICY_FILES {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    t.settings.policies_dir = Some(folder.clone());
    t.restart().await;
    let first = t.policies().hash();
    assert_eq!(reload_policies(&t).await.unwrap(), Reloaded::Same(first));
    let ana = creator(&t).await;
    denied(request_image(&t, &ana, order("wandjina", 1), None).await);
    let (wandjina, cases) = (folder.join("traditions/wandjina.toml"), folder.join("tests/wandjina.toml"));
    let text = std::fs::read_to_string(&wandjina).unwrap();
    // A word that is not one, and rules that their own cases do not expect: neither comes into force.
    for (from, to, said) in
        [("\"deny\"", "\"denied\"", "unknown variant"), ("\"deny\"", "\"human-review\"", "answers human-review")]
    {
        std::fs::write(&wandjina, text.replacen(from, to, 1)).unwrap();
        let problem = reload_policies(&t).await.unwrap_err().to_string();
        assert!(problem.contains(said) && problem.contains("wandjina.toml"), "{problem}");
        assert_eq!((t.policies().hash(), t.policy_problem()), (first, Some(problem)));
        assert_eq!(denied(request_image(&t, &ana, order("wandjina", 2), None).await).outcome, Outcome::Deny);
    }
    std::fs::write(&wandjina, text.replacen("suggest = [", "suggest = [\"red sandstone\", ", 1)).unwrap();
    let Reloaded::Changed(second) = reload_policies(&t).await.unwrap() else { panic!("the files changed") };
    assert!(second != first && t.policies().hash() == second && t.policy_problem().is_none());
    let old = colophon::actions::found::policies(None).unwrap();
    std::fs::write(&wandjina, text.replace("\"deny\"", "\"human-review\"")).unwrap();
    let cases_before = std::fs::read_to_string(&cases).unwrap();
    std::fs::write(&cases, cases_before.replace("expect = \"deny\"", "expect = \"human-review\"")).unwrap();
    // What it would have answered, over what was asked.
    let milder = colophon::actions::found::policies(Some(&folder)).unwrap();
    let asked = past(&t).await.unwrap();
    let changed = compare(&old, &milder, &asked, t.now());
    assert_eq!((asked.len(), changed.len()), (3, 3));
    assert_eq!((changed[0].before, changed[0].after), (Outcome::Deny, Outcome::HumanReview));
    // Back to the first: in force again, by a statement of its own.
    std::fs::write(&wandjina, &text).unwrap();
    std::fs::write(&cases, cases_before).unwrap();
    assert_eq!(reload_policies(&t).await.unwrap(), Reloaded::Changed(first));
    assert_eq!(t.number("SELECT COUNT(*) FROM bundles").await, 3);
    t.finish().await;
}

async fn a_work_carries_what_its_community_says(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let op = t.actor("Op", &[Role::Operator]).await;
    let ana = creator(&t).await;
    let work = t.texts("SELECT id FROM works ORDER BY id LIMIT 1").await[0].parse().unwrap();
    let label = |kind: &str| {
        format!(
            r#"{{"unique_id":"259854f7","title":"Weavings","project_page":"https://localcontextshub.org/projects/259854f7","date_modified":"2026-05-06",
            "tk_labels":[{{"name":"N","label_type":"{kind}","language_tag":"en","label_text":"Ask us.","community":{{"id":1,"name":"C"}}}}],"bc_labels":[]}}"#
        )
    };
    assert!(attach_project(&t, &ana, work, label("attribution").as_bytes()).await.is_err(), "not by anybody");
    assert!(attach_project(&t, &op, work, br#"{"detail":"Invalid API key."}"#).await.is_err());
    let mut wanted = order("a boat", 1);
    wanted.with = vec![work];
    attach_project(&t, &op, work, label("attribution").as_bytes()).await.unwrap();
    let delivered = draw_order(&t, &ana, wanted.clone()).await.unwrap();
    let mut tx = t.store.read().await.unwrap();
    let image = storage::images::find(&mut tx, delivered.image).await.unwrap().unwrap().image;
    drop(tx);
    assert_eq!(image.decision["rules"][0]["notice"], "N: Ask us.");
    attach_project(&t, &op, work, label("secret_sacred").as_bytes()).await.unwrap();
    assert_eq!(denied(request_image(&t, &ana, wanted, None).await).rules[0].key(), "local-contexts/tkss");
    t.finish().await;
}
