//! The shipped bundle as a whole: its cases, what rules may ask of a request, who may open them. Reads `policies/` from disk, as only a test
//! may. How names are found is tested in `matching`, how files are read in `reading`.

mod evasions;
mod matching;
mod reading;

use std::path::Path;

use super::*;
use crate::chance::Chance;
use crate::clock::Timestamp;

pub(super) fn shipped_files() -> Vec<(String, String)> {
    fn walk(root: &Path, folder: &Path, out: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, out);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                out.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut out = Vec::new();
    walk(&root, &root, &mut out);
    out.sort();
    out
}

fn shipped() -> Bundle {
    Bundle::parse(&shipped_files()).unwrap_or_else(|problems| panic!("{}", lines(&problems)))
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|p| format!("{p}\n")).collect()
}

fn today() -> Timestamp {
    Timestamp::parse("2026-11-23T12:00:00Z").unwrap()
}

fn ask(bundle: &Bundle, prompt: &str, use_: Use) -> Decision {
    decide(bundle, &Facts { prompt, use_, ..Facts::default() }, today())
}

fn noise(chance: &dyn Chance, len: usize, alphabet: &[char]) -> String {
    let mut bytes = vec![0u8; len * 4];
    chance.fill(&mut bytes);
    bytes
        .chunks(4)
        .map(|b| {
            let n = u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
            if b[0] % 3 == 0 { char::from_u32(n % 0x11_0000).unwrap_or(' ') } else { alphabet[n as usize % alphabet.len()] }
        })
        .collect()
}

#[test]
fn shipped_files_parse_lint_and_pass_their_cases() {
    let bundle = shipped();
    assert_eq!(lines(&bundle.lint()), "");
    assert_eq!(lines(&bundle.check_cases()), "");
    assert!(bundle.policies().filter(|p| p.kind == Kind::Tradition).count() == 44);
    assert!(bundle.policies().all(|p| p.authority.status == AuthorityStatus::ProjectDefault && !p.authority.name.is_empty()));
    let reached: std::collections::BTreeSet<Outcome> = bundle.cases.iter().map(|c| c.case.expect).collect();
    assert_eq!(reached.len(), 5, "{reached:?}");
    assert!(!bundle.to_confirm().is_empty(), "what nobody has checked is listed");
}

#[test]
fn a_consent_satisfies_exactly_the_rule_it_names() {
    let bundle = shipped();
    let consent = |rule: &str| Held { reference: "letter 7".to_owned(), ..lint::example(rule, Use::Personal, today()) };
    let with =
        |prompt: &str, use_, consents: &[Held]| decide(&bundle, &Facts { prompt, use_, consents, ..Facts::default() }, today());
    let one = [consent("wandjina/figure")];
    let granted = with("wandjina", Use::Personal, &one);
    assert_eq!(granted.outcome, Outcome::Allow);
    assert_eq!(granted.satisfied, [Satisfied { rule: "wandjina/figure".into(), reference: "letter 7".into() }]);
    assert_eq!(granted.rules[0].stated, Some(Outcome::Deny));
    assert!(granted.sentence().starts_with("Allowed with consent"), "{}", granted.sentence());
    assert_eq!(with("wandjina and a kachina", Use::Personal, &one).outcome, Outcome::Deny);
    assert_eq!(
        with("kachina", Use::Personal, &[consent("hopi-katsina/sacred")]).outcome,
        Outcome::Deny,
        "no consent is foreseen"
    );
    assert!(with("a cat", Use::Personal, &one).satisfied.is_empty());
}

#[test]
fn negative_prompt_style_and_seam() {
    let bundle = shipped();
    let go = |prompt: &str, negative: &str, style: Option<&str>| {
        decide(&bundle, &Facts { prompt, negative, style, ..Facts::default() }, today())
    };
    let avoided = go("red rock", "wandjina", None);
    assert_eq!((avoided.outcome, avoided.matches.len()), (Outcome::Allow, 1));
    assert_eq!(avoided.matches[0].surface, Surface::Negative);
    let style = go("a cat", "", Some("wandjina"));
    assert_eq!((style.outcome, style.matches[0].surface), (Outcome::Deny, Surface::Style));
    assert_eq!(style.matches[0].words.as_deref(), Some("wandjina"));
    let split = go("a wand", "", Some("jina figure"));
    assert_eq!((split.outcome, split.matches[0].words.as_deref()), (Outcome::Deny, Some("wand")), "split over the seam");
    assert_eq!(go("maori", "", Some("tattoo")).outcome, Outcome::RequireConsent, "the style is the cue");
    assert_eq!(go("an owl, a house, a long road and many other quiet things, maori", "", None).outcome, Outcome::Allow);
}

