//! Provenance: what a picture asserts about itself, who signed it, and whether a file is what it claims.
//!
//! Bytes in, verdict out, over the C2PA engine (Content Credentials, claim version 2): our own certificate authority, the claim of an
//! image, the signed model card, signing, and checking files from anywhere. It is not the log, not a store and not a door: no files, no
//! network, no clock and no chance of its own. It may import the ground rooms and touch the crates c2pa, x509-cert, p384,
//! ed25519-dalek, cms, der and image.
//!
//! ```text
//! pki          root P-384 → issuing P-384 → Ed25519 leaf; the parts a caller stores
//! claim        what we assert of an image, as plain structs
//! manifest     the claim as C2PA assertions and ingredients, and back again
//! model_card   a small signed picture that speaks for the model; each image's first ingredient
//! encode       RGB pixels ⇄ PNG, JPEG, WebP
//! container    the outline of a file, read before anything is decoded
//! reading      a picture somebody hands in, upright, or why it can't be taken
//! fingerprint  perceptual hash, 16×16 thumbnail, distances
//! sign         claim and picture → signed file, read back before it is handed out
//! soft_binding what leads from a picture without credentials back to them; the manifest's name
//! xmp          the same for tools that read no Content Credentials
//! mining       opt-outs in other people's credentials
//! timestamp    the time-stamping authority (RFC 3161), and reading its tokens
//! trust        whose signatures count
//! verify       file → verdict
//! ```

pub mod claim;
pub mod container;
pub mod encode;
pub mod fingerprint;
pub mod identity;
pub mod manifest;
pub mod mining;
pub mod model_card;
pub mod pki;
pub mod reading;
pub mod sign;
pub mod soft_binding;
pub mod timestamp;
pub mod trust;
pub mod verdict;
pub mod verify;
pub mod xmp;

#[cfg(test)]
mod tests;

pub use claim::{
    AdapterClaim, AuthorshipClaim, DatasetCredit, Drawn, EditClaim, ImageClaim, InputClaim, LicenceCount, MakerClaim, Mining,
    ModelCard, ModelClaim, ParentClaim, PromptClaim, Replay, Software, StartWork, WorkCredit,
};
pub use encode::{Format, PictureError, encode, encode_transparent, pixels_hash};
pub use fingerprint::{Fingerprint, PerceptualHash, Thumbnail, thumbnail_rms};
pub use identity::{Person, Signed, Standing};
pub use manifest::SignedClaim;
pub use model_card::model_card;
pub use pki::{PersonParts, Pki, PkiError, PkiParts};
pub use sign::{SignError, Signer, sign_image};
pub use timestamp::{Authority, StamperParts};
pub use trust::TrustAnchors;
pub use verdict::{Anchor, Finding, Kind, Likeness, Picture, Pixels, SignerName, Status, Verdict};
pub use verify::{Limits, verify};
