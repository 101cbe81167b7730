//! Pictures in few colours: a palette by median cut (Heckbert 1982), settled by a few rounds of k-means. Flat drawings lose nothing that
//! an eye finds, and take half the room. Whole numbers only, so the same picture gives the same palette everywhere.

use std::collections::BTreeMap;

/// Rounds of k-means after the cut.
const ROUNDS: usize = 4;

/// A picture as a palette and one index for each pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed {
    /// Red, green, blue for each entry.
    pub palette: Vec<[u8; 3]>,
    /// Rows from the top.
    pub pixels: Vec<u8>,
}

type Counted = ([u8; 3], u64);

/// Reduces RGB bytes to at most `most` colours (1 to 256). White paper stays white.
pub fn reduce(rgb: &[u8], most: usize) -> Indexed {
    let mut counts: BTreeMap<[u8; 3], u64> = BTreeMap::new();
    for pixel in rgb.as_chunks::<3>().0 {
        *counts.entry(*pixel).or_default() += 1;
    }
    let colours: Vec<Counted> = counts.into_iter().collect();
    let mut palette: Vec<[u8; 3]> = if colours.len() <= most {
        colours.iter().map(|(colour, _)| *colour).collect()
    } else {
        let mut palette = cut(colours.clone(), most);
        for _ in 0..ROUNDS {
            palette = settle(&colours, &palette);
        }
        palette
    };
    // What is nearly paper is paper.
    if let Some(white) = palette.iter_mut().max_by_key(|c| c.iter().map(|&x| u32::from(x)).sum::<u32>())
        && white.iter().all(|&x| x > 250)
    {
        *white = [255; 3];
    }
    palette.sort_unstable();
    palette.dedup();
    let place: BTreeMap<[u8; 3], u8> = colours.iter().map(|(colour, _)| (*colour, nearest(&palette, colour) as u8)).collect();
    Indexed { pixels: rgb.as_chunks::<3>().0.iter().map(|pixel| place[pixel]).collect(), palette }
}

fn distance(a: &[u8; 3], b: &[u8; 3]) -> u32 {
    a.iter().zip(b).map(|(&x, &y)| u32::from(x.abs_diff(y)).pow(2)).sum()
}

fn nearest(palette: &[[u8; 3]], colour: &[u8; 3]) -> usize {
    (0..palette.len()).min_by_key(|&i| distance(&palette[i], colour)).unwrap_or(0)
}

/// Parts the box of greatest summed spread in the middle of its longest side, until there are `most` boxes.
fn cut(colours: Vec<Counted>, most: usize) -> Vec<[u8; 3]> {
    let mut boxes = vec![colours];
    while boxes.len() < most {
        let spread = |b: &Vec<Counted>| -> (u64, usize) {
            let weight: u64 = b.iter().map(|(_, n)| n).sum();
            let (axis, length) = (0..3)
                .map(|axis| {
                    let side = b.iter().map(|(c, _)| c[axis]);
                    (axis, u64::from(side.clone().max().unwrap_or(0) - side.min().unwrap_or(0)))
                })
                .max_by_key(|(_, length)| *length)
                .unwrap_or((0, 0));
            // Large areas matter, but a rare colour far from all others is a detail that must not be lost.
            (length * length * (1 + weight.isqrt()), axis)
        };
        let Some((at, (_, axis))) = boxes
            .iter()
            .enumerate()
            .filter(|(_, b)| b.len() > 1)
            .map(|(i, b)| (i, spread(b)))
            .max_by_key(|(_, (spread, _))| *spread)
        else {
            break;
        };
        let mut whole = boxes.swap_remove(at);
        whole.sort_unstable_by_key(|(c, _)| (c[axis], *c));
        let (low, high) = (whole[0].0[axis], whole[whole.len() - 1].0[axis]);
        let middle = low.midpoint(high);
        let split = whole.partition_point(|(c, _)| c[axis] <= middle).clamp(1, whole.len() - 1);
        let upper = whole.split_off(split);
        boxes.extend([whole, upper]);
    }
    boxes.iter().map(|b| mean(b.iter())).collect()
}

fn mean<'a>(colours: impl Iterator<Item = &'a Counted>) -> [u8; 3] {
    let (mut sum, mut weight) = ([0u64; 3], 0u64);
    for (colour, count) in colours {
        weight += count;
        (0..3).for_each(|axis| sum[axis] += u64::from(colour[axis]) * count);
    }
    sum.map(|s| ((s + weight / 2) / weight.max(1)) as u8)
}

fn settle(colours: &[Counted], palette: &[[u8; 3]]) -> Vec<[u8; 3]> {
    let mut groups: Vec<Vec<Counted>> = vec![Vec::new(); palette.len()];
    for counted in colours {
        groups[nearest(palette, &counted.0)].push(*counted);
    }
    let moved = groups.iter().zip(palette).map(|(group, old)| if group.is_empty() { *old } else { mean(group.iter()) });
    moved.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_stay_as_they_are() {
        let rgb = [[255, 255, 255], [200, 10, 10], [0, 0, 0], [255, 255, 255]].concat();
        let indexed = reduce(&rgb, 64);
        let back: Vec<u8> = indexed.pixels.iter().flat_map(|&i| indexed.palette[i as usize]).collect();
        assert_eq!(back, rgb);
    }

    #[test]
    fn many_are_reduced_with_a_small_error_and_paper_stays_white() {
        let mut rgb = vec![255u8; 64 * 16 * 3];
        for i in 0..64 * 48 {
            rgb.extend([(i % 256) as u8, (i / 16) as u8, 90]);
        }
        let indexed = reduce(&rgb, 64);
        assert!(indexed.palette.len() <= 64 && indexed.palette.contains(&[255; 3]));
        let back: Vec<u8> = indexed.pixels.iter().flat_map(|&i| indexed.palette[i as usize]).collect();
        let square: f64 = rgb.iter().zip(&back).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum::<f64>() / rgb.len() as f64;
        assert!(square.sqrt() < 12.0, "{}", square.sqrt());
        assert_eq!(back[..3], [255; 3]);
        assert_eq!(indexed, reduce(&rgb, 64));
    }
}