#[test]
fn the_decision_explains_itself_and_keeps_the_prompt_out_of_the_public_form() {
    let bundle = shipped();
    let prompt = "secret garden, W\u{200b}andjína, secret gate";
    let decision = ask(&bundle, prompt, Use::Personal);
    let m = &decision.matches[0];
    assert_eq!(&prompt[m.start.unwrap()..m.end.unwrap()], "W\u{200b}andjína");
    assert_eq!(m.words.as_deref(), Some("W\u{200b}andjína"));
    let sentence = decision.sentence();
    for part in
        ["wandjina/figure", "traditions/wandjina.toml, line ", "Worrorra", "Mowanjum", "instead", "appeal", "project default"]
    {
        assert!(sentence.contains(part), "{part} is not in: {sentence}");
    }
    let public = decision.without_prompt();
    let json = serde_json::to_string(&public).unwrap();
    assert!(!json.contains("secret") && !json.contains("andjína") && !json.contains("\"start\""), "{json}");
    assert!(!public.sentence().contains("andjína"));
    assert_eq!(public.without_prompt(), public);
    let back: Decision = serde_json::from_str(&serde_json::to_string(&decision).unwrap()).unwrap();
    assert_eq!(back, decision);
    assert_eq!(ask(&bundle, prompt, Use::Personal), decision, "the same twice");
    let rude = ask(&bundle, "bradshaw figures", Use::Personal);
    assert_eq!(rude.matches[0].alias, None, "never shown");
    assert!(bundle.policies().all(|p| p.aliases.iter().all(|a| !a.contains("Bradshaw") && !a.contains("Lapp"))));
}

#[test]
fn places_days_surety_members_and_other_surfaces() {
    let rule = |extra: &str| {
        format!(
            "[[alias]]\ntext = \"zibbelmuster\"\n[[describe]]\ntext = \"onions on cloth\"\nwords = [[\"onion\", \"onions\"], [\"cloth\", \
             \"linen\"]]\n[[rule]]\nid = \"any\"\noutcome = \"deny\"\nwhy = \"W.\"\nsource = []\nchecked_on = \"\"\n{extra}"
        )
    };
    let bundle = |extra: &str| {
        let head = "id = \"onion\"\nversion = \"1.0.0\"\ntitle = \"T\"\n[authority]\nstatus = \"project-default\"\nname = \"N\"\n\
                    contact_url = \"\"\nchecked_on = \"\"\n";
        let mut files: Vec<_> =
            shipped_files().into_iter().filter(|(p, _)| !p.contains('/') || p.starts_with("vocab/")).collect();
        files.push(("traditions/onion.toml".into(), format!("{head}{}", rule(extra))));
        Bundle::parse(&files).unwrap_or_else(|problems| panic!("{}", lines(&problems)))
    };
    let on = |bundle: &Bundle, facts: Facts<'_>, day: &str| {
        decide(bundle, &facts, Timestamp::parse(&format!("{day}T12:00:00Z")).unwrap())
    };
    let named = Facts { prompt: "a zibbelmuster", ..Facts::default() };
    let only = bundle("when = { region = [\"CH\", \"DE\"] }\n");
    for (region, outcome) in [(None, Outcome::Deny), (Some("CH"), Outcome::Deny), (Some("NZ"), Outcome::Allow)] {
        assert_eq!(on(&only, Facts { region, ..named }, "2026-11-23").outcome, outcome, "{region:?}");
    }
    let winter = bundle("when = { date = { from = \"11-30\", until = \"02-28\" } }\n");
    for (day, outcome) in [
        ("2026-11-29", Outcome::Allow),
        ("2026-11-30", Outcome::Deny),
        ("2027-01-05", Outcome::Deny),
        ("2027-03-01", Outcome::Allow),
    ] {
        assert_eq!(on(&winter, named, day).outcome, outcome, "{day}");
    }
    let exact = bundle("when = { match = [\"exact\"] }\n");
    assert_eq!(on(&exact, named, "2026-11-23").outcome, Outcome::Deny);
    assert_eq!(on(&exact, Facts { prompt: "a z1bbelmuster", ..named }, "2026-11-23").outcome, Outcome::Allow);
    let plain = bundle("unless = { membership = true }\n");
    let member = ["onion".to_owned()];
    let known = on(&plain, Facts { memberships: &member, ..named }, "2026-11-23");
    assert_eq!((known.outcome, known.satisfied[0].reference.as_str()), (Outcome::Allow, "membership"));
    // Described, not named: a question, and never a no.
    let described = on(&plain, Facts { prompt: "painted onions on old linen", ..named }, "2026-11-23");
    assert_eq!((described.outcome, described.matches[0].view), (Outcome::HumanReview, View::Described));
    assert_eq!(on(&plain, Facts { prompt: "onions", ..named }, "2026-11-23").outcome, Outcome::Allow);
    for (facts, surface) in [
        (Facts { titles: &["Zibbelmuster"], prompt: "a cup", ..Facts::default() }, Surface::Title),
        (Facts { models: &["zibbelmuster_v2"], prompt: "a cup", ..Facts::default() }, Surface::Model),
        (Facts { style: Some("zibbelmuster"), prompt: "a cup", ..Facts::default() }, Surface::Style),
        (Facts { prompt: "a cup <lora:zibbelmuster_v2:0.8>", ..Facts::default() }, Surface::Lora),
    ] {
        let decision = on(&plain, facts, "2026-11-23");
        assert_eq!((decision.outcome, decision.matches[0].surface), (Outcome::Deny, surface));
    }
}

