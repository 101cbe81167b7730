//! The picture as it is compared: 32×32 cells of colour, whatever its size and shape were.

use std::fmt;

use super::{SizeError, check_size};

/// Side of a view, in cells.
pub const SIDE: usize = 32;
/// Bytes of a view.
pub const LENGTH: usize = SIDE * SIDE * 3;

/// 32×32 RGB, 8 bits each, row by row: each cell the average of its part of the picture.
#[derive(Clone, PartialEq, Eq)]
pub struct View(Box<[u8]>);

impl View {
    /// Of RGB pixels, 8 bits each, row by row, upright, with nothing transparent.
    pub fn of_rgb(rgb: &[u8], width: u32, height: u32) -> Result<Self, SizeError> {
        Ok(Self(shrunken(rgb, width, height, SIDE)?.into_boxed_slice()))
    }

    /// From stored bytes: exactly [`LENGTH`].
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == LENGTH).then(|| Self(bytes.into()))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("View(32×32)")
    }
}

/// Averages RGB pixels onto `side × side` cells, each pixel weighted by how much of it lies in the cell, with `fraction` bits behind the
/// point. Along each axis pixel `x` of `w` covers `[x·n, (x+1)·n)` and cell `i` covers `[i·w, (i+1)·w)`, so all weights are whole and every
/// machine gives the same numbers.
pub fn averages(rgb: &[u8], width: u32, height: u32, side: usize, fraction: u32) -> Result<Vec<u32>, SizeError> {
    check_size(rgb, width, height)?;
    let (w, h, n) = (width as usize, height as usize, side);
    let columns: Vec<(usize, usize, u64)> =
        (0..w).flat_map(|x| overlaps(x, w, n).map(move |(i, weight)| (x, i, weight))).collect();
    let mut sums = vec![0u64; n * n * 3];
    let mut row_sums = vec![0u64; n * 3];
    for (y, row) in rgb.chunks_exact(w * 3).enumerate() {
        row_sums.fill(0);
        for &(x, i, weight) in &columns {
            for channel in 0..3 {
                row_sums[i * 3 + channel] += weight * u64::from(row[x * 3 + channel]);
            }
        }
        for (j, weight) in overlaps(y, h, n) {
            for (sum, part) in sums[j * n * 3..(j + 1) * n * 3].iter_mut().zip(&row_sums) {
                *sum += weight * part;
            }
        }
    }
    let area = (w * h) as u64;
    // INVARIANT: an average of bytes is below 256, so 24 bits of fraction would fit.
    Ok(sums.iter().map(|sum| ((sum * (1 << fraction) + area / 2) / area) as u32).collect())
}

/// The same in bytes.
pub fn shrunken(rgb: &[u8], width: u32, height: u32, side: usize) -> Result<Vec<u8>, SizeError> {
    Ok(averages(rgb, width, height, side, 0)?.into_iter().map(|cell| cell as u8).collect())
}

/// The cells that pixel `x` of `w` touches, with weights that sum to `n`.
fn overlaps(x: usize, w: usize, n: usize) -> impl Iterator<Item = (usize, u64)> {
    let (from, to) = (x * n, (x + 1) * n);
    (from / w..=(to - 1) / w).map(move |i| (i, (to.min((i + 1) * w) - from.max(i * w)) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_block_averages() {
        let rgb: Vec<u8> = (0..64 * 96).flat_map(|i| [(i % 64 / 2 * 7) as u8, (i / 64 / 3 * 7) as u8, 9]).collect();
        let view = View::of_rgb(&rgb, 64, 96).unwrap();
        for (i, cell) in view.bytes().chunks_exact(3).enumerate() {
            assert_eq!(cell, [(i % 32 * 7) as u8, (i / 32 * 7) as u8, 9]);
        }
        assert_eq!(View::from_slice(view.bytes()), Some(view));
        assert_eq!(View::from_slice(&[0; 5]), None);
    }

    #[test]
    fn any_size_has_a_view() {
        for (w, h) in [(1u32, 1u32), (1, 5_000), (65_535, 1), (31, 33), (7, 900)] {
            let view = View::of_rgb(&[10, 200, 30].repeat((w * h) as usize), w, h).unwrap();
            assert!(view.bytes().as_chunks::<3>().0.iter().all(|p| *p == [10, 200, 30]), "{w}×{h}");
        }
        assert!(View::of_rgb(&[0; 11], 2, 2).is_err());
        assert!(View::of_rgb(&[], 0, 0).is_err());
    }
}
