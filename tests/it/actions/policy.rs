//! The policy as actions meet it: its five answers, and what each leaves behind.

use std::collections::BTreeSet;

use colophon::actions::Error;
use colophon::actions::check_policy::check_policy;
use colophon::actions::request_image::request_image;
use colophon::embedded;
use colophon::policy::{Outcome, Use};
use colophon::storage;

use crate::support::database::Kind;
use crate::support::{TestInstance, both, creator, draw_order, lease, order};

both! {
    all_five_outcomes_are_reached_and_only_two_lead_to_a_picture,
    a_denied_prompt_leaves_a_decision_and_nothing_else,
    a_notice_goes_with_the_picture,
    letters_that_can_not_be_told_apart_draw_the_same_picture,
}

/// One of the examples beside the policy files.
struct Example {
    prompt: String,
    negative: String,
    style: Option<String>,
    use_: Use,
    expect: Outcome,
}

/// All of them that need neither a consent nor another day.
fn examples() -> Vec<Example> {
    let mut all = Vec::new();
    for (name, text) in embedded::POLICY_FILES.iter().filter(|(name, _)| name.starts_with("tests/") && !name.contains("matching"))
    {
        let table: toml::Table = text.parse().unwrap();
        for case in table["case"].as_array().unwrap() {
            if ["consent", "today", "title", "model", "region", "member"].iter().any(|key| case.get(*key).is_some()) {
                continue;
            }
            let text = |key: &str| case.get(key).map(|v| v.as_str().unwrap_or_else(|| panic!("{name}: {key}")).to_owned());
            all.push(Example {
                prompt: text("prompt").unwrap(),
                negative: text("negative").unwrap_or_default(),
                style: text("style"),
                use_: text("use").map_or(Use::Personal, |u| Use::parse(&u).unwrap()),
                expect: Outcome::parse(&text("expect").unwrap()).unwrap(),
            });
        }
    }
    all
}

async fn all_five_outcomes_are_reached_and_only_two_lead_to_a_picture(kind: Kind) {
    let t = TestInstance::with(kind, &[("queue", "1000")]).await;
    let actor = creator(&t).await;
    let (mut seen, mut asked) = (BTreeSet::new(), BTreeSet::new());
    for each in examples() {
        let mut asked_for = order(&each.prompt, 1);
        (asked_for.negative, asked_for.style, asked_for.use_) = (each.negative.clone(), each.style.clone(), each.use_);
        let mut tx = t.store.read().await.unwrap();
        let decision = check_policy(&t, &mut tx, Some(&actor), &asked_for).await.unwrap();
        drop(tx);
        assert_eq!(decision.outcome, each.expect, "{}", each.prompt);
        assert_eq!(decision.bundle.sha256, t.policies().hash());
        if let Some(rule) = decision.deciding() {
            let said = decision.sentence();
            assert!(rule.line > 0 && !rule.why.is_empty() && !rule.authority_name.is_empty(), "{rule:?}");
            assert!(embedded::POLICY_FILES.iter().any(|(file, _)| *file == rule.file), "{}", rule.file);
            if each.expect > Outcome::AllowWithNotice {
                assert!(said.contains(&rule.why) || said.contains(rule.why.trim_end_matches('.')), "{said}");
            }
        }
        seen.insert(each.expect);
        // One of each kind goes the whole way in; styles of the examples are not this model's.
        if each.style.is_none() && asked.insert(each.expect) {
            let mut wanted = order(&each.prompt, 1);
            (wanted.negative, wanted.use_) = (each.negative.clone(), each.use_);
            match (each.expect, request_image(&t, &actor, wanted, None).await) {
                (Outcome::Allow | Outcome::AllowWithNotice, Ok(requested)) => assert_eq!(requested.decision.outcome, each.expect),
                (Outcome::RequireConsent | Outcome::HumanReview | Outcome::Deny, Err(Error::Denied(decision))) => {
                    assert_eq!(decision.outcome, each.expect);
                }
                (_, other) => panic!("{}: {other:?}", each.prompt),
            }
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), Outcome::ALL);
    assert_eq!(asked.len(), 5);
    assert_eq!((t.number("SELECT COUNT(*) FROM jobs").await, t.number("SELECT COUNT(*) FROM decisions").await), (2, 5));
    t.leave_broken("two pictures wait to be drawn").await;
}

async fn a_denied_prompt_leaves_a_decision_and_nothing_else(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let actor = creator(&t).await;
    let before = t.all_tables().await;
    let prompt = "castle at dusk, greg rutkowski, trending";
    let Err(Error::Denied(decision)) = request_image(&t, &actor, order(prompt, 1), None).await else { panic!("it is denied") };
    assert_eq!(decision.outcome, Outcome::Deny);
    let after = t.all_tables().await;
    for (table, rows) in &before {
        let new = after[table].len() - rows.len();
        assert_eq!(new, usize::from(table == "decisions" || table == "decision_policies"), "{table}");
    }
    assert_eq!(t.texts("SELECT outcome FROM decisions").await, ["deny"]);
    assert_eq!(t.texts("SELECT account_id FROM decisions").await, [actor.account.to_string()]);
    let id = t.texts("SELECT id FROM decisions").await[0].parse().unwrap();
    let kept = storage::decisions::find(&mut t.store.read().await.unwrap(), id).await.unwrap().unwrap();
    assert_eq!(kept.decision.outcome, Outcome::Deny);
    assert!(kept.request.unwrap().to_string().contains("greg rutkowski"), "kept for appeals, with the words it was about");
    assert!(lease(&t).await.is_none());
    t.finish().await;
}

async fn a_notice_goes_with_the_picture(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let each = examples().into_iter().find(|e| e.expect == Outcome::AllowWithNotice && e.style.is_none()).unwrap();
    let mut wanted = order(&each.prompt, 1);
    (wanted.negative, wanted.use_) = (each.negative, each.use_);
    let delivered = draw_order(&t, &creator(&t).await, wanted).await.unwrap();
    let mut tx = t.store.read().await.unwrap();
    let image = storage::images::find(&mut tx, delivered.image).await.unwrap().unwrap().image;
    assert_eq!(image.decision["outcome"], "allow-with-notice");
    assert!(image.decision["rules"][0]["file"].as_str().unwrap().ends_with(".toml"));
    assert!(!image.decision.to_string().contains(&each.prompt), "the public form does not hold the words");
    drop(tx);
    t.finish().await;
}

async fn letters_that_can_not_be_told_apart_draw_the_same_picture(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let actor = creator(&t).await;
    let mut pixels = Vec::new();
    // A Cyrillic letter in one word, a space of no width in the other.
    for prompt in ["red apple", "r\u{200b}ed \u{430}pple"] {
        let delivered = draw_order(&t, &actor, order(prompt, 7)).await.unwrap();
        let mut tx = t.store.read().await.unwrap();
        let image = storage::images::find(&mut tx, delivered.image).await.unwrap().unwrap().image;
        assert_eq!(image.replay["folded"].as_bool().unwrap_or(false), prompt != "red apple");
        pixels.push(image.pixels);
    }
    assert_eq!(pixels[0], pixels[1], "nobody steers a picture by what can't be seen");
    t.finish().await;
}
