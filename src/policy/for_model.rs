//! The words of a prompt as a model is given them. One letter of another script changes whose culture a picture shows (Struppek et al. 2024,
//! JAIR, 10.1613/jair.1.15388), so what is folded to match a name is folded for the model too: what shows nothing goes, letters of other
//! shapes and look-alike letters inside a word become the letters they stand for. Words of another script stay as they are.

use unicode_normalization::UnicodeNormalization as _;

use super::views::{ignorable, look_alike};

/// The prompt without what could steer a model unseen; `None` when nothing had to change.
pub fn folded_for_model(prompt: &str) -> Option<String> {
    if prompt.is_ascii() {
        return None;
    }
    let mut out = String::with_capacity(prompt.len());
    let mut word = String::new();
    let mut before = ' ';
    for c in prompt.chars() {
        // Joiners hold pictographs together; elsewhere they show nothing.
        if ignorable(c) && !(matches!(c, '\u{200d}' | '\u{fe0f}') && u32::from(before) >= 0x2190) {
            continue;
        }
        before = c;
        let mut read: String = std::iter::once(c).nfkc().collect();
        if c.is_ascii() || !read.chars().all(|p| p.is_ascii_alphanumeric()) {
            read = c.to_string();
        }
        for c in read.chars() {
            if c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c) {
                word.push(c);
            } else {
                out.push_str(&one_script(&word));
                word.clear();
                out.push(c);
            }
        }
    }
    out.push_str(&one_script(&word));
    (out != prompt).then_some(out)
}

/// A word that mixes Latin letters with their look-alikes, in Latin letters.
fn one_script(word: &str) -> String {
    let latin = |c: char| c.is_ascii_alphabetic() || matches!(u32::from(c), 0xC0..=0x24F | 0x1E00..=0x1EFF);
    if word.is_ascii() || !word.chars().any(latin) {
        return word.to_owned();
    }
    let fold = |c: char| match look_alike(c) {
        Some(like) if c.is_uppercase() => like.to_ascii_uppercase(),
        Some(like) => like,
        None => c,
    };
    word.chars().map(fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_unseen_is_folded_and_nothing_else() {
        for (prompt, read) in [
            ("a mаоri warrior", Some("a maori warrior")),
            ("m\u{200b}a\u{ad}ori", Some("maori")),
            ("ｍａｏｒｉ 𝐦𝐚𝐨𝐫𝐢 ⓜⓐⓞⓡⓘ", Some("maori maori maori")),
            ("Меl the сat", Some("Mel the cat")),
            ("a cat, 4k", None),
            ("tā moko, peʻa, gákti, Tsʼíiyʼamʼé", None),
            ("кот в стиле маори", None),
            ("マオリの顔の刺青, मधुबनी, 唐卡", None),
            ("👩\u{200d}🎨 paints ❤\u{fe0f}", None),
            ("½ cup, café", None),
        ] {
            assert_eq!(folded_for_model(prompt).as_deref(), read, "{prompt}");
        }
    }
}
