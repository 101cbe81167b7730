//! The shipped bundle as a whole: its cases, the evasions, near-misses, hash, hostile input. Reads `policies/` from disk, as only a test may.

use std::path::Path;

use super::*;
use crate::chance::{Chance, SeededChance};
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
    assert_eq!(crate::digest::sha256_of(bundle::listing_of([("a", "x\r\n")].into_iter()).as_bytes()), by_hand);
}

/// One transform per kind of evasion; each keeps what the eye reads.
fn evasions(prompt: &str) -> Vec<(&'static str, String)> {
    let ascii: String = prompt.replace(['ā', 'á'], "a").replace('ú', "u");
    let map = |table: &[(char, char)]| -> String {
        ascii.chars().map(|c| table.iter().find(|(from, _)| *from == c).map_or(c, |(_, to)| *to)).collect()
    };
    let split = |with: &str| {
        let words: Vec<String> = ascii.split(' ').map(|w| w.chars().map(String::from).collect::<Vec<_>>().join(with)).collect();
        words.join(if with == " " { "   " } else { " " })
    };
    vec![
        ("upper", prompt.to_uppercase()),
        ("zero-width", prompt.chars().flat_map(|c| [c, '\u{200b}']).collect()),
        (
            "full-width",
            ascii
                .chars()
                .map(|c| if c.is_ascii_graphic() { char::from_u32(u32::from(c) + 0xFEE0).unwrap() } else { c })
                .collect(),
        ),
        (
            "maths",
            ascii
                .chars()
                .map(|c| if c.is_ascii_lowercase() { char::from_u32(0x1D41A + u32::from(c) - 97).unwrap() } else { c })
                .collect(),
        ),
        (
            "homoglyph",
            map(&[('a', 'а'), ('o', 'о'), ('e', 'е'), ('c', 'с'), ('i', 'і'), ('p', 'р'), ('y', 'у'), ('x', 'х'), ('s', 'ѕ')]),
        ),
        ("leet", map(&[('a', '4'), ('e', '3'), ('i', '1'), ('o', '0'), ('s', '5')])),
        ("leet signs", map(&[('a', '@'), ('s', '$'), ('i', '!')])),
        ("spaced", split(" ")),
        ("dotted", split(".")),
        ("weights", format!("masterpiece, ({prompt}:1.3), [x|y]")),
        ("underscore", prompt.replace(' ', "_")),
        ("hyphens", prompt.replace(' ', "-")),
        ("lora", format!("portrait <lora:{}_v2:0.8>", ascii.replace(' ', "_"))),
        ("diacritics", prompt.chars().flat_map(|c| if "aeiou".contains(c) { vec![c, '\u{308}'] } else { vec![c] }).collect()),
        ("glued", ascii.replace(' ', "")),
    ]
}

/// Names as people write them, each with a use. Every evasion of each must answer no milder.
const POSITIVES: [(&str, Use); 34] = [
    ("wandjina", Use::Personal),
    ("gwion gwion", Use::Personal),
    ("tā moko", Use::Personal),
    ("maori tattoo", Use::Merch),
    ("moko kauae", Use::Commercial),
    ("koru pattern", Use::Logo),
    ("kowhaiwhai", Use::Merch),
    ("navajo rug", Use::Commercial),
    ("navajo pattern", Use::Merch),
    ("kachina", Use::Personal),
    ("katsinam", Use::News),
    ("hopi pottery", Use::Personal),
    ("zia sun", Use::Personal),
    ("aboriginal art", Use::Personal),
    ("aboriginal dot painting", Use::Merch),
    ("jukurrpa", Use::Personal),
    ("haida formline", Use::Personal),
    ("tlingit mask", Use::Commercial),
    ("gákti", Use::Personal),
    ("duodji", Use::Merch),
    ("inuit print", Use::Commercial),
    ("kakiniit", Use::Personal),
    ("kente", Use::Merch),
    ("adinkra", Use::Logo),
    ("maasai beadwork", Use::Logo),
    ("thangka", Use::Commercial),
    ("prophet muhammad", Use::Personal),
    ("war bonnet", Use::Merch),
    ("warli", Use::Commercial),
    ("guna mola", Use::Merch),
    ("greg rutkowski", Use::Personal),
    ("yayoi kusama", Use::Personal),
    ("pablo picasso", Use::Merch),
    ("mickey mouse", Use::Personal),
];

/// Known misses: (evasion, name). None of the twelve kinds may be missed as a whole.
const KNOWN_MISSES: [(&str, &str); 0] = [];

