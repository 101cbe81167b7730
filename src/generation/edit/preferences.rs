//! What a creator's works have in common: palette, lightness, chroma, warmth, contrast.

use serde::{Deserialize, Serialize};

use super::oklab::plane;
use super::palette::{Counting, Swatch, distance};
use super::paper::paper;
use crate::generation::backend::Picture;

/// The warm direction of OKLab's colour plane: orange, at 60 degrees of hue.
pub(super) const WARM: [f32; 2] = [0.5, 0.866_025_4];

/// The profile of works. Means over pixels (paper left out) and then over works, so that a large work counts no more than a small
/// one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preferences {
    /// The works' colours, the largest share first.
    pub palette: Vec<Swatch>,
    /// Mean lightness in OKLab, 0 (black) to 1 (white).
    pub lightness: f32,
    /// Mean chroma in OKLab, 0 (grey) to about 0.3.
    pub chroma: f32,
    /// Mean distance towards orange in OKLab, about -0.2 (blue) to 0.2.
    pub warmth: f32,
    /// Standard deviation of lightness, 0 (none) to 0.5 (black and white).
    pub contrast: f32,
}

impl Preferences {
    /// Of these works; `None` where there is no pixel.
    pub fn of(pictures: &[&Picture], counting: &Counting) -> Option<Self> {
        let works: Vec<[f64; 4]> = pictures.iter().filter_map(|picture| measures(picture)).collect();
        let mean = |i: usize| (works.iter().map(|work| work[i]).sum::<f64>() / works.len() as f64) as f32;
        (!works.is_empty()).then(|| Self {
            palette: counting.palette_of_many(pictures),
            lightness: mean(0),
            chroma: mean(1),
            warmth: mean(2),
            contrast: mean(3),
        })
    }

    /// How far two profiles are apart, 0 for the same: the palettes' distance and the differences of the four means, none of
    /// which is left to outweigh the palettes.
    pub fn distance(&self, other: &Self) -> f32 {
        let means = [
            self.lightness - other.lightness,
            self.chroma - other.chroma,
            self.warmth - other.warmth,
            self.contrast - other.contrast,
        ];
        distance(&self.palette, &other.palette) + 0.5 * means.iter().map(|x| x * x).sum::<f32>().sqrt()
    }
}

/// Mean lightness, chroma, warmth, and contrast of one work.
fn measures(picture: &Picture) -> Option<[f64; 4]> {
    let (mut sums, mut square, mut count) = ([0.0f64; 3], 0.0f64, 0u64);
    let paper = paper(picture);
    let all_paper = paper.iter().all(|paper| *paper);
    for ([lightness, a, b], _) in plane(picture).into_iter().zip(&paper).filter(|(_, paper)| all_paper || !**paper) {
        let values = [lightness, a.hypot(b), a * WARM[0] + b * WARM[1]];
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(value));
        square += f64::from(lightness).powi(2);
        count += 1;
    }
    let mean = |sum: f64| sum / count as f64;
    let [lightness, chroma, warmth] = sums.map(mean);
    (count > 0).then(|| [lightness, chroma, warmth, (mean(square) - lightness * lightness).max(0.0).sqrt()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn striped(colours: &[[u8; 3]], side: usize) -> Picture {
        let pixel = |i: usize| colours[i % side * colours.len() / side];
        Picture { rgb: (0..side * side).flat_map(pixel).collect(), width: side as u32, height: side as u32 }
    }

    #[test]
    fn works_give_a_profile() {
        let warm = striped(&[[240, 140, 30], [200, 60, 20]], 24);
        let cold = striped(&[[20, 60, 200], [40, 160, 230]], 48);
        let of = |pictures: &[&Picture]| Preferences::of(pictures, &Counting::default()).unwrap();
        let (x, y, both) = (of(&[&warm]), of(&[&cold]), of(&[&warm, &cold]));
        assert!(x.warmth > 0.1 && y.warmth < -0.1, "{x:?} {y:?}");
        // Each work counts the same, whatever its size.
        assert!((both.warmth - (x.warmth + y.warmth) / 2.0).abs() < 1e-5);
        assert_eq!((both.palette.len(), x.palette.len()), (4, 2));
        assert!(both.palette.iter().all(|swatch| (swatch.share - 0.25).abs() < 0.02), "{both:?}");
        assert!(x.distance(&y) > 0.3 && x.distance(&x) < 1e-6 && x.distance(&both) < x.distance(&y));
        let contrast = of(&[&striped(&[[0; 3], [255, 255, 0]], 10)]).contrast;
        assert!(contrast > 0.4, "{contrast}");
        assert_eq!(Preferences::of(&[], &Counting::default()), None);
        assert!(Preferences::of(&[&Picture { rgb: vec![255; 3], width: 1, height: 1 }], &Counting::default()).is_some());
    }
}
