//! The code and this suite, compared: every SQL text is understood by both databases, every function is called here.

use super::*;

both! {
    every_sql_text_is_understood,
}

/// The texts of a source with each `concat!` of texts, and of the columns that the file names once, as one text.
fn joined(source: &str) -> Vec<String> {
    let columns = source.split("macro_rules! columns").nth(1).map_or(String::new(), |rest| literals(rest).swap_remove(0));
    let mut out = Vec::new();
    // The formatter breaks the line before a long one.
    let source = source.replace("=\n        concat!(", "= concat!(");
    let mut rest = source.as_str();
    while let Some((before, after)) = rest.split_once("= concat!(") {
        out.extend(literals(before));
        let (inner, further) = after.split_once(");\n").expect("the end of concat!");
        out.push(literals(&inner.replace("columns!()", &format!("\"{columns}\""))).concat());
        rest = further;
    }
    out.extend(literals(rest));
    out
}

/// Texts in a source, as the compiler reads them.
fn literals(source: &str) -> Vec<String> {
    let (mut out, mut chars) = (Vec::new(), source.chars().peekable());
    while let Some(c) = chars.next() {
        if c == '/' && chars.peek() == Some(&'/') {
            chars.by_ref().find(|c| *c == '\n');
        } else if c == '\'' {
            // A quote as a character; lifetimes have none after them.
            let ahead: Vec<char> = chars.clone().take(3).collect();
            match ahead.as_slice() {
                ['\\', _, '\'', ..] => drop(chars.by_ref().take(3).collect::<Vec<_>>()),
                [_, '\'', ..] => drop(chars.by_ref().take(2).collect::<Vec<_>>()),
                _ => {}
            }
        } else if c == '"' {
            let mut text = String::new();
            while let Some(c) = chars.next().filter(|c| *c != '"') {
                match (c, (c == '\\').then(|| chars.next()).flatten()) {
                    ('\\', Some('\n')) => while chars.next_if(|c| c.is_whitespace()).is_some() {},
                    ('\\', Some('n')) => text.push('\n'),
                    ('\\', Some(other)) => text.push(other),
                    _ => text.push(c),
                }
            }
            out.push(text);
        }
    }
    out
}

fn is_sql(text: &str) -> bool {
    ["SELECT ", "INSERT ", "UPDATE ", "DELETE "].iter().any(|verb| text.starts_with(verb))
}

/// Every SQL text of the room.
fn sql_texts() -> Vec<(String, String)> {
    let files = sources("src/storage");
    files.iter().flat_map(|(file, source)| joined(source).into_iter().filter(|l| is_sql(l)).map(|l| (file.clone(), l))).collect()
}

async fn every_sql_text_is_understood(kind: Kind) {
    let s = Scratch::new(kind).await;
    let found = sql_texts();
    assert!(found.len() > 80, "{} texts were found", found.len());
    for (file, sql) in found {
        // What only one of them has is asked of that one.
        if kind == Kind::Sqlite && sql.contains("pg_") {
            continue;
        }
        let mut tx = s.begin().await;
        let prepared = with!(&mut tx, |c| c.prepare(AssertSqlSafe(sql.clone()).into_sql_str()).await.map(drop));
        assert!(prepared.is_ok(), "{file}: {sql}: {prepared:?}");
    }
    s.remove().await;
}

#[test]
fn sql_is_written_nowhere_else() {
    for (file, source) in sources("src").into_iter().filter(|(file, _)| !file.starts_with("src/storage/")) {
        for text in literals(&source) {
            let upper = |word: &str| text.split_whitespace().any(|w| w == word);
            assert!(!(is_sql(&text) && (upper("FROM") || upper("INTO") || upper("SET"))), "{file}: {text}");
        }
    }
    // As many as there are: a text that the reader above missed would not be tried.
    let constants: usize = sources("src/storage").iter().map(|(_, source)| source.matches(": &str =").count()).sum();
    let listed = sql_texts().len();
    assert!(listed >= constants - 5, "{listed} SQL texts, {constants} constants");
}

#[test]
fn every_function_of_storage_is_called_here() {
    let here = [
        include_str!("catalogue.rs"),
        include_str!("disputing.rs"),
        include_str!("erasing.rs"),
        include_str!("finding.rs"),
        include_str!("importing.rs"),
        include_str!("looking.rs"),
        include_str!("mod.rs"),
        include_str!("people.rs"),
        include_str!("pictures.rs"),
        include_str!("whole.rs"),
        include_str!("record.rs"),
        include_str!("signing.rs"),
        include_str!("stewarding.rs"),
    ];
    let mine = tokens(&here.concat());
    let called = |path: &[&str]| mine.windows(path.len()).any(|w| w.iter().zip(path).all(|(token, part)| token.text == *part));
    let (mut functions, mut missing) = (0, Vec::new());
    for (file, source) in sources("src/storage") {
        let module = file.trim_start_matches("src/storage/").trim_end_matches(".rs").to_owned();
        for signature in source.split("pub async fn ").skip(1) {
            let name = signature.split(['(', '<']).next().unwrap();
            functions += 1;
            // `works::find(…)`, or `.commit(…)` and `Store::open(…)` for methods.
            let method = signature.starts_with(&format!("{name}(&self")) || signature.starts_with(&format!("{name}(self"));
            let known = if method {
                called(&[".", name, "("])
            } else if module == "mod" {
                called(&["Store", "::", name, "("]) || called(&["Tx", "::", name, "("])
            } else if module == "uploads" {
                called(&["uploads", "::", name, "("]) || called(&["Incoming", "::", name, "("]) || called(&[".", name, "("])
            } else {
                called(&[&module, "::", name, "("])
            };
            if !known {
                missing.push(format!("{module}::{name}"));
            }
        }
    }
    assert!(functions > 70, "{functions} functions were found");
    assert_eq!(missing, Vec::<String>::new(), "functions of storage without a test here");
}

#[test]
fn the_reader_of_texts_reads_as_the_compiler_does() {
    let source = "// \"no\"\nlet a = \"one \\\"two\\\"\\\n      three\"; let q = '\"'; let e = '\\''; fn f<'a>() {} const B: &str = \"\\\\\";";
    assert_eq!(literals(source), ["one \"two\"three", "\\"]);
    assert!(is_sql("SELECT 1") && !is_sql("selected"));
}
