//! A model's files as bytes, and the sizes its `config.json` states. No tensors here.

use std::path::Path;

use serde::Deserialize;

use super::diffusers::Family;
use super::pixel::Sizes as PixelSizes;
use super::scheduler::Sampler;
use super::text::Vocab;
use super::weights::LoadError;
use crate::digest::{Sha256Hash, sha256_of};

/// One file of a model: its bytes, and the name under which messages speak of it.
#[derive(Debug, Clone)]
pub struct ModelFile {
    /// Path or name, for messages.
    pub name: String,
    /// The whole file.
    pub bytes: Vec<u8>,
    /// What the model's card says the bytes hash to; `None` leaves them unchecked.
    pub sha256: Option<Sha256Hash>,
}

impl ModelFile {
    /// Reads a file; `sha256` is what the model's card says of it.
    pub fn read(path: &Path, sha256: Option<Sha256Hash>) -> Result<Self, LoadError> {
        let name = path.display().to_string();
        match std::fs::read(path) {
            Ok(bytes) => Ok(Self { name, bytes, sha256 }),
            Err(cause) => Err(LoadError::Unreadable { file: name, cause: cause.to_string() }),
        }
    }

    /// The bytes, if they are the ones the card names.
    pub(super) fn checked(&self) -> Result<&[u8], LoadError> {
        match self.sha256 {
            Some(expected) if sha256_of(&self.bytes) != expected => Err(LoadError::WrongHash {
                file: self.name.clone(),
                expected: expected.to_string(),
                found: sha256_of(&self.bytes).to_string(),
            }),
            _ => Ok(&self.bytes),
        }
    }
}

/// The three files a model consists of.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    /// Safetensors, f16 or f32.
    pub weights: ModelFile,
    /// JSON: sizes and the sampler's defaults.
    pub config: ModelFile,
    /// JSON: a list of words; position is token.
    pub vocab: ModelFile,
}

impl ModelFiles {
    /// Reads `weights.safetensors`, `config.json` and `vocab.json` from a folder. `sha256` gives the card's hash of a file name.
    pub fn read(folder: &Path, sha256: &dyn Fn(&str) -> Option<Sha256Hash>) -> Result<Self, LoadError> {
        let file = |name: &str| ModelFile::read(&folder.join(name), sha256(name));
        Ok(Self { weights: file("weights.safetensors")?, config: file("config.json")?, vocab: file("vocab.json")? })
    }
}

/// What a model offers: sizes, styles, defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// The family, such as `retrieval-augmented pixel transformer`.
    pub architecture: String,
    /// The network, by kind.
    pub network: NetworkSizes,
    /// Works drawn on at most.
    pub works_per_prompt: usize,
    /// Width and height of a picture in pixels, where no other size is asked for.
    pub image: [u32; 2],
    /// Which other sizes may be asked for.
    pub sizes: PictureSizes,
    /// Default of `DrawRequest::steps`.
    pub steps: u16,
    /// Default of `DrawRequest::guidance`.
    pub guidance: f32,
    /// Most of it.
    pub guidance_most: f32,
    /// Default of `DrawRequest::start`.
    pub start: f32,
    /// Whether the network has learnt long steps, with the default guidance in them.
    pub strides: bool,
    /// Whether it can be told what to draw away from.
    pub negative: bool,
    /// Ways to walk that may be asked for, the usual one first; none where there is only one.
    pub samplers: Vec<Sampler>,
    /// Styles that may be asked for; from the vocabulary.
    pub styles: Vec<String>,
}

/// Sizes of pictures that a model draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureSizes {
    /// One.
    Usual,
    /// All whose sides are multiples of a number of pixels, from the least to the most.
    Multiples {
        /// Of so many pixels.
        of: u32,
        /// Pixels.
        least: u32,
        /// Pixels.
        most: u32,
    },
}

impl PictureSizes {
    /// Whether width and height may be asked for, where `usual` is the usual size.
    pub fn allow(self, usual: [u32; 2], asked: [u32; 2]) -> bool {
        match self {
            Self::Usual => asked == usual,
            Self::Multiples { of, least, most } => {
                asked.iter().all(|side| side.is_multiple_of(of) && (least..=most).contains(side))
            }
        }
    }

    /// What may be asked for, behind “this model draws”.
    pub fn sentence(self, [width, height]: [u32; 2]) -> String {
        match self {
            Self::Usual => format!("{width}x{height} only"),
            Self::Multiples { of, least, most } => {
                format!("sides from {least} to {most} pixels that {of} divides, {width}x{height} best")
            }
        }
    }
}

/// Sizes of a network, by its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkSizes {
    /// That of a model in a folder, whose sizes stand there.
    Folder(Family),
    /// The first: a transformer on codes of patches, and a decoder.
    Codes(CodeSizes),
    /// The second: a transformer on pixels, which begins from a draft.
    Pixels(PixelSizes),
}

/// Sizes of a network on codes of patches.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CodeSizes {
    /// Numbers per token.
    pub width: usize,
    /// Transformer blocks.
    pub depth: usize,
    /// Attention heads; they divide `width`.
    pub heads: usize,
    /// Words of a prompt that are read, the style's token included.
    pub text_slots: usize,
    /// Works drawn on at most.
    pub works_per_prompt: usize,
    /// Width and height of a picture in pixels.
    pub image: [u32; 2],
    /// Side of a patch in pixels.
    pub patch: usize,
    /// Numbers that code one patch.
    pub code: usize,
}

