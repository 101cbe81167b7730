//! The model card as a small signed picture: a mark drawn from the hash of the weights, with credentials of its own that name datasets,
//! licences and limits. It is the first ingredient of every image, so that a viewer can follow the image to the model and on. Not the
//! registry's card file: only what that file says, signed.

use super::claim::ModelCard;
use super::encode::{Format, encode};
use super::fingerprint::THUMBNAIL_SIDE;
use super::manifest::card_definition;
use super::sign::{SignError, Signer};
use crate::digest::Sha256Hash;

/// Pixels along each side of the mark.
const SIDE: u32 = 96;
/// Cells along each side of the figure, and pixels along a cell: a figure of 80 pixels in a margin of 8.
const CELLS: u32 = 5;
const CELL: u32 = THUMBNAIL_SIDE as u32;
const MARGIN: u32 = (SIDE - CELLS * CELL) / 2;
/// Paper.
const PAPER: [u8; 3] = [250, 246, 238];

/// Draws and signs a card: a PNG of 96×96 pixels. It is signed by the leaf of today, so make it anew whenever the leaf is renewed: an
/// image whose card has expired is refused.
pub fn model_card(signer: &Signer, card: &ModelCard) -> Result<Vec<u8>, SignError> {
    let picture = encode(&mark(&card.model.weights_sha256), SIDE, SIDE, Format::Png)?;
    signer.sign_definition(card_definition(card, Format::Png), Format::Png, &picture, None, |_| Ok(()))
}

/// A symmetric figure of 5×5 cells: the first bits of the hash say which are inked, its last bytes with what.
fn mark(weights: &Sha256Hash) -> Vec<u8> {
    let bytes = weights.0;
    let ink = [bytes[29] / 3, bytes[30] / 3, bytes[31] / 2];
    let inked = |column: u32, row: u32| {
        let folded = column.min(CELLS - 1 - column);
        let bit = (row * CELLS.div_ceil(2) + folded) as usize;
        bytes[bit / 8] >> (bit % 8) & 1 == 1
    };
    let mut rgb = Vec::with_capacity((SIDE * SIDE * 3) as usize);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let cell = |v: u32| v.checked_sub(MARGIN).map(|v| v / CELL).filter(|c| *c < CELLS);
            let on = cell(x).zip(cell(y)).is_some_and(|(column, row)| inked(column, row));
            rgb.extend(if on { ink } else { PAPER });
        }
    }
    rgb
}
