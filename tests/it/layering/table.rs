//! The table: who may import whom, who may touch what, in the design's words.

pub(super) const GROUND: &[&str] = &["chance", "clock", "config", "digest", "embedded", "id"];
pub(super) const WORKS: &[&str] = &["works"];
/// Values without tensors and without Content Credentials in them.
pub(super) const PLAIN_DOMAIN: &[&str] = &["works", "lineage", "policy", "accounts", "ledger", "likeness"];
pub(super) const DOMAIN: &[&str] =
    &["works", "lineage", "policy", "accounts", "ledger", "likeness", "provenance", "generation", "export"];

/// What a room may import besides itself.
pub(super) struct Row {
    pub(super) rooms: &'static [&'static str],
    pub(super) may_import: &'static [&'static [&'static str]],
    /// Names inside those rooms that it must not know.
    pub(super) not: &'static [&'static str],
}

/// The engine and its tensors: names inside `generation`, to which its re-exports of them are added.
pub(super) const ENGINE: &[&str] = &["generation::engine", "generation::candle"];

pub(super) const TABLE: &[Row] = &[
    // ground: imports nothing of ours. Its own few rooms know each other: an id takes a clock and chance.
    Row { rooms: GROUND, may_import: &[GROUND], not: &[] },
    Row { rooms: &["works", "lineage", "accounts", "ledger", "likeness"], may_import: &[GROUND], not: &[] },
    Row { rooms: &["policy"], may_import: &[GROUND, WORKS], not: &[] },
    Row { rooms: &["provenance"], may_import: &[GROUND, &["ledger", "likeness"]], not: &[] },
    Row { rooms: &["generation"], may_import: &[GROUND], not: &[] },
    Row { rooms: &["export"], may_import: &[GROUND, DOMAIN], not: ENGINE },
    // storage: ground, domain types; must not know candle or c2pa.
    Row { rooms: &["storage"], may_import: &[GROUND, PLAIN_DOMAIN], not: &[] },
    // actions: all below except generation/engine.
    Row { rooms: &["actions"], may_import: &[GROUND, DOMAIN, &["storage"]], not: ENGINE },
    // jobs: below, plus the engine handle; must not know web.
    Row { rooms: &["jobs"], may_import: &[GROUND, DOMAIN, &["storage", "actions"]], not: &[] },
    // web: ground, domain types, storage (reads), actions; must not know jobs.
    Row { rooms: &["web"], may_import: &[GROUND, DOMAIN, &["storage", "actions"]], not: ENGINE },
    // cli, main: all.
    Row { rooms: &["cli", "main"], may_import: &[GROUND, DOMAIN, &["storage", "actions", "jobs", "web", "cli"]], not: &[] },
    // The map: declares the rooms and imports none.
    Row { rooms: &["lib"], may_import: &[], not: &[] },
];

/// What the tables forbid and the code needs: file, path as it is written there from its root, why.
pub(super) const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "src/cli/serve.rs",
        "axum::serve",
        "the router, the workers and the signals that stop them meet here; `web` must not know the workers",
    ),
    (
        "src/web/error.rs",
        "askama::Template",
        "an error's page is rendered where errors become answers, so that no handler can forget to",
    ),
];

