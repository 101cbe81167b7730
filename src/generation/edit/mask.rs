//! Masks: which pixels of a picture are meant.

/// One byte a pixel, rows from the top: 128 and above is covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// `width × height` bytes.
    pub bytes: Vec<u8>,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl Mask {
    /// One that covers nothing.
    pub fn empty(width: u32, height: u32) -> Self {
        Self { bytes: vec![0; width as usize * height as usize], width, height }
    }

    /// By pixels: what is transparent is covered; where nothing is, what is bright. Colours are three bytes a pixel.
    pub fn of_picture(rgb: &[u8], alpha: Option<&[u8]>, width: u32, height: u32) -> Self {
        let bytes = match alpha {
            Some(alpha) => alpha.iter().map(|a| 255 - a).collect(),
            None => rgb.as_chunks::<3>().0.iter().map(|p| luma(*p)).collect(),
        };
        Self { bytes, width, height }
    }

    /// Whether the pixel at `at` is covered.
    pub fn covers(&self, at: usize) -> bool {
        self.bytes.get(at).is_some_and(|byte| *byte >= 128)
    }

    /// How many pixels are covered.
    pub fn count(&self) -> usize {
        self.bytes.iter().filter(|byte| **byte >= 128).count()
    }

    /// The share of the picture that is covered, 0 to 1.
    pub fn share(&self) -> f64 {
        self.count() as f64 / self.bytes.len().max(1) as f64
    }

    /// The smallest rectangle around what is covered: left, top, width, height. None where nothing is.
    pub fn bounds(&self) -> Option<[u32; 4]> {
        let width = self.width.max(1);
        let covered = (0u32..).zip(&self.bytes).filter(|(_, byte)| **byte >= 128).map(|(at, _)| [at % width, at / width]);
        let mut edges: Option<[u32; 4]> = None;
        for [x, y] in covered {
            edges = Some(match edges {
                None => [x, y, x, y],
                Some([left, top, right, bottom]) => [left.min(x), top.min(y), right.max(x), bottom.max(y)],
            });
        }
        edges.map(|[left, top, right, bottom]| [left, top, right - left + 1, bottom - top + 1])
    }
}

/// Brightness of a colour (ITU-R BT.601), 0 to 255.
pub(super) fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b) + 500) / 1000) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparent_or_white_is_covered() {
        let rgb = [255, 255, 255, 0, 0, 0, 128, 128, 128];
        let by_light = Mask::of_picture(&rgb, None, 3, 1);
        assert_eq!((by_light.covers(0), by_light.covers(1), by_light.covers(2), by_light.covers(3)), (true, false, true, false));
        let by_alpha = Mask::of_picture(&rgb, Some(&[255, 0, 200]), 3, 1);
        assert_eq!((by_alpha.covers(0), by_alpha.covers(1), by_alpha.covers(2)), (false, true, false));
        assert_eq!(by_alpha.count(), 1);
    }

    #[test]
    fn bounds_and_share() {
        let mut mask = Mask::empty(4, 3);
        assert_eq!((mask.bounds(), mask.share()), (None, 0.0));
        for at in [5, 10] {
            mask.bytes[at] = 255;
        }
        assert_eq!(mask.bounds(), Some([1, 1, 2, 2]));
        assert!((mask.share() - 2.0 / 12.0).abs() < 1e-12);
    }
}
