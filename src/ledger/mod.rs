//! The ledger: statements, the Merkle tree over them, and the proofs that other people's tools accept.
//!
//! Bytes and Merkle mathematics only. It is not a store, a clock or a server: it takes bytes, keys and hashes and gives back
//! bytes, hashes and verdicts, without I/O. It may import ground and nothing else of ours.
//!
//! Formats: DSSE and in-toto Statement v1 ([`statement`]; [`keyring`] knows whose signatures one needs), RFC 8785 ([`canonical`]), RFC 6962 hashing ([`hash`], [`tree`],
//! [`proof`]), and from C2SP: tlog-tiles ([`tile`], [`tile_reader`]), signed-note ([`note`], [`vkey`]), tlog-checkpoint
//! ([`checkpoint`]), tlog-cosignature ([`vkey`]), tlog-witness ([`witness`]), tlog-policy ([`witness_policy`]) and tlog-proof
//! ([`receipt`]). [`sequence`] is the one pure step by which a log grows; [`fsck`] rebuilds a whole log and
//! compares.

pub mod canonical;
pub mod checkpoint;
pub mod fsck;
pub mod hash;
pub mod keyring;
pub mod note;
pub mod proof;
pub mod receipt;
pub mod sequence;
pub mod statement;
pub mod tile;
pub mod tile_reader;
pub mod tree;
pub mod vkey;
pub mod witness;
pub mod witness_policy;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod hardening;

pub use checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
pub use hash::{EMPTY_ROOT, NodeHash, leaf_hash, node_hash};
pub use keyring::{Keyring, KeyringError};
pub use note::{Note, NoteError, NoteSignature};
pub use proof::{HashSource, ProofError};
pub use receipt::{Receipt, ReceiptError};
pub use sequence::{ChangedTile, Head, Integration};
pub use statement::{Ed25519Signer, Envelope, MAX_ENTRY, Statement, StatementError, StatementSigner, Subject};
pub use tile::{TileLevel, TilePath};
pub use tile_reader::{SourceError, TileReader, TileSet, TileSource};
pub use tree::Frontier;
pub use vkey::{Cosigner, KeyType, Signer, Verifier};
pub use witness::{Cosigned, Refusal, Witness, WitnessAnswer, WitnessError, WitnessRequest};
pub use witness_policy::{PolicyError, PolicyUnmet, WitnessPolicy};
