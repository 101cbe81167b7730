//! What the program carries inside itself: the first model with its works, and the default policy bundle. So one file, started
//! anywhere, is a whole service. Other models and bundles come from folders (see `config`).

/// Folder name of the embedded model.
pub const MODEL: &str = "colophon-mini";

macro_rules! folder {
    ($dir:literal: $($name:literal,)*) => {
        &[$(($name, include_bytes!(concat!("../", $dir, "/", $name)))),*]
    };
}

/// The embedded model's files: name in its folder, bytes.
pub const MODEL_FILES: &[(&str, &[u8])] = folder! { "models/colophon-mini":
    "model.toml",
    "config.json",
    "vocab.json",
    "weights.safetensors",
    "works.jsonl",
    "works.zip",
};

macro_rules! texts {
    ($($name:literal,)*) => {
        &[$(($name, include_str!(concat!("../policies/", $name)))),*]
    };
}

/// The default policy bundle: path in the bundle, text. A test compares the list with the folder.
pub const POLICY_FILES: &[(&str, &str)] = texts! {};
