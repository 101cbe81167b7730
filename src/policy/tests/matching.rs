//! What is found, and what is not: evasions, misspellings, near-misses, long prompts.

use super::*;
use crate::chance::SeededChance;

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
