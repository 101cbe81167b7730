//! Whether two pictures show the same, and where.
//!
//! ```text
//! pdq    Meta's PDQ hash, bit for bit
//! iscc   ISO 24138 image code, by iscc-lib, from pixels prepared as its companion prepares them
//! view   the picture as it is compared: 32×32 cells of colour
//! align  one view laid over another: the map between them, and how much of it matches, part by part
//! scan   the nearest of a million rows, exactly
//! ```
//!
//! PDQ and ISCC are what others use, and find recompressed and resized copies. Neither finds a crop of 5 %, a frame or a mirrored copy;
//! `align` does. No I/O, no state: bytes in, numbers out.

pub mod align;
pub mod iscc;
pub mod pdq;
pub mod scan;
pub mod view;

pub use align::{CELLS, Likeness, Map, Prepared, Query, compare};
pub use iscc::Iscc;
pub use pdq::{Pdq, PerceptualHash256};
pub use view::View;

/// Not `width × height × 3` bytes, or no pixels at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{width}`×`{height}` pixels need {} bytes of RGB, at least one pixel: there are `{len}`", u64::from(*width) * u64::from(*height) * 3)]
pub struct SizeError {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Bytes given.
    pub len: usize,
}

fn check_size(rgb: &[u8], width: u32, height: u32) -> Result<(), SizeError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels > 0 && pixels.checked_mul(3) == Some(rgb.len() as u64) {
        Ok(())
    } else {
        Err(SizeError { width, height, len: rgb.len() })
    }
}

/// Runs plain loops compiled for the processor at hand (AVX-512, AVX2 or what there is).
#[inline(always)]
fn vectorised<T>(loops: impl FnOnce() -> T) -> T {
    struct Loops<F>(F);
    impl<T, F: FnOnce() -> T> pulp::WithSimd for Loops<F> {
        type Output = T;
        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _: S) -> T {
            (self.0)()
        }
    }
    pulp::Arch::new().dispatch(Loops(loops))
}
