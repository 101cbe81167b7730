//! Fifteen ways of writing a name so that a list of words misses it; for tests. A way that makes no sense for a script leaves the prompt as
//! it is. Only writing: what is found is not known here.

use crate::chance::Chance;

/// Numbers below a bound.
struct Dice<'a>(&'a dyn Chance);

impl Dice<'_> {
    fn below(&self, n: usize) -> usize {
        let mut bytes = [0u8; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes) as usize % n.max(1)
    }
}

fn latin(name: &str) -> bool {
    name.chars()
        .all(|c| !c.is_alphabetic() || u32::from(c) < 0x250 || (0x1E00..0x1F00).contains(&u32::from(c)) || "ʻʼ".contains(c))
}

fn letters(name: &str, map: impl Fn(char) -> Option<char>) -> String {
    name.chars().map(|c| map(c).unwrap_or(c)).collect()
}

fn look_alike(c: char) -> Option<char> {
    Some(match c {
        'a' => 'а',
        'c' => 'с',
        'e' => 'е',
        'h' => 'һ',
        'i' => 'і',
        'j' => 'ј',
        'o' => 'ο',
        'p' => 'р',
        's' => 'ѕ',
        'x' => 'х',
        'y' => 'у',
        _ => return None,
    })
}

/// The prompt written in each of the fifteen ways.
pub(super) fn all(prompt: &str, name: &str, chance: &dyn Chance) -> Vec<(&'static str, String)> {
    let dice = Dice(chance);
    let at = prompt.find(name).unwrap_or(0);
    let (before, after) = (&prompt[..at], &prompt[at + name.len()..]);
    let put = |written: String| format!("{before}{written}{after}");
    let latin = latin(name);
    let only_latin = |written: String| if latin { put(written) } else { prompt.to_owned() };
    let spelt = |with: &str, gap: &str| -> String {
        let spell = |w: &str| w.chars().map(String::from).collect::<Vec<_>>().join(with);
        name.split([' ', '-']).map(spell).collect::<Vec<_>>().join(gap)
    };
    // Scripts whose vowels are marks are not spelt letter by letter.
    let spelling = latin
        || name.chars().all(|c| !unicode_normalization::char::is_combining_mark(c) && !('\u{600}'..'\u{1000}').contains(&c));
    let half = |map: fn(char) -> Option<char>| {
        let mut n = 0;
        let every_other = name.chars().map(|c| match map(c) {
            Some(like) => {
                n += 1;
                if n % 2 == 1 { like } else { c }
            }
            None => c,
        });
        every_other.collect::<String>()
    };
    vec![
        ("plain", prompt.to_owned()),
        ("upper", put(name.to_uppercase())),
        ("weight", put(format!("({name}:1.3)"))),
        ("look-alike", only_latin(half(look_alike))),
        ("zero-width", put(name.chars().flat_map(|c| if c == ' ' { vec![c] } else { vec![c, '\u{200b}'] }).collect())),
        (
            "full-width",
            only_latin(letters(name, |c| if c.is_ascii_graphic() { char::from_u32(u32::from(c) + 0xFEE0) } else { None })),
        ),
        (
            "maths",
            only_latin(letters(
                name,
                |c| if c.is_ascii_lowercase() { char::from_u32(0x1D41A + u32::from(c) - 97) } else { None },
            )),
        ),
        (
            "marks",
            only_latin(name.chars().flat_map(|c| if "aeiou".contains(c) { vec![c, '\u{308}'] } else { vec![c] }).collect()),
        ),
        (
            "leet",
            only_latin(letters(name, |c| match c {
                'a' => Some('4'),
                'e' => Some('3'),
                'i' => Some('1'),
                'o' => Some('0'),
                's' => Some('5'),
                _ => None,
            })),
        ),
        ("spaced", if spelling { put(spelt(" ", "   ")) } else { prompt.to_owned() }),
        ("dotted", if spelling { put(spelt(".", " ")) } else { prompt.to_owned() }),
        ("typo", if latin { put(typo(name, &dice)) } else { prompt.to_owned() }),
        ("lora", put(format!("<lora:{}_v2:0.8>", name.replace([' ', '-'], "_")))),
        ("underscore", prompt.replace(' ', "_")),
        (
            "glued",
            match (latin, name.contains(' ')) {
                (true, true) => put(name.replace(' ', "")),
                (true, false) => put(format!("{name}style")),
                _ => prompt.to_owned(),
            },
        ),
    ]
}

/// One letter left out, doubled or swapped with the next: not the first, as hardly anybody gets that one wrong.
fn typo(name: &str, dice: &Dice<'_>) -> String {
    let mut chars: Vec<char> = name.chars().collect();
    let places: Vec<usize> =
        (1..chars.len().saturating_sub(1)).filter(|&i| chars[i - 1..=i + 1].iter().all(|c| c.is_alphabetic())).collect();
    let Some(&i) = places.get(dice.below(places.len())) else { return name.to_owned() };
    match dice.below(3) {
        0 => drop(chars.remove(i)),
        1 => chars.insert(i, chars[i]),
        _ => chars.swap(i, i + 1),
    }
    chars.into_iter().collect()
}
