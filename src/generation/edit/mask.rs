//! Masks: which pixels of a picture are meant.

/// One byte a pixel, rows from the top: 255 is to be filled, 0 is kept; 128 and above counts as covered.
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

    /// One that covers the pixels for which `covered` holds, in rows from the top.
    pub(in crate::generation) fn of(width: usize, height: usize, covered: impl Iterator<Item = bool>) -> Self {
        let mut bytes: Vec<u8> = covered.take(width * height).map(|on| if on { 255 } else { 0 }).collect();
        bytes.resize(width * height, 0);
        Self { bytes, width: width as u32, height: height as u32 }
    }

    /// By pixels: what is transparent is covered; where nothing is, what is bright. Colours are three bytes a pixel.
    pub fn of_picture(rgb: &[u8], alpha: Option<&[u8]>, width: u32, height: u32) -> Self {
        let bytes = match alpha {
            Some(alpha) => alpha.iter().map(|a| 255 - a).collect(),
            None => rgb.as_chunks::<3>().0.iter().map(|p| luma(*p)).collect(),
        };
        Self { bytes, width, height }
    }

    /// Whether pixel `at`, counted in rows from the top, is covered; none beyond the end is.
    pub fn covers(&self, at: usize) -> bool {
        self.bytes.get(at).is_some_and(|byte| *byte >= 128)
    }

    /// How many pixels are covered.
    pub fn count(&self) -> usize {
        self.bytes.iter().filter(|byte| **byte >= 128).count()
    }

    /// The share of the picture that is covered, 0 to 1.
    pub fn area(&self) -> f64 {
        self.count() as f64 / self.bytes.len().max(1) as f64
    }

    /// What this one does not cover.
    #[must_use]
    pub fn inverted(&self) -> Self {
        Self { bytes: self.bytes.iter().map(|byte| 255 - byte).collect(), ..*self }
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

    /// What either covers; of another size, `other` adds nothing.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        if (self.width, self.height) == (other.width, other.height) {
            all.bytes.iter_mut().zip(&other.bytes).for_each(|(mine, theirs)| *mine = (*mine).max(*theirs));
        }
        all
    }

    /// The area both cover over the area either covers (Jaccard's index), 0 to 1; 1 where neither covers anything.
    pub fn iou(&self, other: &Self) -> f64 {
        let on = |byte: &u8| *byte >= 128;
        let pairs = || self.bytes.iter().map(on).zip(other.bytes.iter().map(on));
        let both = pairs().filter(|(mine, theirs)| *mine && *theirs).count();
        match pairs().filter(|(mine, theirs)| *mine || *theirs).count() {
            0 => 1.0,
            either => both as f64 / either as f64,
        }
    }

    /// Grown by a disc of so many pixels' radius.
    #[must_use]
    pub fn dilate(&self, pixels: u32) -> Self {
        let covered: Vec<bool> = self.bytes.iter().map(|byte| *byte >= 128).collect();
        let far = distances(&covered, self.width as usize, self.height as usize);
        let most = pixels as f32 + 0.5;
        Self::of(self.width as usize, self.height as usize, far.iter().map(|d| *d <= most))
    }
}

/// Brightness of a colour (ITU-R BT.601), 0 to 255.
pub(super) fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b) + 500) / 1000) as u8
}

/// How far each pixel lies from the nearest for which `to` holds, in pixels, within 8 %: 0 there, and very much where none is
/// (Borgefors 1986, the 3-4 chamfer over 3).
pub(in crate::generation) fn distances(to: &[bool], width: usize, height: usize) -> Vec<f32> {
    let mut far: Vec<f32> = to.iter().map(|on| if *on { 0.0 } else { 1e9 }).collect();
    if width == 0 || height == 0 || to.len() != width * height {
        return far;
    }
    let (side, corner) = (1.0, 4.0 / 3.0);
    for y in 0..height {
        for x in 0..width {
            let at = y * width + x;
            let mut least = far[at];
            if x > 0 {
                least = least.min(far[at - 1] + side);
            }
            if y > 0 {
                least = least.min(far[at - width] + side);
                if x > 0 {
                    least = least.min(far[at - width - 1] + corner);
                }
                if x + 1 < width {
                    least = least.min(far[at - width + 1] + corner);
                }
            }
            far[at] = least;
        }
    }
    for y in (0..height).rev() {
        for x in (0..width).rev() {
            let at = y * width + x;
            let mut least = far[at];
            if x + 1 < width {
                least = least.min(far[at + 1] + side);
            }
            if y + 1 < height {
                least = least.min(far[at + width] + side);
                if x > 0 {
                    least = least.min(far[at + width - 1] + corner);
                }
                if x + 1 < width {
                    least = least.min(far[at + width + 1] + corner);
                }
            }
            far[at] = least;
        }
    }
    far
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(width: u32, height: u32, at: &[usize]) -> Mask {
        let mut mask = Mask::empty(width, height);
        at.iter().for_each(|at| mask.bytes[*at] = 255);
        mask
    }

    #[test]
    fn areas_unions_and_overlaps() {
        let (a, b) = (dot(4, 4, &[0, 1]), dot(4, 4, &[1, 2]));
        assert_eq!((a.area(), a.count(), a.covers(1), a.covers(99)), (2.0 / 16.0, 2, true, false));
        assert_eq!(a.union(&b), dot(4, 4, &[0, 1, 2]));
        assert!((a.iou(&b) - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!((Mask::empty(4, 4).iou(&Mask::empty(4, 4)), a.iou(&Mask::empty(4, 4))), (1.0, 0.0));
        assert_eq!(a.union(&Mask::empty(1, 1)), a, "another size adds nothing");
        assert_eq!(Mask::empty(0, 0).area(), 0.0);
    }

    #[test]
    fn dilation_is_a_disc() {
        let grown = dot(9, 9, &[40]).dilate(2);
        assert_eq!(grown.count(), 13 + 8, "a disc of radius 2 in the chamfer's measure");
        assert!(grown.covers(40 + 2) && grown.covers(40 - 18) && !grown.covers(40 + 3) && !grown.covers(40 + 20));
        assert_eq!(dot(9, 9, &[40]).dilate(0), dot(9, 9, &[40]));
        assert_eq!(Mask::empty(9, 9).dilate(3).count(), 0);
    }

    #[test]
    fn distances_are_near_the_true_ones() {
        let mut to = vec![false; 900];
        to[15 * 30 + 15] = true;
        for (at, far) in distances(&to, 30, 30).iter().enumerate() {
            let (dx, dy) = ((at % 30) as f32 - 15.0, (at / 30) as f32 - 15.0);
            assert!((far - dx.hypot(dy)).abs() <= 0.08 * dx.hypot(dy) + 1e-3, "{at}: {far}");
        }
    }

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
        assert_eq!((mask.bounds(), mask.area()), (None, 0.0));
        for at in [5, 10] {
            mask.bytes[at] = 255;
        }
        assert_eq!(mask.bounds(), Some([1, 1, 2, 2]));
        assert!((mask.area() - 2.0 / 12.0).abs() < 1e-12);
    }
}
