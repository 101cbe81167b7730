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

/// Weights of the network that proposes which pictures are alike.
pub const LIKENESS_WEIGHTS: &[u8] = include_bytes!("../models/likeness/weights.safetensors");

/// What that network says of the shipped works: rows of 80 bytes, by the beginning of each file's SHA-256.
pub const LIKENESS_KNOWN: &[u8] = include_bytes!("../models/likeness/known.bin");

/// Cards of well-known models that are not shipped. A test compares the list with the folder.
pub const MODEL_CARDS: &[&str] = &[
    include_str!("../models/sdxl-turbo/model.toml"),
    include_str!("../models/stable-diffusion-1-5/model.toml"),
    include_str!("../models/stable-diffusion-2-1/model.toml"),
    include_str!("../models/stable-diffusion-3-5-medium/model.toml"),
    include_str!("../models/stable-diffusion-xl-base-1-0/model.toml"),
];

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
    "notices/artist.es.md",
    "notices/artist.fr.md",
    "notices/character-version.en.md",
    "notices/character-version.es.md",
    "notices/character-version.fr.md",
    "notices/lettering.en.md",
    "notices/lettering.es.md",
    "notices/lettering.fr.md",
    "notices/tradition.en.md",
    "notices/tradition.es.md",
    "notices/tradition.fr.md",
    "notices/tradition.mi.md",
    "tests/aboriginal-dot.toml",
    "tests/aboriginal-secret-sacred.toml",
    "tests/adinkra.toml",
    "tests/adire.toml",
    "tests/ainu.toml",
    "tests/batik.toml",
    "tests/celtic.toml",
    "tests/fiji-masi.toml",
    "tests/guna-mola.toml",
    "tests/haida-formline.toml",
    "tests/hawaiian-kapa.toml",
    "tests/hopi-katsina.toml",
    "tests/inuit-art.toml",
    "tests/islamic-calligraphy.toml",
    "tests/kente.toml",
    "tests/known.toml",
    "tests/living.toml",
    "tests/maasai.toml",
    "tests/madhubani.toml",
    "tests/maori-kirituhi.toml",
    "tests/maori-ta-moko.toml",
    "tests/maori-toi.toml",
    "tests/matching/near-misses.toml",
    "tests/matching/requests.toml",
    "tests/maya-huipil.toml",
    "tests/mehndi.toml",
    "tests/native-american-generic.toml",
    "tests/navajo-sandpainting.toml",
    "tests/navajo-weaving.toml",
    "tests/ndebele.toml",
    "tests/ngarrindjeri.toml",
    "tests/pattachitra.toml",
    "tests/plains-warbonnet.toml",
    "tests/public-domain.toml",
    "tests/recent.toml",
    "tests/sami-gakti.toml",
    "tests/samoan-tatau.toml",
    "tests/san-rock-art.toml",
    "tests/sand-mandala.toml",
    "tests/shipibo-kene.toml",
    "tests/talavera.toml",
    "tests/thangka.toml",
    "tests/torres-strait.toml",
    "tests/ukiyo-e.toml",
    "tests/wandjina.toml",
    "tests/warli.toml",
    "tests/wixarika.toml",
    "tests/yolngu-bark.toml",
    "tests/zapotec-textile.toml",
    "tests/zia-sun.toml",
    "traditions/aboriginal-dot.toml",
    "traditions/aboriginal-secret-sacred.toml",
    "traditions/adinkra.toml",
    "traditions/adire.toml",
    "traditions/ainu.toml",
    "traditions/batik.toml",
    "traditions/celtic.toml",
    "traditions/fiji-masi.toml",
    "traditions/guna-mola.toml",
    "traditions/haida-formline.toml",
    "traditions/hawaiian-kapa.toml",
    "traditions/hopi-katsina.toml",
    "traditions/inuit-art.toml",
    "traditions/islamic-calligraphy.toml",
    "traditions/kente.toml",
    "traditions/maasai.toml",
    "traditions/madhubani.toml",
    "traditions/maori-kirituhi.toml",
    "traditions/maori-ta-moko.toml",
    "traditions/maori-toi.toml",
    "traditions/maya-huipil.toml",
    "traditions/mehndi.toml",
    "traditions/native-american-generic.toml",
    "traditions/navajo-sandpainting.toml",
    "traditions/navajo-weaving.toml",
    "traditions/ndebele.toml",
    "traditions/ngarrindjeri.toml",
    "traditions/pattachitra.toml",
    "traditions/plains-warbonnet.toml",
    "traditions/sami-gakti.toml",
    "traditions/samoan-tatau.toml",
    "traditions/san-rock-art.toml",
    "traditions/sand-mandala.toml",
    "traditions/shipibo-kene.toml",
    "traditions/talavera.toml",
    "traditions/thangka.toml",
    "traditions/torres-strait.toml",
    "traditions/ukiyo-e.toml",
    "traditions/wandjina.toml",
    "traditions/warli.toml",
    "traditions/wixarika.toml",
    "traditions/yolngu-bark.toml",
    "traditions/zapotec-textile.toml",
    "traditions/zia-sun.toml",
    "vocab/cues.toml",
    "vocab/exceptions.toml",
    "vocab/ordinary.toml",
};
