//! Style sheet, script, fonts and marks, from inside the program; and the check of log entries as one file that runs from anywhere.

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::Failure;
use super::extract::Segment;
use crate::actions::Error;
use crate::digest::sha256_of;

macro_rules! files {
    ($($name:literal as $kind:literal,)*) => {
        &[$(($name, $kind, include_bytes!(concat!("../../templates/static/", $name)).as_slice())),*]
    };
}

const FILES: &[(&str, &str, &[u8])] = files! {
    "style.css" as "text/css; charset=utf-8",
    "colophon.js" as "text/javascript; charset=utf-8",
    "check.js" as "text/javascript; charset=utf-8",
    "keys.js" as "text/javascript; charset=utf-8",
    "workbench.js" as "text/javascript; charset=utf-8",
    "mark.svg" as "image/svg+xml",
    "blank.svg" as "image/svg+xml",
    "fonts/eb-garamond.woff2" as "font/woff2",
    "fonts/eb-garamond-ext.woff2" as "font/woff2",
    "fonts/eb-garamond-italic.woff2" as "font/woff2",
    "fonts/eb-garamond-italic-ext.woff2" as "font/woff2",
    "fonts/ysabeau-office.woff2" as "font/woff2",
    "fonts/ysabeau-office-ext.woff2" as "font/woff2",
    "fonts/OFL.txt" as "text/plain; charset=utf-8",
};

/// The check as a page of its own, to be saved: its style and script inside, and a policy that lets only these two run.
static CHECK: LazyLock<CheckPage> = LazyLock::new(|| {
    CheckPage::new(
        include_str!("../../templates/static/check-page.html"),
        include_str!("../../templates/static/style.css"),
        include_str!("../../templates/static/check.js"),
    )
});

struct CheckPage {
    html: String,
    policy: String,
}

impl CheckPage {
    fn new(page: &str, style: &str, script: &str) -> Self {
        // A file of one's own has no fonts beside it: what stands in for them is named in the style.
        let style = without_fonts(style);
        let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(sha256_of(text.as_bytes()).0));
        let policy = format!(
            "default-src 'none'; script-src {}; style-src {}; connect-src http: https:; base-uri 'none'; form-action 'none'",
            hash(script),
            hash(&style)
        );
        let html = page
            .replacen("<!-- csp -->", &format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">"), 1)
            .replacen(
                "<link rel=\"stylesheet\" href=\"style.css\">\n<link rel=\"stylesheet\" href=\"check.css\">",
                &format!("<style>{style}</style>"),
                1,
            )
            .replacen("<script src=\"check.js\"></script>", &format!("<script>{script}</script>"), 1);
        Self { html, policy }
    }
}

/// A style sheet without its `@font-face` rules.
fn without_fonts(style: &str) -> String {
    let mut parts = style.split("@font-face {");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.split_once('}').map_or("", |(_, rest)| rest);
        out.push_str(rest.strip_prefix('\n').unwrap_or(rest));
    }
    out
}

pub(super) async fn file(Segment(path): Segment<String>) -> Result<Response, Failure> {
    let kept = (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    if path == "check.html" {
        // As the page says of itself: the policy of all other pages would not let it run.
        let policy = HeaderValue::from_str(&CHECK.policy).map_err(Error::internal)?;
        let kind = HeaderValue::from_static("text/html; charset=utf-8");
        let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, policy), kept];
        return Ok((headers, CHECK.html.as_str()).into_response());
    }
    let (_, kind, bytes) = FILES.iter().find(|(name, ..)| *name == path).ok_or(Failure::NoPage)?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(kind)), kept], *bytes).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_is_one_file_that_asks_for_no_other() {
        let CheckPage { html, policy } = &*CHECK;
        assert!(html.contains(policy.as_str()) && policy.matches("'sha256-").count() == 2);
        for left in ["<!-- csp -->", "<link", "src=\"check.js\"", "@font-face", "url("] {
            assert!(!html.contains(left), "{left}");
        }
        // Nothing inside ends its own element.
        let lower = html.to_lowercase();
        assert_eq!((lower.matches("</script").count(), lower.matches("</style").count()), (1, 1));
        // The hashes are of what stands there.
        for (element, end) in [("<script>", "</script>"), ("<style>", "</style>")] {
            let inside = html.split(element).nth(1).and_then(|rest| rest.split(end).next()).unwrap();
            assert!(policy.contains(&STANDARD.encode(sha256_of(inside.as_bytes()).0)), "{element}");
        }
    }

    #[test]
    fn only_fonts_are_left_out_of_a_style() {
        assert_eq!(without_fonts("a { }\n@font-face { x: url(y);\n z }\n@font-face { w }\nb { }\n"), "a { }\nb { }\n");
    }
}