#[test]
fn what_was_decided_about_a_picture_holds_for_what_is_made_from_it() {
    let bundle = shipped();
    let with = |reference: Reference, use_| {
        let references = [reference];
        decide(&bundle, &Facts { prompt: "the same in blue", references: &references, use_, ..Facts::default() }, today())
    };
    let before = |rules: &[&str], outcome| Reference {
        name: "the picture".into(),
        rules: rules.iter().map(|r| (*r).to_owned()).collect(),
        outcome: Some(outcome),
        ..Reference::default()
    };
    assert_eq!(with(before(&["wandjina/figure"], Outcome::Deny), Use::Personal).outcome, Outcome::Deny);
    let sold = with(before(&["kente/notice"], Outcome::AllowWithNotice), Use::Merch);
    assert!(sold.outcome > Outcome::AllowWithNotice, "another use meets the rule for it: {}", sold.outcome);
    assert_eq!(with(before(&["gone/rule"], Outcome::Deny), Use::Personal).outcome, Outcome::HumanReview, "rules not known here");
    assert_eq!(with(before(&["gone/rule"], Outcome::Allow), Use::Personal).outcome, Outcome::Allow);
    let titled = with(Reference { words: vec!["Wandjina, Kimberley".into()], ..before(&[], Outcome::Allow) }, Use::Personal);
    assert_eq!((titled.outcome, titled.matches[0].surface), (Outcome::Deny, Surface::Reference));
    let label = |code: &str| Label {
        code: code.into(),
        name: "N".into(),
        community: "C".into(),
        text: "Ours.".into(),
        language: String::new(),
    };
    let project = |code: &str| Project {
        id: "p".into(),
        title: "Weavings".into(),
        page: "https://localcontextshub.org/projects/p".into(),
        date_modified: String::new(),
        sha256: crate::digest::sha256_of(b""),
        contact: String::new(),
        labels: vec![label(code)],
    };
    for (code, use_, outcome) in [
        ("tkss", Use::Personal, Outcome::Deny),
        ("tknc", Use::Education, Outcome::AllowWithNotice),
        ("tknc", Use::Merch, Outcome::Deny),
        ("tkoc", Use::Personal, Outcome::RequireConsent),
        ("tka", Use::Merch, Outcome::AllowWithNotice),
    ] {
        let decision = with(Reference { projects: vec![project(code)], ..before(&[], Outcome::Allow) }, use_);
        assert_eq!(decision.outcome, outcome, "{code}");
        assert_eq!((decision.rules[0].key(), decision.rules[0].why.as_str()), (format!("local-contexts/{code}"), "Ours."));
        assert_eq!(decision.rules[0].authority_status, AuthorityStatus::RatifiedByCommunity);
    }
}