/// Where each third-party crate lives; `""` is everywhere.
pub(super) const CRATES: &[(&str, &[&str])] = &[
    ("blake3", &["digest", "id"]),
    ("sha2", &["digest", "ledger", "lineage", "provenance/timestamp"]),
    ("ulid", &["id"]),
    ("getrandom", &["chance"]),
    ("time", &["clock"]),
    ("serde", &[""]),
    ("serde_json", &[""]),
    ("toml", &["config", "lineage", "policy", "generation/train/settings", "generation/train/adapter", "cli/likeness"]),
    ("hex", &[""]),
    ("base64", &[""]),
    ("thiserror", &[""]),
    ("ed25519_dalek", &["accounts/key", "ledger", "provenance", "cli/mirror"]),
    ("argon2", &["accounts/password"]),
    ("aho_corasick", &["policy"]),
    ("any_ascii", &["policy"]),
    ("unicode_normalization", &["policy"]),
    ("strsim", &["policy"]),
    ("c2pa", &["provenance"]),
    ("crc32fast", &["provenance"]),
    ("x509_cert", &["provenance"]),
    ("cms", &["provenance/timestamp"]),
    ("der", &["provenance/timestamp"]),
    ("p384", &["provenance"]),
    ("image", &["provenance", "generation"]),
    ("colophon_likeness", &["likeness"]),
    ("candle_core", &["generation"]),
    ("candle_nn", &["generation"]),
    ("rand_chacha", &["chance", "generation"]),
    (
        "colophon_ops",
        &[
            "generation/diffusers",
            "generation/pixel",
            "generation/embedding",
            "generation/train",
            "generation/pipeline/pixel_model",
        ],
    ),
    ("tokenizers", &["generation/diffusers"]),
    ("safetensors", &["generation/diffusers", "generation/train/checkpoint", "generation/embedding/train"]),
    ("half", &["generation/diffusers", "generation/train/checkpoint", "generation/embedding/train"]),
    ("resvg", &["works/sources"]),
    ("roxmltree", &["works/sources", "works/metadata", "works/site_file", "export/signals"]),
    ("csv", &["works/list"]),
    ("exif", &["works/metadata"]),
    ("spdx", &["works/verdict"]),
    ("png", &["provenance"]),
    ("zip", &["actions/import_works", "actions/prepare_works", "storage/sources"]),
    ("tempfile", &["storage", "generation/diffusers/tests", "generation/stock/tests", "provenance/timestamp/tests"]),
    ("http_body_util", &["web/api"]),
    ("sqlx", &["storage"]),
    ("object_store", &["storage"]),
    ("tokio", &["generation/engine", "storage", "actions", "jobs", "web", "cli"]),
    ("axum", &["web"]),
    ("tower", &["web"]),
    ("tower_http", &["web"]),
    ("askama", &["web/pages"]),
    ("clap", &["cli"]),
    ("rayon", &["jobs", "generation/diffusers", "generation/stock", "generation/train"]),
    // Errors without a type: at the edges only.
    ("anyhow", &["cli", "jobs"]),
    ("tracing", &["actions", "jobs", "web", "cli"]),
    ("tracing_subscriber", &["cli"]),
    ("mimalloc", &["main"]),
    ("ureq", &["cli", "jobs/hub", "actions/ask_witnesses"]),
    ("hf_hub", &["cli/model"]),
    ("indicatif", &["cli/audit"]),
];

/// What only some places may touch: the words, the places, and where else to turn.
pub(super) const TOUCHES: &[(&str, &[&str], &str)] = &[
    ("SystemTime::now", &["clock"], "take a `&dyn Clock`"),
    ("env::var", &["config"], "make it a setting"),
    ("env::var_os", &["config"], "make it a setting"),
    ("env::vars", &["config"], "make it a setting"),
    ("getrandom", &["chance"], "take a `&dyn Chance`"),
    // Files: storage's; beside it the settings, the folders of models and policies, and what a person names at the command line.
    (
        "std::fs",
        &[
            "storage",
            "config",
            "actions/found",
            "actions/instance",
            // A person's folders of drawings, and of a run's checkpoints.
            "actions/prepare_works",
            "jobs/train",
            "cli",
            "generation/config",
            // Weights of several gigabytes: read tensor by tensor.
            "generation/diffusers",
            "generation/testing",
            "generation/stock/tests",
            "policy/tests",
            "ledger/hardening",
            "provenance/timestamp/tests",
        ],
        "let `storage` do it",
    ),
    ("std::net", &["config", "web", "cli"], "the other rooms know no network"),
];

/// Who begins write transactions. Jobs do so for leases, which are the worker's own; every deed is an action.
pub(super) const WRITERS: &[&str] = &["storage", "actions", "jobs"];

/// What stands at the top of the repository; licence files and dot-files besides.
pub(super) const TOP: &[&str] =
    &["Cargo.toml", "Cargo.lock", "src", "crates", "templates", "migrations", "models", "policies", "tests", "README.md"];
