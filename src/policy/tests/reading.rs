//! How files are read: lines, hashes, errors, hostile input, and reading again.

use super::*;
use crate::chance::SeededChance;

#[test]
fn the_line_named_is_the_line_of_the_rule() {
    let bundle = shipped();
    let files = shipped_files();
    for policy in bundle.policies() {
        let text = &files.iter().find(|(path, _)| *path == policy.file).unwrap().1;
        for rule in &policy.rules {
            assert_eq!(text.lines().nth(rule.line - 1), Some("[[rule]]"), "{}:{}", policy.file, rule.line);
            assert_eq!(text.lines().nth(rule.line), Some(format!("id = \"{}\"", rule.id).as_str()));
        }
    }
}

#[test]
fn any_order_and_either_line_end_give_the_same_hash() {
    let mut files = shipped_files();
    let bundle = shipped();
    files.reverse();
    files.swap(3, 9);
    for file in &mut files {
        file.1 = file.1.replace('\n', "\r\n");
    }
    assert_eq!(Bundle::parse(&files).unwrap().hash(), bundle.hash());
    files[0].1.push(' ');
    assert_ne!(Bundle::parse(&files).unwrap().hash(), bundle.hash());
    // By hand: sha256("a\0" + sha256("x\n") + "\n").
    let by_hand = crate::digest::sha256_of(format!("a\0{}\n", crate::digest::sha256_of(b"x\n")).as_bytes());
    assert_eq!(
        crate::digest::sha256_of(bundle::listing_of([("a", bundle::sha256_of_text("x\r\n"))].into_iter()).as_bytes()),
        by_hand
    );
}

#[test]
fn errors_name_file_line_and_what_to_do() {
    let edit = |path: &str, from: &str, to: &str| -> String {
        let mut files = shipped_files();
        let file = files.iter_mut().find(|(name, _)| name == path).unwrap();
        assert!(file.1.contains(from), "{path} has no {from}");
        file.1 = file.1.replacen(from, to, 1);
        lines(&Bundle::parse(&files).err().unwrap_or_default())
    };
    let wandjina = "traditions/wandjina.toml";
    for (from, to, want) in [
        ("outcome = ", "outcom = ", "unknown field `outcom`"),
        ("\"deny\"", "\"denied\"", "unknown variant `denied`"),
        ("version = \"1.0.0\"", "version = \"1.0\"", "three numbers"),
        ("id = \"wandjina\"", "id = \"other\"", "does not fit its file"),
        ("id = \"figure\"", "id = \"figure\"\nwhen = { with = [\"nosuch\"] }", "is not a set of vocab/cues.toml"),
        ("id = \"figure\"", "id = \"figure\"\nwhen = { element = [\"nosuch\"] }", "no name in this file has element"),
        ("never_show = true", "never_show = false", "add `never_show = true`"),
        ("[authority]", "[authority", "traditions/wandjina.toml:"),
    ] {
        let said = edit(wandjina, from, to);
        assert!(said.contains(want) && said.contains(wandjina), "{from} → {to}: {said}");
    }
    let said = edit(wandjina, "outcome = ", "outcom = ");
    let line =
        shipped_files().iter().find(|(p, _)| p == wandjina).unwrap().1.lines().position(|l| l.starts_with("outcome =")).unwrap()
            + 1;
    assert!(said.starts_with(&format!("traditions/wandjina.toml:{line}:1: unknown field `outcom`")), "{said}");
    let mut files = shipped_files();
    files.push(("notes.txt".into(), "x".into()));
    assert!(lines(&Bundle::parse(&files).unwrap_err()).contains("not a place for a policy file"));
    assert!(lines(&Bundle::parse(&[]).unwrap_err()).contains("bundle.toml: missing"));
}

#[test]
fn a_broken_example_is_told() {
    let mut files = shipped_files();
    for (path, text) in &mut files {
        if path == "tests/wandjina.toml" {
            *text = text.replacen("expect = \"deny\"", "expect = \"allow\"", 1);
        }
    }
    let said = lines(&Bundle::parse(&files).unwrap().check_cases());
    assert!(said.contains("tests/wandjina.toml:3") && said.contains("answers deny"), "{said}");
    let without: Vec<_> = shipped_files().into_iter().filter(|(p, _)| p != "tests/wandjina.toml").collect();
    let bundle = Bundle::parse(&without).unwrap();
    assert!(lines(&bundle.check_cases()).contains("no example fires `wandjina/figure`"));
    assert!(lines(&bundle.lint()).contains("has no examples"));
}

