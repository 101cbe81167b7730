//! Unknown pixels from alike places of the picture. Patches that hold unknown pixels are each told from the patches most like
//! them that hold none, and where patches lie over each other, the surer counts for more.

use super::field::Field;
use super::fill::Settings;
use super::gauss::given;

/// Side of a patch, in pixels.
pub(super) const SIDE: usize = 8;
/// Pixels of a patch.
pub(super) const PIXELS: usize = SIDE * SIDE;
/// Numbers in a row of a patch.
const ROW: usize = 3 * SIDE;
/// Numbers in a patch.
const NUMBERS: usize = 3 * PIXELS;

/// A picture at one size, while it is being filled.
pub(super) struct Level {
    pub(super) field: Field,
    /// Known shares, 0 to 1: from a half on, a pixel is known.
    pub(super) known: Vec<f32>,
}

/// Where patches lie, by their upper left corners.
struct Grid {
    width: usize,
    across: usize,
    down: usize,
    /// Running sums of unknown pixels.
    sums: Vec<u32>,
}

impl Grid {
    /// None where the picture is smaller than a patch.
    fn of(level: &Level) -> Option<Self> {
        let (width, height) = (level.field.width, level.field.height);
        if width < SIDE || height < SIDE {
            return None;
        }
        let line = width + 1;
        let mut sums = vec![0u32; line * (height + 1)];
        for y in 0..height {
            let mut row = 0;
            for x in 0..width {
                row += u32::from(level.known[y * width + x] < 0.5);
                sums[(y + 1) * line + x + 1] = sums[y * line + x + 1] + row;
            }
        }
        Some(Self { width, across: width - SIDE + 1, down: height - SIDE + 1, sums })
    }

    /// Whether the patch at (x, y) holds an unknown pixel.
    fn lacks(&self, x: usize, y: usize) -> bool {
        let sum = |x: usize, y: usize| self.sums[y * (self.width + 1) + x];
        sum(x + SIDE, y + SIDE) + sum(x, y) > sum(x + SIDE, y) + sum(x, y + SIDE)
    }
}

/// The numbers of a patch.
fn patch(field: &Field, corner: usize) -> [f32; NUMBERS] {
    let mut out = [0.0; NUMBERS];
    for (row, to) in out.as_chunks_mut::<ROW>().0.iter_mut().enumerate() {
        let start = corner + row * field.width;
        if let Some(from) = field.values.get(start..start + SIDE) {
            to.copy_from_slice(from.as_flattened());
        }
    }
    out
}

/// The squared distance of a patch from that at `corner`, each number by its weight; infinite where half of it is more than
/// `most`.
fn distance(mine: &[f32; NUMBERS], weights: &[f32; NUMBERS], field: &Field, corner: usize, most: f32) -> f32 {
    let flat = field.values.as_flattened();
    let mut sums = [0.0f32; 8];
    for (row, (mine, weights)) in mine.as_chunks::<ROW>().0.iter().zip(weights.as_chunks::<ROW>().0).enumerate() {
        let start = 3 * (corner + row * field.width);
        let Some(theirs) = flat.get(start..start + ROW) else {
            return f32::INFINITY;
        };
        let eights = theirs.as_chunks::<8>().0.iter().zip(mine.as_chunks::<8>().0).zip(weights.as_chunks::<8>().0);
        for ((theirs, mine), weights) in eights {
            for i in 0..8 {
                let off = theirs[i] - mine[i];
                sums[i] += weights[i] * off * off;
            }
        }
        if row + 1 == SIDE / 2 && sums.iter().sum::<f32>() >= most {
            return f32::INFINITY;
        }
    }
    sums.iter().sum()
}

/// Steps to all pixels within `reach`, nearest first.
fn offsets(reach: usize) -> Vec<(isize, isize)> {
    let reach = reach as isize;
    let square = (-reach..=reach).flat_map(|y| (-reach..=reach).map(move |x| (x, y)));
    let mut all: Vec<(isize, isize)> = square.filter(|(x, y)| x * x + y * y <= reach * reach).collect();
    all.sort_by_key(|(x, y)| (x * x + y * y, *y, *x));
    all
}

/// Sums of estimates, and of their weights, by pixel.
struct Votes {
    sums: Vec<[f32; 3]>,
    weights: Vec<f32>,
}

/// One round over a level: each unknown pixel anew, from all patches that hold it. `noise` has each pixel's standard deviation
/// from what it should be, in levels. `go_on` is asked before each of [`BANDS`] parts; false when it says so.
pub(super) fn round(level: &mut Level, noise: &[f32], set: &Settings, go_on: &mut dyn FnMut() -> bool) -> bool {
    let grid = Grid::of(level);
    let size = level.field.values.len();
    let mut votes = Votes { sums: vec![[0.0; 3]; size], weights: vec![0.0; size] };
    let near = offsets(set.reach);
    for band in 0..BANDS {
        if !go_on() {
            return false;
        }
        let Some(grid) = &grid else { continue };
        for y in grid.down * band / BANDS..grid.down * (band + 1) / BANDS {
            if !y.is_multiple_of(set.stride.max(1)) && y + 1 != grid.down {
                continue;
            }
            for x in 0..grid.across {
                if (x.is_multiple_of(set.stride.max(1)) || x + 1 == grid.across) && grid.lacks(x, y) {
                    tell(&level.field, grid, (x, y), noise, &near, set, &mut votes);
                }
            }
        }
    }
    for (at, (sum, weight)) in votes.sums.iter().zip(&votes.weights).enumerate() {
        if level.known[at] < 0.5 && *weight > 0.0 {
            level.field.values[at] = sum.map(|s| s / weight);
        }
    }
    true
}

