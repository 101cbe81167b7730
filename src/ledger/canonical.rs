//! Canonical JSON (RFC 8785): one byte string for one value, so that a signature and a hash mean the same everywhere.
//!
//! Not a JSON parser. Numbers that a double cannot hold exactly are refused instead of rounded: a record must read back as
//! written.

use std::fmt::Write as _;

use serde_json::{Number, Value};

/// The largest whole number that every JSON reader holds exactly: 2^53 − 1 (RFC 7493 §2.2).
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Why a value has no canonical form here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// A number outside what every reader holds exactly.
    #[error("the number `{0}` would be rounded by other readers: write it as a text, or stay within ±(2^53 − 1)")]
    Number(String),
    /// Nested deeper than 100: no honest record is.
    #[error("the value is nested deeper than 100: flatten it")]
    TooDeep,
}

/// Bytes of `value` by RFC 8785: no blanks, members sorted by UTF-16 code units, shortest escapes, ECMAScript numbers.
pub fn to_canonical(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    let mut out = String::with_capacity(512);
    write_value(&mut out, value, 0)?;
    Ok(out.into_bytes())
}

fn write_value(out: &mut String, value: &Value, depth: u8) -> Result<(), CanonicalError> {
    if depth > 100 {
        return Err(CanonicalError::TooDeep);
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(out, number)?,
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_value(out, item, depth + 1)?;
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
            // RFC 8785 §3.2.3: as UTF-16 code units, which differs from UTF-8 order outside the basic plane.
            sorted.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
            out.push('{');
            for (i, (name, item)) in sorted.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_text(out, name);
                out.push(':');
                write_value(out, item, depth + 1)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

/// A JSON string by RFC 8785 §3.2.2.2: only quote, backslash and control characters are escaped.
pub(crate) fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => {
                // Writing into a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn write_number(out: &mut String, number: &Number) -> Result<(), CanonicalError> {
    let refused = || CanonicalError::Number(number.to_string());
    if let Some(n) = number.as_i64() {
        if n.unsigned_abs() > MAX_SAFE_INTEGER {
            return Err(refused());
        }
        let _ = write!(out, "{n}");
        return Ok(());
    }
    let x = number.as_f64().filter(|x| x.abs() <= MAX_SAFE_INTEGER as f64).ok_or_else(refused)?;
    let text = ecmascript(x);
    // The JSON reader in use may round the last digit of a long fraction; what is written must read back as itself.
    if serde_json::from_str::<f64>(&text).ok() != Some(x) {
        return Err(refused());
    }
    out.push_str(&text);
    Ok(())
}

/// A finite double as ECMAScript's `Number::toString` prints it (ECMA-262 §6.1.6.1.20, RFC 8785 §3.2.2.3).
fn ecmascript(x: f64) -> String {
    if x == 0.0 {
        return "0".to_owned();
    }
    // Rust prints the shortest digits that read back, as ECMAScript does. Where two are equally near, ECMAScript wants the even
    // one, which rounding to as many digits gives.
    let shortest = format!("{:e}", x.abs());
    let digits = shortest.bytes().take_while(|b| *b != b'e').filter(u8::is_ascii_digit).count();
    let rounded = format!("{:.*e}", digits - 1, x.abs());
    let scientific = if rounded.parse() == Ok(x.abs()) { rounded } else { shortest };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    // `point` digits stand before the decimal point.
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let before = usize::try_from(point).unwrap_or(0);
    let body = match point {
        p if p >= count && p <= 21 => digits.clone() + &"0".repeat(before - digits.len()),
        1..=21 => format!("{}.{}", &digits[..before], &digits[before..]),
        -5..=0 => format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
        _ => {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            let sign = if point > 0 { '+' } else { '-' };
            format!("{first}{dot}{rest}e{sign}{}", (point - 1).unsigned_abs())
        }
    };
    if x < 0.0 { format!("-{body}") } else { body }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        String::from_utf8(to_canonical(&serde_json::from_str(text).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn the_examples_of_rfc_8785() {
        // §3.2.2 without its two numbers beyond 2^53, then §3.2.3.
        let input = r#"{"numbers":[4.50, 2e-3, 0.000000000000000000000000001],
            "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null, true, false]}"#;
        let expected = r#"{"literals":[null,true,false],"numbers":[4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
        assert_eq!(canonical(input), expected);
        let input = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
            "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
        let output = canonical(input);
        let order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"].map(|w| output.find(w).unwrap());
        assert!(order.is_sorted(), "{output}");
    }

    #[test]
    fn numbers_are_printed_as_ecmascript_prints_them() {
        // RFC 8785 appendix B, by bit pattern.
        for (bits, text) in [
            (0x0000000000000000u64, "0"),
            (0x8000000000000000, "0"),
            (0x0000000000000001, "5e-324"),
            (0x8000000000000001, "-5e-324"),
            (0x7fefffffffffffff, "1.7976931348623157e+308"),
            (0x4340000000000000, "9007199254740992"),
            (0x4430000000000000, "295147905179352830000"),
            (0x44b52d02c7e14af5, "9.999999999999997e+22"),
            (0x44b52d02c7e14af6, "1e+23"),
            (0x44b52d02c7e14af7, "1.0000000000000001e+23"),
            (0x444b1ae4d6e2ef4e, "999999999999999700000"),
            (0x444b1ae4d6e2ef4f, "999999999999999900000"),
            (0x444b1ae4d6e2ef50, "1e+21"),
            (0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"),
            (0x3eb0c6f7a0b5ed8d, "0.000001"),
            (0x41b3de4355555553, "333333333.3333332"),
            (0x41b3de4355555557, "333333333.33333343"),
            (0xbecbf647612f3696, "-0.0000033333333333333333"),
            (0x43143ff3c1cb0959, "1424953923781206.2"),
        ] {
            assert_eq!(ecmascript(f64::from_bits(bits)), text);
        }
    }

    #[test]
    fn unsafe_numbers_are_refused_not_rounded() {
        for text in ["9007199254740992", "-9007199254740992", "18446744073709551615", "1e21", "1e300"] {
            let value = serde_json::from_str(text).unwrap();
            assert!(matches!(to_canonical(&value), Err(CanonicalError::Number(_))), "{text}");
        }
        assert_eq!(
            canonical("[9007199254740991,-9007199254740991,1.0,-0.0,1e2,7.5]"),
            "[9007199254740991,-9007199254740991,1,0,100,7.5]"
        );
    }

    #[test]
    fn canonical_text_is_a_fixed_point() {
        let text = canonical(r#"{"b":[1,2.25,{"z":"\u007f\u2028","a":null}],"a":"ü","":{}}"#);
        assert_eq!(canonical(&text), text);
        let deep = (0..200).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        assert_eq!(to_canonical(&deep), Err(CanonicalError::TooDeep));
    }
}