#[test]
fn random_and_mutated_input_never_panics() {
    let bundle = shipped();
    let chance = SeededChance::new(20_261_123);
    let alphabet: Vec<char> = "maorikente wandjina<lora:_.-0134@$ʼā́\u{200b}маори唐卡मधुबनी(){}[]'\"=#\n\t".chars().collect();
    for round in 0..400 {
        let text = noise(&chance, round % 90, &alphabet);
        let decision = decide(
            &bundle,
            &Facts { prompt: &text, negative: &text, style: Some(&text), use_: Use::Logo, ..Facts::default() },
            today(),
        );
        let _ = decision.sentence();
        for m in &decision.matches {
            assert!(text.get(m.start.unwrap()..m.end.unwrap()).is_some(), "span off the letters in {text:?}");
        }
    }
    let files = shipped_files();
    for round in 0..150 {
        let mut broken = files.clone();
        let mut pick = [0u8; 16];
        chance.fill(&mut pick);
        let file = usize::from(pick[0]) % broken.len();
        let mut bytes = broken[file].1.clone().into_bytes();
        for spot in pick[2..12].chunks(2) {
            let at = (usize::from(spot[0]) * 256 + usize::from(spot[1])) % bytes.len().max(1);
            match pick[1] % 3 {
                0 => bytes[at] ^= spot[0] | 1,
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, spot[1]),
            }
        }
        broken[file].1 = String::from_utf8_lossy(&bytes).into_owned();
        if round % 10 == 0 {
            broken[file].1 = noise(&chance, 300, &alphabet);
        }
        if let Ok(bundle) = Bundle::parse(&broken) {
            let _ = (bundle.lint(), bundle.to_confirm());
        }
    }
}

/// All of a bundle that does not follow from its hash alone.
fn inside(bundle: &Bundle) -> String {
    format!("{:?} {:?} {:?} {:?}", bundle.policies, bundle.matcher.aliases, bundle.cases, bundle.vocabulary)
}

#[test]
fn read_again_after_a_change_it_is_as_if_read_for_the_first_time() {
    let files = shipped_files();
    let before = shipped();
    let prompts = ["a zibbelmuster plate", "maori tattoo on a t-shirt", "kente", "a totem pole in haida formline"];
    let mut compared = 0;
    for at in (0..files.len()).step_by(4) {
        let (mut removed, mut longer, mut renamed) = (files.clone(), files.clone(), files.clone());
        removed.remove(at);
        longer[at].1.insert_str(0, "# one line more\n");
        renamed[at].1 = renamed[at].1.replacen("text = \"", "text = \"zibbel", 1);
        for changed in [removed, longer, renamed] {
            match (before.parse_again(&changed), Bundle::parse(&changed)) {
                (Ok(again), Ok(fresh)) => {
                    assert_eq!(again.hash(), fresh.hash(), "{}", files[at].0);
                    assert!(inside(&again) == inside(&fresh), "{}", files[at].0);
                    for prompt in prompts {
                        assert_eq!(ask(&again, prompt, Use::Merch), ask(&fresh, prompt, Use::Merch));
                    }
                    compared += 1;
                }
                (again, fresh) => assert_eq!(again.err(), fresh.err(), "{}", files[at].0),
            }
        }
    }
    assert!(compared > 50, "{compared}");
    // What is found follows the names, in the file changed and in those behind it.
    let mut changed = files;
    let file = changed.iter_mut().find(|(path, _)| path == "traditions/wandjina.toml").unwrap();
    file.1.push_str("\n[[alias]]\ntext = \"zibbelmuster\"\nelement = \"figure\"\n");
    let again = before.parse_again(&changed).unwrap_or_else(|problems| panic!("{}", lines(&problems)));
    assert_eq!(ask(&before, prompts[0], Use::Merch).outcome, Outcome::Allow);
    assert!(ask(&again, prompts[0], Use::Merch).rules.iter().any(|r| r.policy == "wandjina"));
    assert_eq!(ask(&again, prompts[2], Use::Merch).rules.len(), ask(&before, prompts[2], Use::Merch).rules.len());
}
