//! Reads sources: which paths a file names, without comments and texts.

use std::fmt;

/// A name or a sign, and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub(super) line: usize,
}

pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names and signs; comments, texts and numbers are left out.
pub fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let (mut at, mut line, mut out) = (0, 1, Vec::new());
    let get = |i: usize| chars.get(i).copied().unwrap_or('\0');
    while at < chars.len() {
        let from = at;
        let c = chars[at];
        if c == '/' && get(at + 1) == '/' {
            while at < chars.len() && chars[at] != '\n' {
                at += 1;
            }
        } else if c == '/' && get(at + 1) == '*' {
            let mut depth = 0;
            loop {
                match (get(at), get(at + 1)) {
                    ('/', '*') => (depth, at) = (depth + 1, at + 2),
                    ('*', '/') => (depth, at) = (depth - 1, at + 2),
                    _ => at += 1,
                }
                if depth == 0 || at >= chars.len() {
                    break;
                }
            }
        } else if c == '"' {
            at = end_of_text(&chars, at);
        } else if c == '\'' {
            // A character, or a lifetime's quote.
            if get(at + 1) == '\\' {
                at += 3;
                while at < chars.len() && chars[at] != '\'' {
                    at += 1;
                }
                at += 1;
            } else if get(at + 2) == '\'' {
                at += 3;
            } else {
                at += 1;
            }
        } else if c.is_alphabetic() || c == '_' {
            while at < chars.len() && (chars[at].is_alphanumeric() || chars[at] == '_') {
                at += 1;
            }
            let name: String = chars[from..at].iter().collect();
            let hashes = (0..).take_while(|n| get(at + n) == '#').count();
            if ["r", "br", "cr"].contains(&&*name) && get(at + hashes) == '"' {
                let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
                at += hashes + 1;
                while at < chars.len() && !chars[at..].starts_with(&close) {
                    at += 1;
                }
                at += close.len();
            } else if ["b", "c"].contains(&&*name) && get(at) == '"' {
                at = end_of_text(&chars, at);
            } else {
                out.push(Token { text: name, line });
            }
        } else if c == ':' && get(at + 1) == ':' {
            at += 2;
            out.push(Token { text: "::".into(), line });
        } else {
            at += 1;
            if !c.is_whitespace() && !c.is_numeric() {
                out.push(Token { text: c.to_string(), line });
            }
        }
        line += chars[from..at.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    out
}

pub(super) fn end_of_text(chars: &[char], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// A path as written, begun from the crate's root where it can be: `crate::storage::Tx` is `["crate", "storage", "Tx"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) path: Vec<String>,
    pub(super) line: usize,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path.join("::"))
    }
}

/// Every path of more than one part in the file of `module` (such as `web/pages/home`).
pub(super) fn paths(module: &str, source: &str) -> Vec<Named> {
    let tokens = tokens(source);
    let mut here: Vec<String> = module.split('/').map(str::to_owned).filter(|m| m != "lib" && m != "main").collect();
    let mut inner: Vec<usize> = Vec::new();
    let (mut depth, mut at, mut out) = (0usize, 0, Vec::new());
    let text = |i: usize| tokens.get(i).map_or("", |t| t.text.as_str());
    while at < tokens.len() {
        match text(at) {
            "mod" if is_name(text(at + 1)) && text(at + 2) == "{" => {
                here.push(text(at + 1).to_owned());
                depth += 1;
                inner.push(depth);
                at += 3;
            }
            "{" => (depth, at) = (depth + 1, at + 1),
            "}" => {
                if inner.last() == Some(&depth) {
                    inner.pop();
                    here.pop();
                }
                (depth, at) = (depth.saturating_sub(1), at + 1);
            }
            // `use` trees; not the `use<…>` of captured lifetimes.
            "use" if text(at + 1) != "<" => {
                let mut found = Vec::new();
                at = tree(&tokens, at + 1, &[], &mut found);
                out.extend(found.into_iter().map(|named| rooted(named, &here)));
            }
            name if is_name(name)
                && text(at + 1) == "::"
                && is_name(text(at + 2))
                && !(at > 1 && text(at - 1) == "::" && is_name(text(at - 2))) =>
            {
                let mut named = Named { path: vec![name.to_owned()], line: tokens[at].line };
                at += 1;
                while text(at) == "::" && is_name(text(at + 1)) {
                    named.path.push(text(at + 1).to_owned());
                    at += 2;
                }
                out.push(rooted(named, &here));
            }
            _ => at += 1,
        }
    }
    out
}

/// Reads one `use` tree from `at`; the place after it.
pub(super) fn tree(tokens: &[Token], mut at: usize, before: &[String], out: &mut Vec<Named>) -> usize {
    let mut path = before.to_vec();
    let text = |i: usize| tokens.get(i).map_or("", |t| t.text.as_str());
    let line = tokens.get(at).map_or(0, |t| t.line);
    loop {
        match text(at) {
            "::" => at += 1,
            "{" => {
                at += 1;
                while text(at) != "}" && at < tokens.len() {
                    at = tree(tokens, at, &path, out);
                    if text(at) == "," {
                        at += 1;
                    }
                }
                return at + 1;
            }
            "as" => at += 2,
            "," | "}" | ";" | "" => {
                if path.len() > 1 && path.last().is_some_and(|l| l == "self") {
                    path.pop();
                }
                out.push(Named { path, line });
                return at;
            }
            name => {
                path.push(name.to_owned());
                at += 1;
            }
        }
    }
}

/// `self` and `super` as seen from `here`, and our own name, become `crate`.
pub(super) fn rooted(named: Named, here: &[String]) -> Named {
    let Named { mut path, line } = named;
    if path[0] == "self" || path[0] == "super" {
        let mut from = here.to_vec();
        while path.first().is_some_and(|p| p == "self" || p == "super") {
            if path.remove(0) == "super" {
                from.pop();
            }
        }
        path = std::iter::once("crate".to_owned()).chain(from).chain(path).collect();
    } else if path[0] == "colophon" {
        path[0] = "crate".to_owned();
    }
    Named { path, line }
}