/// Parts of a round.
pub(super) const BANDS: usize = 16;
/// Fewer alike patches than this tell nothing.
const FEWEST: usize = 4;

/// Tells the patch at `place` from those most like it, and adds that to the votes.
fn tell(
    field: &Field,
    grid: &Grid,
    place: (usize, usize),
    noise: &[f32],
    near: &[(isize, isize)],
    set: &Settings,
    votes: &mut Votes,
) {
    let corner = place.1 * grid.width + place.0;
    let mine = patch(field, corner);
    let pixel = |i: usize| corner + i / SIDE * grid.width + i % SIDE;
    let variances: [f32; PIXELS] = std::array::from_fn(|i| noise[pixel(i)] * noise[pixel(i)]);
    let weights: [f32; NUMBERS] = std::array::from_fn(|n| 1.0 / variances[n / 3]);
    let mut best: Vec<(f32, usize)> = Vec::with_capacity(set.alike + 1);
    let mut tried = 0;
    for (dx, dy) in near {
        let (x, y) = (place.0 as isize + dx, place.1 as isize + dy);
        if x < 0 || y < 0 || x >= grid.across as isize || y >= grid.down as isize || grid.lacks(x as usize, y as usize) {
            continue;
        }
        let most = if best.len() < set.alike { f32::INFINITY } else { best.last().map_or(0.0, |worst| worst.0) };
        let from = y as usize * grid.width + x as usize;
        let far = distance(&mine, &weights, field, from, most);
        if far < most {
            best.insert(best.partition_point(|(other, _)| *other <= far), (far, from));
            best.truncate(set.alike);
        }
        tried += 1;
        if tried >= set.candidates {
            break;
        }
    }
    if best.len() < FEWEST {
        return;
    }
    let mut colours = [[0.0f32; 3]; PIXELS];
    let mut trust = [0.0f32; PIXELS];
    let mut samples = vec![[0.0f32; PIXELS]; best.len()];
    for channel in 0..3 {
        for (sample, (_, from)) in samples.iter_mut().zip(&best) {
            (0..PIXELS).for_each(|i| sample[i] = field.values[from + i / SIDE * grid.width + i % SIDE][channel]);
        }
        let seen = std::array::from_fn(|i| mine[3 * i + channel]);
        // The first channel is light, and tells how sure all three are.
        let told = given(&mut samples, &seen, &variances, channel == 0);
        for i in 0..PIXELS {
            colours[i][channel] = told.mean[i];
            if channel == 0 {
                trust[i] = 1.0 / (set.evenness + told.variance[i]);
            }
        }
    }
    for i in 0..PIXELS {
        let at = pixel(i);
        (0..3).for_each(|c| votes.sums[at][c] += trust[i] * colours[i][c]);
        votes.weights[at] += trust[i];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripes(side: usize) -> Field {
        let values =
            (0..side * side).map(|at| if (at % side / 3).is_multiple_of(2) { [200.0, 10.0, 0.0] } else { [40.0, 0.0, 5.0] });
        Field { width: side, height: side, values: values.collect() }
    }

    #[test]
    fn stripes_go_on_behind_a_gap() {
        let truth = stripes(48);
        let mut level = Level { field: truth.clone(), known: vec![1.0; 48 * 48] };
        let mut noise = vec![3.0; 48 * 48];
        for at in (0..48 * 48).filter(|at| (22..26).contains(&(at / 48))) {
            (level.known[at], noise[at], level.field.values[at]) = (0.0, 40.0, [120.0, 5.0, 2.5]);
        }
        assert!(round(&mut level, &noise, &Settings::default(), &mut || true));
        for at in 22 * 48 + 8..26 * 48 - 8 {
            assert!((level.field.values[at][0] - truth.values[at][0]).abs() < 12.0, "{at}: {:?}", level.field.values[at]);
        }
    }

    #[test]
    fn it_stops_when_told_and_bears_the_smallest() {
        let mut level = Level { field: stripes(12), known: vec![0.0; 144] };
        assert!(!round(&mut level, &[3.0; 144], &Settings::default(), &mut || false));
        assert!(round(&mut level, &[3.0; 144], &Settings::default(), &mut || true), "nothing known");
        let mut tiny = Level { field: stripes(3), known: vec![0.0; 9] };
        let before = tiny.field.clone();
        assert!(round(&mut tiny, &[3.0; 9], &Settings::default(), &mut || true));
        assert_eq!(tiny.field, before);
    }

    #[test]
    fn nearest_steps_come_first() {
        let all = offsets(2);
        assert_eq!((all[0], all.len()), ((0, 0), 13));
        assert!(all.is_sorted_by_key(|(x, y)| x * x + y * y));
    }
}