#[test]
fn evasions_do_not_lower_the_outcome() {
    let bundle = shipped();
    let mut missed = Vec::new();
    for (name, use_) in POSITIVES {
        let prompt = name.to_owned();
        let plain = ask(&bundle, &prompt, use_);
        assert!(plain.outcome > Outcome::AllowWithNotice, "{prompt}: {}", plain.outcome);
        for (kind, text) in evasions(&prompt) {
            let found = ask(&bundle, &text, use_);
            if found.outcome < plain.outcome && !KNOWN_MISSES.contains(&(kind, name)) {
                missed.push(format!("{kind}: {text} answers {}, {name} answers {}", found.outcome, plain.outcome));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// Names too short for a typo to be told from another word without other words beside it, or with a typo that is a word.
const TOO_SHORT: [&str; 7] = ["tā moko", "zia sun", "gákti", "kente", "warli", "guna mola", "inuit print"];

#[test]
fn a_typo_asks_a_person_and_never_decides_alone() {
    let bundle = shipped();
    let mut missed = Vec::new();
    for (name, use_) in POSITIVES.iter().filter(|(name, _)| !TOO_SHORT.contains(name)) {
        let plain = ask(&bundle, name, *use_).outcome.min(Outcome::HumanReview);
        let words: Vec<&str> = name.split(' ').collect();
        let long = words.iter().max_by_key(|w| w.len()).unwrap();
        let letters: Vec<char> = long.chars().collect();
        let mid = letters.len() / 2;
        let mut typos = vec![letters.clone(), letters.clone(), letters.clone()];
        typos[0].remove(mid);
        typos[1].insert(mid, 'h');
        typos[2].swap(mid - 1, mid);
        for typo in typos {
            let text = name.replace(long, &typo.iter().collect::<String>());
            let found = ask(&bundle, &text, *use_);
            if found.outcome < plain {
                missed.push(format!("{text} answers {}, {name} answers {plain}", found.outcome));
            }
            if found.matches.iter().all(|m| m.fuzzy) {
                assert!(found.outcome <= Outcome::HumanReview, "{text}");
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn near_misses_are_allowed() {
    let bundle = shipped();
    for prompt in [
        "haida gwaii coastline",
        "mola mola in blue water, woven net",
        "Navajo Bridge, painting",
        "a plate of kofte, art photography",
        "an anchor tattoo on a sailor",
        "dot matrix printer",
        "people dine on the terrace, watercolour style",
        "sun rays over mexico",
        "a kent village in the style of an old postcard",
        "a totem for my game",
        "basic pattern of hexagons",
        "the hockey team poster",
        "a tanka about autumn",
        "river banks at dawn",
        "a Tlingit nurse caring for a child",
        "thanks card with flowers",
        "a boy named sami wearing a blue hat at school",
        "original design of a chair",
        "robot with a red umbrella, 4k, v2, 8k",
        "3d render of 2 cats & 1 dog!!!",
        "J R R Tolkien reading",
        "кот в стиле акварели",
        "水彩の猫",
        "बिल्ली का चित्र",
        "",
        "   ",
    ] {
        let decision = ask(&bundle, prompt, Use::Merch);
        assert_eq!(decision.outcome, Outcome::Allow, "{prompt}: {}", decision.sentence());
        assert!(decision.rules.is_empty(), "{prompt}: {}", decision.sentence());
    }
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

#[test]
fn long_prompts_are_decided() {
    let bundle = shipped();
    let chance = SeededChance::new(5);
    let letters: Vec<char> = "abcdefghijklmnoprstu    ".chars().collect();
    let words = |n| noise(&chance, n, &letters);
    for prompt in [
        "maori ".repeat(3334),
        "maoritattoo".repeat(1819),
        "m a o r i ".repeat(2000),
        "m4ori-tatt00 ".repeat(1540),
        words(20_000),
    ] {
        let _ = ask(&bundle, &prompt, Use::Personal);
    }
    let long = format!("{} wandjina {}", "a quiet field with grass, ".repeat(380), "under a wide sky ".repeat(580));
    assert_eq!(ask(&bundle, &long, Use::Personal).outcome, Outcome::Deny, "found in the middle");
    let many = ask(&bundle, &"wandjina, ".repeat(2000), Use::Personal);
    assert_eq!((many.outcome, many.matches.len()), (Outcome::Deny, 64));
}

#[derive(serde::Deserialize)]
struct Request {
    prompt: String,
    name: String,
    #[serde(rename = "use")]
    use_: Use,
    policy: String,
}

#[derive(serde::Deserialize)]
struct NearMiss {
    prompt: String,
    lang: String,
}

fn matching<T: serde::de::DeserializeOwned>(file: &str, key: &str) -> Vec<T> {
    let text = shipped_files().into_iter().find(|(path, _)| *path == format!("tests/matching/{file}.toml")).unwrap().1;
    let mut table: std::collections::BTreeMap<String, Vec<T>> = toml::from_str(&text).unwrap();
    table.remove(key).unwrap()
}

/// Whether the answer names the policy a request is about.
fn found(decision: &Decision, policy: &str) -> bool {
    decision.rules.iter().any(|r| r.policy == policy || matches!(policy, "artist" | "character") && r.policy.contains(policy))
}

#[test]
fn requests_are_found_through_fifteen_evasions() {
    let bundle = shipped();
    let requests: Vec<Request> = matching("requests", "request");
    assert!(requests.len() >= 60);
    let traditions: std::collections::BTreeSet<&str> = requests.iter().map(|r| r.policy.as_str()).collect();
    assert!(bundle.policies().filter(|p| p.kind == Kind::Tradition).all(|p| traditions.contains(p.id.as_str())));
    let chance = SeededChance::new(15);
    let (mut asked, mut missed, mut milder) = (0, Vec::new(), Vec::new());
    for request in &requests {
        let plain = ask(&bundle, &request.prompt, request.use_);
        for (kind, prompt) in evasions::all(&request.prompt, &request.name, &chance) {
            let decision = ask(&bundle, &prompt, request.use_);
            asked += 1;
            if !found(&decision, &request.policy) {
                missed.push(format!("{kind}: {prompt}"));
            } else if decision.outcome < plain.outcome.min(Outcome::HumanReview) {
                milder.push(format!("{kind}: {prompt} answers {}, plain {}", decision.outcome, plain.outcome));
            }
        }
    }
    assert!(asked >= 15 * requests.len(), "{asked}");
    // A floor below what was measured (98.9 %), so that one more name does not break it, and a lost kind of evasion does.
    assert!(missed.len() * 100 <= asked * 2, "{} of {asked} missed:\n{}", missed.len(), missed.join("\n"));
    assert!(milder.len() * 200 <= asked, "{} of {asked} milder:\n{}", milder.len(), milder.join("\n"));
}

#[test]
fn near_misses_in_many_languages_are_allowed() {
    let bundle = shipped();
    let near: Vec<NearMiss> = matching("near-misses", "near_miss");
    let languages: std::collections::BTreeSet<&str> = near.iter().map(|n| n.lang.as_str()).collect();
    assert!(near.len() >= 300 && languages.len() >= 8, "{} in {languages:?}", near.len());
    let alarms: Vec<String> = near
        .iter()
        .map(|n| (n, ask(&bundle, &n.prompt, Use::Merch)))
        .filter(|(_, decision)| decision.outcome != Outcome::Allow)
        .map(|(n, decision)| format!("{}: {}", n.prompt, decision.sentence()))
        .collect();
    assert!(alarms.len() * 200 <= near.len(), "{} of {}:\n{}", alarms.len(), near.len(), alarms.join("\n"));
}

#[test]
fn adding_a_file_never_lowers_an_outcome() {
    let bundle = shipped();
    let prompts: Vec<(String, Use)> =
        matching::<Request>("requests", "request").into_iter().map(|r| (r.prompt, r.use_)).collect();
    let before: Vec<Outcome> = prompts.iter().map(|(p, u)| ask(&bundle, p, *u).outcome).collect();
    let added = |id: &str, alias: &str, outcome: &str| -> (String, String) {
        let text = format!(
            "id = \"{id}\"\nversion = \"1.0.0\"\ntitle = \"T\"\n[authority]\nstatus = \"project-default\"\nname = \"N\"\ncontact_url = \"\"\n\
             checked_on = \"\"\n{alias}[[rule]]\nid = \"any\"\noutcome = \"{outcome}\"\nwhy = \"W.\"\nsource = []\nchecked_on = \"\"\n"
        );
        (format!("traditions/{id}.toml"), text)
    };
    // A file that claims the same names and allows them, one that claims everyday words, and one without any of these.
    for (id, alias, outcome) in [
        ("new-allowing", "[[alias]]\ntext = \"wandjina\"\nalso = [\"kente\", \"tā moko\", \"war bonnet\"]\n", "allow"),
        ("new-everyday", "[[alias]]\ntext = \"portrait\"\nalso = [\"pattern\", \"wall\"]\n", "allow-with-notice"),
        ("new-strict", "[[alias]]\ntext = \"glass bead game\"\n", "deny"),
    ] {
        let mut files = shipped_files();
        files.push(added(id, alias, outcome));
        let more = Bundle::parse(&files).unwrap_or_else(|problems| panic!("{}", lines(&problems)));
        for ((prompt, use_), before) in prompts.iter().zip(&before) {
            let after = ask(&more, prompt, *use_).outcome;
            assert!(after >= *before, "{id}: {prompt} answers {after}, before {before}");
        }
    }
    // Taking one away never makes another answer stricter.
    for file in ["traditions/wandjina.toml", "traditions/kente.toml", "artists/living.toml"] {
        let files: Vec<_> = shipped_files().into_iter().filter(|(p, _)| p != file && !p.starts_with("tests/")).collect();
        let less = Bundle::parse(&files).unwrap();
        for ((prompt, use_), before) in prompts.iter().zip(&before) {
            assert!(ask(&less, prompt, *use_).outcome <= *before, "without {file}: {prompt}");
        }
    }
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
