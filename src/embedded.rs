//! What the program carries inside itself: a model with its works, and the default policy bundle. So one file, started
//! anywhere, is a whole service. Other models and bundles come from folders (see `config`).

/// How adapters are trained.
pub const ADAPTER_SETTINGS: &str = include_str!("../models/adapter.toml");

/// Folder name of the embedded model.
pub const MODEL: &str = "colophon-mini-2";

macro_rules! folder {
    ($dir:literal: $($name:literal,)*) => {
        &[$(($name, include_bytes!(concat!("../", $dir, "/", $name)))),*]
    };
}

/// The embedded model's files: name in its folder, bytes.
pub const MODEL_FILES: &[(&str, &[u8])] = folder! { "models/colophon-mini-2":
    "model.toml",
    "config.json",
    "vocab.json",
    "weights.safetensors",
    "run.json",
    "works.zip",
};

macro_rules! texts {
    ($($name:literal,)*) => {
        &[$(($name, include_str!(concat!("../policies/", $name)))),*]
    };
}

/// The default policy bundle: path in the bundle, text. A test compares the list with the folder.
pub const POLICY_FILES: &[(&str, &str)] = texts! {
    "CHANGES.md",
    "artists/living.toml",
    "artists/public-domain.toml",
    "artists/recent.toml",
    "bundle.toml",
    "characters/known.toml",
    "notices/artist.en.md",
    "notices/character-version.en.md",
    "notices/lettering.en.md",
    "notices/tradition.en.md",
    "tests/aboriginal-dot.toml",
    "tests/adinkra.toml",
    "tests/batik.toml",
    "tests/celtic.toml",
    "tests/guna-mola.toml",
    "tests/haida-formline.toml",
    "tests/hopi-katsina.toml",
    "tests/inuit-art.toml",
    "tests/islamic-calligraphy.toml",
    "tests/kente.toml",
    "tests/known.toml",
    "tests/living.toml",
    "tests/maasai.toml",
    "tests/madhubani.toml",
    "tests/maori-ta-moko.toml",
    "tests/maori-toi.toml",
    "tests/mehndi.toml",
    "tests/navajo-weaving.toml",
    "tests/plains-warbonnet.toml",
    "tests/public-domain.toml",
    "tests/recent.toml",
    "tests/sami-gakti.toml",
    "tests/thangka.toml",
    "tests/ukiyo-e.toml",
    "tests/wandjina.toml",
    "tests/warli.toml",
    "tests/zia-sun.toml",
    "traditions/aboriginal-dot.toml",
    "traditions/adinkra.toml",
    "traditions/batik.toml",
    "traditions/celtic.toml",
    "traditions/guna-mola.toml",
    "traditions/haida-formline.toml",
    "traditions/hopi-katsina.toml",
    "traditions/inuit-art.toml",
    "traditions/islamic-calligraphy.toml",
    "traditions/kente.toml",
    "traditions/maasai.toml",
    "traditions/madhubani.toml",
    "traditions/maori-ta-moko.toml",
    "traditions/maori-toi.toml",
    "traditions/mehndi.toml",
    "traditions/navajo-weaving.toml",
    "traditions/plains-warbonnet.toml",
    "traditions/sami-gakti.toml",
    "traditions/thangka.toml",
    "traditions/ukiyo-e.toml",
    "traditions/wandjina.toml",
    "traditions/warli.toml",
    "traditions/zia-sun.toml",
    "vocab/cues.toml",
    "vocab/exceptions.toml",
};