impl CodeSizes {
    fn sound(&self) -> bool {
        let sizes = [self.width, self.depth, self.heads, self.text_slots, self.works_per_prompt, self.patch, self.code];
        sizes.iter().all(|&n| (1..=4096).contains(&n))
            && self.width.is_multiple_of(self.heads)
            && self.image.iter().all(|&side| (16..=4096).contains(&side) && (side as usize).is_multiple_of(self.patch))
            // The guide and the decoder are written for one grid, square, with works coded in 2×2 patches.
            && self.image[0] == self.image[1]
            && self.grid().is_multiple_of(2)
    }

    /// Patches along one side.
    pub fn grid(&self) -> usize {
        self.image[0] as usize / self.patch
    }

    /// Patches of a picture: the image tokens.
    pub fn patches(&self) -> usize {
        self.grid() * self.grid()
    }
}

/// The sampler's defaults, as `config.json` states them.
#[derive(Deserialize)]
struct Defaults {
    architecture: String,
    steps: u16,
    guidance: f32,
    start: f32,
    #[serde(default)]
    strides: bool,
    /// Sizes of a network on pixels; those of one on codes lie beside the defaults.
    network: Option<PixelSizes>,
}

impl ModelConfig {
    /// Reads `config.json`, and the styles from the vocabulary.
    pub fn read(file: &ModelFile, vocab: &Vocab) -> Result<Self, LoadError> {
        let broken = |cause: String| LoadError::Malformed { file: file.name.clone(), cause };
        let bytes = file.checked()?;
        let defaults: Defaults = serde_json::from_slice(bytes).map_err(|e| broken(e.to_string()))?;
        let (network, works_per_prompt, image) = match defaults.network {
            Some(sizes) => {
                if let Some(fault) = sizes.fault() {
                    return Err(broken(fault.to_owned()));
                }
                let side = u32::try_from(sizes.side).map_err(|e| broken(e.to_string()))?;
                (NetworkSizes::Pixels(sizes.clone()), sizes.works, [side, side])
            }
            None => {
                let sizes: CodeSizes = serde_json::from_slice(bytes).map_err(|e| broken(e.to_string()))?;
                if !sizes.sound() {
                    return Err(broken("a size is out of range".into()));
                }
                (NetworkSizes::Codes(sizes.clone()), sizes.works_per_prompt, sizes.image)
            }
        };
        let Defaults { architecture, steps, guidance, start, strides, .. } = defaults;
        if steps == 0 || !guidance.is_finite() || !(0.0..0.95).contains(&start) {
            return Err(broken("a default is out of range".into()));
        }
        let styles = vocab.styles().map(str::to_owned).collect();
        Ok(Self {
            architecture,
            network,
            works_per_prompt,
            image,
            sizes: PictureSizes::Usual,
            steps,
            guidance,
            guidance_most: 10.0,
            start,
            strides,
            negative: false,
            samplers: Vec::new(),
            styles,
        })
    }

    /// Bytes of a picture's RGB.
    pub fn rgb_len(&self) -> usize {
        self.image[0] as usize * self.image[1] as usize * 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        let vocab = Vocab::new(["<pad>", "<null>", "<unk>", "and", "<fluent>", "red"].map(str::to_owned).to_vec());
        let good = r#"{"architecture":"x","width":192,"depth":8,"heads":3,"text_slots":8,"works_per_prompt":4,"image":[64,64],
            "patch":8,"code":32,"steps":20,"guidance":2.0,"start":0.3,"images_seen":1}"#;
        let file = |text: String| ModelFile { name: "config.json".into(), bytes: text.into_bytes(), sha256: None };
        let config = ModelConfig::read(&file(good.into()), &vocab).unwrap();
        assert_eq!((config.image, config.works_per_prompt, config.rgb_len()), ([64, 64], 4, 12_288));
        assert!(matches!(&config.network, NetworkSizes::Codes(sizes) if sizes.patches() == 64));
        let pixels = r#"{"architecture":"x","steps":16,"guidance":2.0,"start":0.0,"network":{"side":32,"patch":8,"width":16,
            "depth":2,"heads":2,"hidden":24,"local":8,"head":20,"text_slots":3,"works":2,"vocabulary":6}}"#;
        let config = ModelConfig::read(&file(pixels.into()), &vocab).unwrap();
        assert_eq!((config.image, config.works_per_prompt), ([32, 32], 2));
        assert!(ModelConfig::read(&file(pixels.replace("\"patch\":8", "\"patch\":7")), &vocab).is_err());
        assert_eq!(config.styles, ["fluent"]);
        for (from, to) in
            [("\"heads\":3", "\"heads\":0"), ("\"heads\":3", "\"heads\":5"), ("[64,64]", "[64,32]"), ("0.3", "0.99"), ("}", "")]
        {
            let said = ModelConfig::read(&file(good.replace(from, to)), &vocab).unwrap_err().to_string();
            assert!(said.contains("config.json"), "{said}");
        }
    }
}
