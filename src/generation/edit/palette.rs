//! Palettes: the colours of one picture or of many, how far two palettes are apart, and what a creator's works have in common.
//!
//! k-means (Lloyd 1982) begun by k-means++ (Arthur and Vassilvitskii 2007) on a histogram in OKLab. Seeded: the same pictures and
//! seed give the same palette.

use serde::{Deserialize, Serialize};

use super::oklab::{Lab, distance2, lab, rgb};
use super::paper::paper;
use crate::generation::backend::Picture;

/// How much more hue and chroma count than lightness when colours are gathered.
const HUE_COUNTS: f64 = 2.0;

/// Colours nearer than this (OKLab) are one.
const SAME: f32 = 0.035;

/// A colour of a palette.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Swatch {
    /// sRGB.
    pub rgb: [u8; 3],
    /// Its share of what was counted, 0 to 1; the shares of a palette sum to 1.
    pub share: f32,
}

/// A colour as `#` and six hexadecimal digits.
pub fn written([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// A colour as six hexadecimal digits, `#` before them or not.
pub fn read_colour(text: &str) -> Option<[u8; 3]> {
    let digits = text.trim().trim_start_matches('#');
    if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let [_, r, g, b] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some([r, g, b])
}

/// How to find a palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counting {
    /// Most colours, 3 to 8. There are fewer where the pictures have fewer.
    pub colours: usize,
    /// Chooses where to begin.
    pub seed: u64,
    /// Leaves out near-white paper that hangs together with the border.
    pub without_paper: bool,
}

impl Default for Counting {
    fn default() -> Self {
        Self { colours: 5, seed: 0, without_paper: true }
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct SplitMix(u64);

impl SplitMix {
    /// From 0 to below 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A kind of colour in a histogram: the mean and how much there is.
#[derive(Debug, Clone, Copy, Default)]
struct Kind {
    mean: [f64; 3],
    weight: f64,
}

impl Kind {
    fn add(&mut self, other: &Self) {
        let sum = self.weight + other.weight;
        if sum > 0.0 {
            let share = other.weight / sum;
            self.mean.iter_mut().zip(other.mean).for_each(|(mean, x)| *mean += (x - *mean) * share);
            self.weight = sum;
        }
    }

    fn apart(&self, [l, a, b]: [f64; 3]) -> f64 {
        let [x, y, z] = self.mean;
        (x - l).powi(2) + HUE_COUNTS * HUE_COUNTS * ((y - a).powi(2) + (z - b).powi(2))
    }

    fn lab(&self) -> Lab {
        self.mean.map(|x| x as f32)
    }
}

/// The kinds of colour in a picture, five bits a channel; the weights sum to 1. `counts` says which pixels do; all, when none
/// does.
fn histogram(picture: &Picture, counts: Option<&[bool]>) -> Vec<Kind> {
    let pixels = picture.rgb.as_chunks::<3>().0;
    let counts = counts.filter(|counts| counts.contains(&true));
    let mut bins = vec![([0u64; 3], 0u64); 1 << 15];
    for (i, pixel) in pixels.iter().enumerate() {
        if counts.is_none_or(|counts| counts.get(i) == Some(&true)) {
            let bin = pixel.iter().fold(0, |bin, byte| bin << 5 | usize::from(byte >> 3));
            bins[bin].0.iter_mut().zip(pixel).for_each(|(sum, &byte)| *sum += u64::from(byte));
            bins[bin].1 += 1;
        }
    }
    let total: u64 = bins.iter().map(|bin| bin.1).sum();
    let filled = bins.iter().filter(|bin| bin.1 > 0);
    filled
        .map(|(sum, count)| {
            let mean = sum.map(|sum| ((sum + count / 2) / count) as u8);
            Kind { mean: lab(mean).map(f64::from), weight: *count as f64 / total as f64 }
        })
        .collect()
}

impl Counting {
    /// What is wrong with it, if anything.
    pub fn fault(&self) -> Option<String> {
        (!(3..=8).contains(&self.colours)).then(|| format!("colours is {}: it must be from 3 to 8", self.colours))
    }

    /// The palette of a picture, the largest share first; none where there are no pixels.
    pub fn palette_of(&self, picture: &Picture) -> Vec<Swatch> {
        self.palette_of_many(&[picture])
    }

    /// The palette of many pictures, each counting the same whatever its size.
    pub fn palette_of_many(&self, pictures: &[&Picture]) -> Vec<Swatch> {
        let swatch = |(lab, share): (Lab, f32)| Swatch { rgb: rgb(lab), share };
        self.clusters(pictures).into_iter().map(swatch).collect()
    }

    /// The palette of the pixels of a picture that an alpha plane (one byte a pixel) shows at least half.
    pub fn palette_of_seen(&self, picture: &Picture, alpha: &[u8]) -> Vec<Swatch> {
        let seen: Vec<bool> = alpha.iter().map(|alpha| *alpha >= 128).collect();
        let swatch = |(lab, share): (Lab, f32)| Swatch { rgb: rgb(lab), share };
        self.gathered(&histogram(picture, Some(&seen))).into_iter().map(swatch).collect()
    }

    /// Centres in OKLab with their shares, the largest first.
    pub(super) fn clusters(&self, pictures: &[&Picture]) -> Vec<(Lab, f32)> {
        let mut kinds = Vec::new();
        for picture in pictures {
            let drawn: Option<Vec<bool>> = self.without_paper.then(|| paper(picture).iter().map(|paper| !paper).collect());
            kinds.extend(histogram(picture, drawn.as_deref()));
        }
        self.gathered(&kinds)
    }

    fn gathered(&self, kinds: &[Kind]) -> Vec<(Lab, f32)> {
        let mut chance = SplitMix(self.seed);
        let tries = (0..4).map(|_| lloyd(kinds, self.colours.clamp(1, 8), &mut chance));
        let Some((_, mut found)) = tries.min_by(|x, y| x.0.total_cmp(&y.0)) else { return Vec::new() };
        // The nearest two, as long as they are one colour to the eye.
        loop {
            let pairs = (0..found.len()).flat_map(|i| (i + 1..found.len()).map(move |j| (i, j)));
            let near = pairs.map(|(i, j)| (distance2(found[i].lab(), found[j].lab()), i, j)).min_by(|x, y| x.0.total_cmp(&y.0));
            match near {
                Some((apart, i, j)) if apart < SAME * SAME => {
                    let other = found.remove(j);
                    found[i].add(&other);
                }
                _ => break,
            }
        }
        found.sort_by(|x, y| y.weight.total_cmp(&x.weight).then(x.mean[0].total_cmp(&y.mean[0])));
        let total: f64 = found.iter().map(|kind| kind.weight).sum();
        found.iter().map(|kind| (kind.lab(), (kind.weight / total) as f32)).collect()
    }
}

/// One run of k-means: the mean square distance and the clusters. Rare kinds count a little more than their share (its power of
/// 3/4).
fn lloyd(kinds: &[Kind], most: usize, chance: &mut SplitMix) -> (f64, Vec<Kind>) {
    let weights: Vec<f64> = kinds.iter().map(|kind| kind.weight.powf(0.75)).collect();
    let mut centres: Vec<[f64; 3]> = Vec::new();
    let mut away: Vec<f64> = vec![1.0; kinds.len()];
    while centres.len() < most {
        let total: f64 = away.iter().zip(&weights).map(|(away, weight)| away * weight).sum();
        if total <= 1e-9 {
            break;
        }
        let mut left = chance.next() * total;
        let chosen = away.iter().zip(&weights).position(|(away, weight)| {
            left -= away * weight;
            left < 0.0
        });
        let Some(centre) = kinds.get(chosen.unwrap_or(0)).map(|kind| kind.mean) else { break };
        if centres.is_empty() {
            away.fill(f64::INFINITY);
        }
        away.iter_mut().zip(kinds).for_each(|(away, kind)| *away = away.min(kind.apart(centre)));
        centres.push(centre);
    }
    let nearest = |kind: &Kind, centres: &[[f64; 3]]| {
        let all = centres.iter().enumerate().map(|(i, &centre)| (kind.apart(centre), i));
        all.min_by(|x, y| x.0.total_cmp(&y.0)).unwrap_or((0.0, 0))
    };
    for _ in 0..16 {
        let mut sums = vec![Kind::default(); centres.len()];
        for (kind, &weight) in kinds.iter().zip(&weights) {
            if let Some(sum) = sums.get_mut(nearest(kind, &centres).1) {
                sum.add(&Kind { weight, ..*kind });
            }
        }
        centres.iter_mut().zip(&sums).filter(|(_, sum)| sum.weight > 0.0).for_each(|(centre, sum)| *centre = sum.mean);
    }
    let (mut found, mut error) = (vec![Kind::default(); centres.len()], 0.0);
    for (kind, weight) in kinds.iter().zip(&weights) {
        let (apart, i) = nearest(kind, &centres);
        error += apart * weight;
        if let Some(found) = found.get_mut(i) {
            found.add(kind);
        }
    }
    found.retain(|kind| kind.weight > 0.0);
    (error, found)
}

/// How far two palettes are apart: the least mean way in OKLab by which one's shares become the other's (earth mover's distance,
/// Rubner, Tomasi and Guibas 2000). 0 for the same, 1 for black and white; 1 where only one has colours.
pub fn distance(x: &[Swatch], y: &[Swatch]) -> f32 {
    let weights = |palette: &[Swatch]| -> Vec<f64> {
        let total: f64 = palette.iter().map(|swatch| f64::from(swatch.share.max(0.0))).sum();
        palette.iter().map(|swatch| if total > 0.0 { f64::from(swatch.share.max(0.0)) / total } else { 0.0 }).collect()
    };
    let (mut supply, mut demand) = (weights(x), weights(y));
    match (supply.iter().sum::<f64>() > 0.0, demand.iter().sum::<f64>() > 0.0) {
        (true, true) => {}
        (false, false) => return 0.0,
        _ => return 1.0,
    }
    let way = |i: usize, j: usize| f64::from(distance2(lab(x[i].rgb), lab(y[j].rgb)).sqrt());
    let ways: Vec<Vec<f64>> = (0..x.len()).map(|i| (0..y.len()).map(|j| way(i, j)).collect()).collect();
    let mut flow = vec![vec![0.0f64; y.len()]; x.len()];
    // Shortest augmenting paths (Bellman and Ford) over sources 0.., then targets.
    for _ in 0..16 * (x.len() + y.len()) {
        let mut cost: Vec<f64> = supply.iter().map(|&left| if left > 1e-9 { 0.0 } else { f64::INFINITY }).collect();
        cost.resize(x.len() + y.len(), f64::INFINITY);
        let mut from = vec![usize::MAX; x.len() + y.len()];
        for _ in 0..x.len() + y.len() {
            for i in 0..x.len() {
                for j in 0..y.len() {
                    let target = x.len() + j;
                    if cost[i] + ways[i][j] < cost[target] - 1e-12 {
                        (cost[target], from[target]) = (cost[i] + ways[i][j], i);
                    }
                    if flow[i][j] > 1e-12 && cost[target] - ways[i][j] < cost[i] - 1e-12 {
                        (cost[i], from[i]) = (cost[target] - ways[i][j], target);
                    }
                }
            }
        }
        let open = (0..y.len()).filter(|&j| demand[j] > 1e-9 && cost[x.len() + j].is_finite());
        let Some(end) = open.min_by(|&i, &j| cost[x.len() + i].total_cmp(&cost[x.len() + j])) else { break };
        let mut path = vec![x.len() + end];
        while let Some(&at) = path.last().filter(|&&at| from[at] != usize::MAX && path.len() <= from.len()) {
            path.push(from[at]);
        }
        let Some(&start) = path.last().filter(|&&start| start < x.len()) else { break };
        let mut amount = supply[start].min(demand[end]);
        for pair in path.windows(2) {
            if pair[0] < x.len() {
                amount = amount.min(flow[pair[0]][pair[1] - x.len()]);
            }
        }
        for pair in path.windows(2) {
            if pair[0] < x.len() {
                flow[pair[0]][pair[1] - x.len()] -= amount;
            } else {
                flow[pair[1]][pair[0] - x.len()] += amount;
            }
        }
        supply[start] -= amount;
        demand[end] -= amount;
    }
    flow.iter().zip(&ways).flat_map(|(flow, ways)| flow.iter().zip(ways)).map(|(flow, way)| flow * way).sum::<f64>() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of colours on white paper: `parts` of 100 rows each.
    fn blocks(parts: &[([u8; 3], usize)]) -> Picture {
        let mut rgb = Vec::new();
        for (colour, rows) in parts {
            for _ in 0..*rows {
                rgb.extend([[255u8; 3]; 20].iter().chain(&[*colour; 60]).chain(&[[255; 3]; 20]).flatten());
            }
        }
        Picture { height: (rgb.len() / 300) as u32, rgb, width: 100 }
    }

    #[test]
    fn colours_are_read_as_they_are_written() {
        assert_eq!(read_colour("#3366cc"), Some([0x33, 0x66, 0xcc]));
        assert_eq!(read_colour(&written([1, 2, 3])), Some([1, 2, 3]));
        for wrong in ["", "red", "#12345", "+12345", "é23456"] {
            assert_eq!(read_colour(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_palette_is_the_drawings_colours_in_order_without_the_paper() {
        let picture = blocks(&[([200, 30, 30], 50), ([30, 90, 200], 30), ([250, 220, 40], 20)]);
        let palette = Counting::default().palette_of(&picture);
        let rgb: Vec<[u8; 3]> = palette.iter().map(|swatch| swatch.rgb).collect();
        assert_eq!(rgb, [[200, 30, 30], [30, 90, 200], [250, 220, 40]]);
        assert!(palette.iter().zip([0.5, 0.3, 0.2]).all(|(swatch, share)| (swatch.share - share).abs() < 1e-3));
        let with = Counting { without_paper: false, ..Counting::default() }.palette_of(&picture);
        assert_eq!((with.len(), with[0].rgb), (4, [255; 3]));
        let alpha: Vec<u8> = (0..100 * 100).map(|i| if i / 100 < 50 { 255 } else { 0 }).collect();
        assert_eq!(Counting::default().palette_of_seen(&blocks(&[([200, 30, 30], 100)]), &alpha).len(), 2);
    }

    #[test]
    fn the_same_seed_gives_the_same_and_counts_are_kept() {
        let mut chance = SplitMix(3);
        let rgb: Vec<u8> = (0..40 * 40 * 3).map(|_| (chance.next() * 256.0) as u8).collect();
        let noise = Picture { rgb, width: 40, height: 40 };
        for colours in 3..=8 {
            let counting = Counting { colours, seed: 11, without_paper: true };
            let palette = counting.palette_of(&noise);
            assert_eq!((palette.len(), counting.palette_of(&noise)), (colours, palette.clone()));
            assert!((palette.iter().map(|swatch| swatch.share).sum::<f32>() - 1.0).abs() < 1e-4);
            assert!(palette.is_sorted_by(|x, y| x.share >= y.share));
        }
        assert!(Counting { colours: 2, ..Counting::default() }.fault().is_some_and(|fault| fault.starts_with("colours is 2")));
    }

    #[test]
    fn distance_is_the_least_way() {
        let swatch = |rgb: [u8; 3], share: f32| Swatch { rgb, share };
        let [black, white] = [[0; 3], [255; 3]];
        let grey = swatch([118; 3], 1.0);
        assert!((distance(&[swatch(black, 1.0)], &[swatch(white, 1.0)]) - 1.0).abs() < 1e-4);
        let half = [swatch(black, 0.5), swatch(white, 0.5)];
        assert!(distance(&half, &[swatch(white, 0.5), swatch(black, 0.5)]) < 1e-6);
        assert!((distance(&half, &[swatch(black, 0.25), swatch(white, 0.75)]) - 0.25).abs() < 1e-4);
        // Greedily the red would take the orange, and the way to the rest would be longer.
        let x = [swatch([255, 0, 0], 0.5), swatch([255, 140, 0], 0.5)];
        let y = [swatch([255, 140, 0], 0.5), swatch([255, 255, 0], 0.5)];
        let straight = (distance(&x[..1], &y[1..])).min(distance(&x[..1], &y[..1]) + distance(&x[1..], &y[1..])) / 2.0;
        assert!((distance(&x, &y) - straight).abs() < 1e-4 && (distance(&x, &y) - distance(&y, &x)).abs() < 1e-4);
        assert_eq!((distance(&[], &[]), distance(&[grey], &[])), (0.0, 1.0));
    }

    #[test]
    fn one_pixel_and_white_paper_have_a_palette() {
        let one = Picture { rgb: vec![9, 8, 7], width: 1, height: 1 };
        assert_eq!(Counting::default().palette_of(&one), [Swatch { rgb: [9, 8, 7], share: 1.0 }]);
        let sheet = Picture { rgb: vec![255; 30], width: 10, height: 1 };
        assert_eq!(Counting::default().palette_of(&sheet).len(), 1, "all paper: then it counts");
        assert!(Counting::default().palette_of_many(&[]).is_empty());
    }
}
