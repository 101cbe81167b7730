//! One picture laid over another: the affine map between them, found coarse to fine, and how much of what the one shows stands in the
//! other, part by part. So a match explains itself: where it lies, which parts agree.
//!
//! Coarse: the query is sampled through a thousand maps (eight poses, seven sizes, 25 places) once; against a candidate each costs 192
//! differences of bytes. Fine: Gauss–Newton on the six numbers of the map (Lucas and Kanade 1981; Baker and Matthews 2004), with weights
//! that let go of what is laid over (Geman–McClure). Judging: light and colour are evened out, then each of 8×8 parts is compared with
//! how much there is to see in it.

use super::vectorised;
use super::view::{SIDE, View};

/// Cells along a side of a part.
const PART: usize = 4;
/// Parts along a side.
pub const CELLS: usize = SIDE / PART;
/// Points along a side where coarse maps are compared, and all of them.
const COARSE: usize = 8;
const POINTS: usize = COARSE * COARSE;
/// A turn by quarters with or without a mirror.
const POSES: [[f32; 4]; 8] = [
    [1., 0., 0., 1.],
    [0., -1., 1., 0.],
    [-1., 0., 0., -1.],
    [0., 1., -1., 0.],
    [-1., 0., 0., 1.],
    [0., 1., 1., 0.],
    [1., 0., 0., -1.],
    [0., -1., -1., 0.],
];
/// Sides of the work's part, or of the work with room around it, in the query's.
const SIZES: [f32; 7] = [0.7, 0.78, 0.88, 1.0, 1.12, 1.25, 1.4];
const SHIFTS: [f32; 5] = [-0.24, -0.12, 0.0, 0.12, 0.24];
/// Coarse maps that show less of the work than this are not tried.
const LEAST_INSIDE: usize = POINTS * 45 / 100;
/// Differences count up to this, of 255: what is laid over must not decide.
const CAP: u8 = 60;
/// What it costs a coarse map to show nothing of the work, in differences.
const BLIND: f32 = 6.0;
/// Coarse maps that are made finer, and of these the ones that are judged.
const STARTS: usize = 6;
const JUDGED: usize = 2;
/// A mirrored map must be better by this than one that is not.
const MIRRORED: f32 = 0.01;
/// Area of the work's image in the query, in areas of the query.
const AREA: std::ops::Range<f32> = 0.35..2.6;
/// Maps that stretch one way more than the other by this factor are none of a copy.
const MOST_SKEW: f32 = 1.3;
/// A match shows this much of what there is to see in the work, at least.
const LEAST_SEEN: f32 = 0.3;
/// … or of what there is to see in the query: whichever is more, and less than this counts less.
const WHOLE: f32 = 0.9;
/// Works with less to see than this, in parts of full contrast, are too plain to be recognised.
const LEAST_TOLD: f32 = 0.5;
/// A part's contrast counts up to this (root mean square, of 1).
const FULL: f32 = 0.25;

/// u → a·u + t, in coordinates from −1 (left, top) to 1 (right, bottom): from places in the work to places in the query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Map {
    /// Row by row.
    pub a: [f32; 4],
    /// The shift.
    pub t: [f32; 2],
}

impl Map {
    /// Everything stays.
    pub const SAME: Self = Self { a: [1., 0., 0., 1.], t: [0., 0.] };

    /// Where a place of the work lies in the query.
    pub fn apply(&self, [u, v]: [f32; 2]) -> [f32; 2] {
        let ([a, b, c, d], [x, y]) = (self.a, self.t);
        [a * u + b * v + x, c * u + d * v + y]
    }

    /// Signed area of the work's image in areas of the query: negative where it is mirrored.
    pub fn area(&self) -> f32 {
        self.a[0] * self.a[3] - self.a[1] * self.a[2]
    }

    /// Its greater stretch divided by its smaller one: 1 for a turn, a mirror and a change of size. Infinite where the map is flat.
    pub fn skew(&self) -> f32 {
        let [a, b, c, d] = self.a.map(|x| x / 2.0);
        let (round, apart) = ((a + d).hypot(c - b), (a - d).hypot(b + c));
        (round + apart) / (round - apart).abs()
    }

    /// From places in the query to places in the work; none where the map is flat.
    pub fn inverse(&self) -> Option<Self> {
        let ([a, b, c, d], [x, y], area) = (self.a, self.t, self.area());
        let back = [d / area, -b / area, -c / area, a / area];
        (area.abs() > 1e-4).then(|| Self { a: back, t: [-(back[0] * x + back[1] * y), -(back[2] * x + back[3] * y)] })
    }

    /// First this, then `then`.
    pub fn then(&self, then: &Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.a, then.a);
        Self { a: [e * a + f * c, e * b + f * d, g * a + h * c, g * b + h * d], t: then.apply(self.t) }
    }
}

/// How alike a work and a query are, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Likeness {
    /// Share of what is to be seen that agrees, 0..=1.
    pub score: f32,
    /// Where the work lies in the query.
    pub map: Map,
    /// For each of 8×8 parts of the work, row by row, how well it agrees, 0..=1; none where the query does not show it.
    pub parts: [Option<f32>; CELLS * CELLS],
}

type Colour = [f32; 3];

/// Colours of 0..=1 on a square grid.
#[derive(Debug, Clone)]
struct Grid {
    side: usize,
    cells: Vec<Colour>,
}

impl Grid {
    fn of(view: &View) -> Self {
        let cells = view.bytes().as_chunks::<3>().0.iter().map(|p| p.map(|c| f32::from(c) / 255.0)).collect();
        Self { side: SIDE, cells }
    }

    /// Two by two cells become one.
    fn halved(&self) -> Self {
        let side = self.side / 2;
        let mean = |i: usize| -> Colour {
            let at = |dx: usize, dy: usize| self.cells[(i / side * 2 + dy) * self.side + i % side * 2 + dx];
            let (a, b, c, d) = (at(0, 0), at(1, 0), at(0, 1), at(1, 1));
            std::array::from_fn(|i| (a[i] + b[i] + c[i] + d[i]) / 4.0)
        };
        Self { side, cells: (0..side * side).map(mean).collect() }
    }

    /// Weights 1, 2, 1 along both axes; at the edge the last cell stands for the next.
    fn blurred(&self) -> Self {
        let n = self.side;
        let along = |cells: &[Colour], dx: usize, dy: usize| -> Vec<Colour> {
            (0..n * n)
                .map(|i| {
                    let (x, y) = (i % n, i / n);
                    let before = cells[y.saturating_sub(dy) * n + x.saturating_sub(dx)];
                    let after = cells[(y + dy).min(n - 1) * n + (x + dx).min(n - 1)];
                    std::array::from_fn(|c| (before[c] + 2.0 * cells[i][c] + after[c]) / 4.0)
                })
                .collect()
        };
        Self { side: n, cells: along(&along(&self.cells, 1, 0), 0, 1) }
    }

    /// Between the four cells around a place; none outside.
    #[inline(always)]
    fn at(&self, [u, v]: [f32; 2]) -> Option<Colour> {
        (u.abs() <= 1.0 && v.abs() <= 1.0).then(|| self.near([u, v]))
    }

    /// The same, with what is nearest for places outside.
    #[inline(always)]
    fn near(&self, [u, v]: [f32; 2]) -> Colour {
        let (n, last) = (self.side as f32, self.side - 1);
        let place = |x: f32| ((x + 1.0) * n / 2.0 - 0.5).clamp(0.0, last as f32);
        let (x, y) = (place(u), place(v));
        let (x0, y0) = (x as usize, y as usize);
        let (x1, y1) = ((x0 + 1).min(last), (y0 + 1).min(last));
        let (fx, fy) = (x - x0 as f32, y - y0 as f32);
        let row = self.side;
        let (a, b) = (&self.cells[y0 * row + x0], &self.cells[y0 * row + x1]);
        let (c, d) = (&self.cells[y1 * row + x0], &self.cells[y1 * row + x1]);
        std::array::from_fn(|i| (a[i] * (1.0 - fx) + b[i] * fx) * (1.0 - fy) + (c[i] * (1.0 - fx) + d[i] * fx) * fy)
    }
}

/// Middle of cell `i` of `n`.
fn middle(i: usize, n: usize) -> f32 {
    (2 * i + 1) as f32 / n as f32 - 1.0
}

/// Middles of all cells, row by row.
fn middles(n: usize) -> impl Iterator<Item = [f32; 2]> {
    (0..n * n).map(move |i| [middle(i % n, n), middle(i / n, n)])
}

fn byte(x: f32) -> u8 {
    (x * 255.0 + 0.5) as u8
}

fn difference(a: &Colour, b: &Colour) -> f32 {
    (0..3).map(|i| (a[i] - b[i]) * (a[i] - b[i])).sum::<f32>() / 3.0
}

/// A coarse map with what the query shows through it.
#[derive(Debug)]
struct Tried {
    map: Map,
    colours: [[u8; POINTS]; 3],
    /// 255 where it shows something.
    inside: [u8; POINTS],
    count: u32,
}

/// A picture that others are compared with, prepared once.
#[derive(Debug)]
pub struct Prepared {
    fine: Grid,
    half: Grid,
    coarse: [[u8; POINTS]; 3],
    /// How much there is to see in each part.
    told: [f32; CELLS * CELLS],
}

impl Prepared {
    /// Of a view.
    pub fn new(view: &View) -> Self {
        let grid = Grid::of(view);
        let half = grid.halved();
        let soft = half.blurred();
        let mut coarse = [[0; POINTS]; 3];
        for (i, place) in middles(COARSE).enumerate() {
            soft.near(place).into_iter().enumerate().for_each(|(c, x)| coarse[c][i] = byte(x));
        }
        let fine = grid.blurred();
        let told = std::array::from_fn(|part| variance(around(part).map(|i| fine.cells[i])).sqrt().min(FULL));
        Self { fine, half, coarse, told }
    }
}

/// A picture that is looked for, prepared once for all candidates.
#[derive(Debug)]
pub struct Query {
    seen: Prepared,
    /// From the view to the whole picture, where the view shows a part of it.
    whole: Map,
    /// Width by height of what the view shows.
    aspect: f32,
    /// What the works' may be: views are square, whatever shape the picture was.
    aspects: [f32; 5],
    tried: Vec<Tried>,
}

impl Query {
    /// Of a view of a picture, or of a part of it; `whole` maps places in the part to places in the picture, and `part` and `picture` are
    /// their widths by heights.
    pub fn new(view: &View, whole: Map, [part, picture]: [f32; 2]) -> Self {
        let seen = Prepared::new(view);
        let soft = seen.half.blurred();
        let mut tried = Vec::new();
        for pose in POSES {
            for size in SIZES {
                for t in SHIFTS.into_iter().flat_map(|y| SHIFTS.map(|x| [x, y])) {
                    tried.extend(Tried::new(&soft, Map { a: pose.map(|x| x * size), t }));
                }
            }
        }
        Self { seen, whole, aspect: part, aspects: [part, picture, 1.0, 1.0 / picture, 1.0 / part], tried }
    }

    /// How much more a map stretches one way than the other, in pixels and not in views, if the work has the shape of the picture or of
    /// its part, upright or turned, or is square.
    fn skew(&self, map: &Map) -> f32 {
        let [a, b, c, d] = map.a;
        let with = |aspect: f32| Map { a: [self.aspect * a / aspect, self.aspect * b, c / aspect, d], t: map.t }.skew();
        self.aspects.into_iter().map(with).fold(f32::MAX, f32::min)
    }

    /// How badly the best of the coarse maps fits, in differences of 0..=60 a point: to choose whom to compare finely.
    pub fn misfit(&self, work: &Prepared) -> f32 {
        vectorised(|| self.tried.iter().map(|tried| tried.misfit(work)).fold(f32::MAX, f32::min))
    }
}

impl Tried {
    fn new(query: &Grid, map: Map) -> Option<Self> {
        let mut new = Self { map, colours: [[0; POINTS]; 3], inside: [0; POINTS], count: 0 };
        for (i, place) in middles(COARSE).enumerate() {
            if let Some(colour) = query.at(map.apply(place)) {
                colour.into_iter().enumerate().for_each(|(c, x)| new.colours[c][i] = byte(x));
                (new.inside[i], new.count) = (255, new.count + 1);
            }
        }
        (new.count as usize >= LEAST_INSIDE).then_some(new)
    }

    #[inline(always)]
    fn misfit(&self, work: &Prepared) -> f32 {
        let mut sum = 0u32;
        for (colours, others) in self.colours.iter().zip(&work.coarse) {
            let mut part = 0u16;
            for i in 0..POINTS {
                part += u16::from(colours[i].abs_diff(others[i]).min(CAP) & self.inside[i]);
            }
            sum += u32::from(part);
        }
        sum as f32 / self.count as f32 + BLIND * (1.0 - self.count as f32 / POINTS as f32)
    }
}

/// Lays a work over a query. None where no map shows enough of the work, or the work is too plain to be recognised.
pub fn compare(query: &Query, work: &Prepared) -> Option<Likeness> {
    let mut refined: Vec<(Map, f32)> =
        starts(query, work).into_iter().map(|map| refined(&query.seen.half, &work.half, map, 8)).collect();
    refined.sort_by(|a, b| a.1.total_cmp(&b.1));
    let judged = refined.into_iter().take(JUDGED).filter_map(|(map, _)| {
        let (map, _) = vectorised(|| refine(&query.seen.fine, &work.fine, map, 6));
        (AREA.contains(&map.area().abs()) && query.skew(&map) <= MOST_SKEW).then_some(())?;
        judge(&query.seen, work, map).map(|found| Likeness { map: map.then(&query.whole), ..found })
    });
    // What looks the same in a mirror is told as it stands.
    let rank = |likeness: &Likeness| likeness.score - if likeness.map.area() < 0.0 { MIRRORED } else { 0.0 };
    judged.max_by(|a, b| rank(a).total_cmp(&rank(b)))
}

/// The most promising maps.
fn starts(query: &Query, work: &Prepared) -> Vec<Map> {
    let mut best: Vec<(Map, f32)> = Vec::with_capacity(STARTS + 1);
    let misfits: Vec<f32> = vectorised(|| query.tried.iter().map(|tried| tried.misfit(work)).collect());
    for (tried, misfit) in query.tried.iter().zip(misfits) {
        if best.len() < STARTS || best.last().is_some_and(|last| misfit < last.1) {
            let at = best.partition_point(|known| known.1 <= misfit);
            best.insert(at, (tried.map, misfit));
            best.truncate(STARTS);
        }
    }
    best.into_iter().map(|(map, _)| map).collect()
}

fn refined(query: &Grid, work: &Grid, start: Map, rounds: usize) -> (Map, f32) {
    vectorised(|| refine(query, work, start, rounds))
}

/// Gauss–Newton: the map that leaves the least of the work unexplained, and what that is (mean square, capped).
#[inline(always)]
fn refine(query: &Grid, work: &Grid, start: Map, rounds: usize) -> (Map, f32) {
    let step = 2.0 / query.side as f32;
    let (mut map, mut left) = (start, f32::MAX);
    for _ in 0..rounds {
        let (mut normal, mut right) = ([[0f32; 6]; 6], [0f32; 6]);
        let (mut sum, mut count) = (0f32, 0f32);
        for (target, place) in work.cells.iter().zip(middles(work.side)) {
            let [x, y] = map.apply(place);
            let Some(seen) = query.at([x, y]) else { continue };
            let (west, east) = (query.near([x - step, y]), query.near([x + step, y]));
            let (north, south) = (query.near([x, y - step]), query.near([x, y + step]));
            let apart = difference(&seen, target);
            let weight = 1.0 / (1.0 + apart / 0.01);
            (sum, count) = (sum + apart.min(0.06), count + 1.0);
            for c in 0..3 {
                let (gx, gy) = ((east[c] - west[c]) / (2.0 * step), (south[c] - north[c]) / (2.0 * step));
                let row = [gx * place[0], gx * place[1], gx, gy * place[0], gy * place[1], gy];
                let error = target[c] - seen[c];
                for i in 0..6 {
                    let scaled = row[i] * weight;
                    right[i] += scaled * error;
                    for j in 0..6 {
                        normal[i][j] += scaled * row[j];
                    }
                }
            }
        }
        if count < 0.3 * work.cells.len() as f32 {
            return (map, f32::MAX);
        }
        left = sum / count;
        // A little of Levenberg's damping: pictures with edges one way only leave the map undecided along them.
        (0..6).for_each(|i| normal[i][i] = normal[i][i] * 1.02 + 1e-3);
        let Some(change) = solve(normal.map(|row| row.map(f64::from)), right.map(f64::from)) else { break };
        let change = change.map(|x| (x as f32).clamp(-0.15, 0.15));
        let [a, b, x, c, d, y] = change;
        map.a.iter_mut().zip([a, b, c, d]).for_each(|(to, by)| *to += by);
        map.t.iter_mut().zip([x, y]).for_each(|(to, by)| *to += by);
        if change.iter().all(|x| x.abs() < 1e-3) {
            break;
        }
    }
    (map, left)
}

/// Elimination with pivots; none where the equations decide nothing.
fn solve(mut a: [[f64; 6]; 6], mut b: [f64; 6]) -> Option<[f64; 6]> {
    for k in 0..6 {
        let pivot = (k..6).max_by(|&x, &y| a[x][k].abs().total_cmp(&a[y][k].abs()))?;
        if a[pivot][k].abs() < 1e-12 {
            return None;
        }
        a.swap(k, pivot);
        b.swap(k, pivot);
        for i in k + 1..6 {
            let factor = a[i][k] / a[k][k];
            let row = a[k];
            (k..6).for_each(|j| a[i][j] -= factor * row[j]);
            b[i] -= factor * b[k];
        }
    }
    for k in (0..6).rev() {
        let known: f64 = (k + 1..6).map(|j| a[k][j] * b[j]).sum();
        b[k] = (b[k] - known) / a[k][k];
    }
    Some(b)
}

/// What the query shows of the work, cell by cell, with its light and colours brought to the work's: one gain, a shift for each channel.
fn evened(query: &Grid, work: &Grid, map: Map) -> Vec<Option<Colour>> {
    let mut seen: Vec<Option<Colour>> = middles(SIDE).map(|place| query.at(map.apply(place))).collect();
    let (mut gain, mut shift) = (1f32, [0f32; 3]);
    let lit = |colour: &Colour, gain: f32, shift: &Colour| -> Colour { std::array::from_fn(|i| gain * colour[i] + shift[i]) };
    for _ in 0..3 {
        let (mut weights, mut of_seen, mut of_work) = (0f32, [0f32; 3], [0f32; 3]);
        let weigh = |s: &Colour, w: &Colour| 1.0 / (1.0 + difference(&lit(s, gain, &shift), w) / 0.004);
        let pairs = || seen.iter().zip(&work.cells).filter_map(|(s, w)| s.as_ref().map(|s| (s, w, weigh(s, w))));
        for (s, w, k) in pairs() {
            weights += k;
            (0..3).for_each(|i| (of_seen[i], of_work[i]) = (of_seen[i] + k * s[i], of_work[i] + k * w[i]));
        }
        if weights < 10.0 {
            break;
        }
        let (of_seen, of_work) = (of_seen.map(|x| x / weights), of_work.map(|x| x / weights));
        let (mut own, mut both) = (0f32, 0f32);
        for (s, w, k) in pairs() {
            for i in 0..3 {
                own += k * (s[i] - of_seen[i]) * (s[i] - of_seen[i]);
                both += k * (s[i] - of_seen[i]) * (w[i] - of_work[i]);
            }
        }
        gain = if own > 1e-3 { (both / own).clamp(0.6, 1.6) } else { 1.0 };
        shift = std::array::from_fn(|i| (of_work[i] - gain * of_seen[i]).clamp(-0.15, 0.15));
    }
    seen.iter_mut().flatten().for_each(|colour| *colour = lit(colour, gain, &shift));
    seen
}

/// Variance within a part and one cell around it, over the cells that there are.
fn variance(cells: impl Iterator<Item = Colour>) -> f32 {
    let (mut count, mut sums, mut squares) = (0f32, [0f32; 3], 0f32);
    for cell in cells {
        count += 1.0;
        (0..3).for_each(|i| (sums[i], squares) = (sums[i] + cell[i], squares + cell[i] * cell[i]));
    }
    if count == 0.0 { 0.0 } else { ((squares - sums.iter().map(|s| s * s / count).sum::<f32>()) / count / 3.0).max(0.0) }
}

/// The cells of a part and those beside it.
fn around(part: usize) -> impl Iterator<Item = usize> {
    let near = |from: usize| from.saturating_sub(1)..(from + PART + 1).min(SIDE);
    let (left, top) = (part % CELLS * PART, part / CELLS * PART);
    near(top).flat_map(move |y| near(left).map(move |x| y * SIDE + x))
}

/// The cells of a part.
fn within(part: usize) -> impl Iterator<Item = usize> {
    let (left, top) = (part % CELLS * PART, part / CELLS * PART);
    (top..top + PART).flat_map(move |y| (left..left + PART).map(move |x| y * SIDE + x))
}

/// How much of what is to be seen agrees under a map.
fn judge(query: &Prepared, work: &Prepared, map: Map) -> Option<Likeness> {
    let seen = evened(&query.fine, &work.fine, map);
    let mut parts = [None; CELLS * CELLS];
    let (mut agreed, mut shown) = (0f32, 0f32);
    for (at, part) in parts.iter_mut().enumerate() {
        let (mut apart, mut count) = (0f32, 0usize);
        for i in within(at) {
            if let Some(colour) = &seen[i] {
                (apart, count) = (apart + difference(colour, &work.fine.cells[i]), count + 1);
            }
        }
        if count < PART * PART / 2 {
            continue;
        }
        let apart = apart / count as f32;
        let contrast = variance(around(at).map(|i| work.fine.cells[i])).max(variance(around(at).filter_map(|i| seen[i])));
        let fit = (1.0 - (apart - 0.0004).max(0.0) / (0.5 * contrast + 0.0012)).max(0.0);
        let weight = contrast.max(apart).sqrt().min(FULL);
        *part = Some(fit);
        (agreed, shown) = (agreed + weight * fit, shown + weight);
    }
    let of_work = share(&work.told, |part| parts[part].is_some());
    if shown < LEAST_TOLD || of_work < LEAST_SEEN {
        return None;
    }
    // A copy shows all of the work, or is all shown by it: what overlaps by a corner is no copy.
    let back = map.inverse()?;
    let of_query = share(&query.told, |part| {
        let place = back.apply([middle(part % CELLS, CELLS), middle(part / CELLS, CELLS)]);
        place.iter().all(|x| x.abs() <= 1.0)
    });
    let whole = (of_work.max(of_query) / WHOLE).min(1.0);
    Some(Likeness { score: (agreed / shown).min(1.0) * whole, map, parts })
}

/// Share of what there is to see that lies in parts of which `holds` is true.
fn share(told: &[f32; CELLS * CELLS], holds: impl Fn(usize) -> bool) -> f32 {
    let all: f32 = told.iter().sum();
    let some: f32 = told.iter().enumerate().filter(|(part, _)| holds(*part)).map(|(_, told)| told).sum();
    if all > 0.0 { some / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A drawing without symmetries: discs of several colours on a slope.
    fn drawing(w: u32, h: u32) -> Vec<u8> {
        let discs = [(-0.4, -0.3, 0.3, [200, 30, 40]), (0.45, -0.5, 0.2, [20, 120, 60]), (0.2, 0.4, 0.35, [30, 60, 200])];
        let mut rgb = Vec::new();
        for y in 0..h {
            for x in 0..w {
                let (u, v) = (f64::from(2 * x + 1) / f64::from(w) - 1.0, f64::from(2 * y + 1) / f64::from(h) - 1.0);
                let hit = discs.iter().find(|(cx, cy, r, _)| (u - cx).powi(2) + (v - cy).powi(2) < r * r);
                rgb.extend(hit.map_or([240, (220.0 + 20.0 * v) as u8, (200.0 + 40.0 * u) as u8], |(.., colour)| *colour));
            }
        }
        rgb
    }

    fn cut(rgb: &[u8], w: usize, [left, top, right, bottom]: [usize; 4]) -> Vec<u8> {
        (top..bottom).flat_map(|y| &rgb[(y * w + left) * 3..(y * w + right) * 3]).copied().collect()
    }

    fn score(a: &[u8], wa: u32, b: &[u8], wb: u32) -> Option<Likeness> {
        let view = |rgb: &[u8], w: u32| View::of_rgb(rgb, w, (rgb.len() / 3) as u32 / w).unwrap();
        compare(
            &Query::new(&view(a, wa), Map::SAME, [wa as f32 * wa as f32 / (a.len() / 3) as f32; 2]),
            &Prepared::new(&view(b, wb)),
        )
    }

    #[test]
    fn crops_turns_and_mirrors_are_found_where_they_lie() {
        let work = drawing(100, 100);
        let same = score(&work, 100, &work, 100).unwrap();
        assert!(same.score > 0.99 && (same.map.area() - 1.0).abs() < 0.02, "{same:?}");
        // A tenth off each side: the work is 1.25 times the query.
        let crop = score(&cut(&work, 100, [10, 10, 90, 90]), 80, &work, 100).unwrap();
        assert!(crop.score > 0.9 && (crop.map.a[0] - 1.25).abs() < 0.05, "{crop:?}");
        assert_eq!(crop.parts[0], None, "the corner was cut off");
        // A tenth off the left alone.
        let crop = score(&cut(&work, 100, [10, 0, 100, 100]), 90, &work, 100).unwrap();
        assert!(crop.score > 0.9 && crop.map.t[0] < -0.05, "{crop:?}");
        let mirrored: Vec<u8> =
            work.chunks_exact(300).flat_map(|row| row.as_chunks::<3>().0.iter().rev().flatten()).copied().collect();
        let flip = score(&mirrored, 100, &work, 100).unwrap();
        assert!(flip.score > 0.99 && flip.map.area() < 0.0, "{flip:?}");
        let turned: Vec<u8> = (0..100)
            .flat_map(|x| (0..100).flat_map(move |y| [(99 - y, x)]))
            .flat_map(|(y, x)| &work[(y * 100 + x) * 3..][..3])
            .copied()
            .collect();
        let turn = score(&turned, 100, &work, 100).unwrap();
        assert!(turn.score > 0.99 && turn.map.a[0].abs() < 0.05, "{turn:?}");
    }

    #[test]
    fn what_is_laid_over_is_told_from_the_rest() {
        let work = drawing(96, 96);
        let mut covered = work.clone();
        for y in 48..72 {
            covered[(y * 96 + 48) * 3..(y * 96 + 72) * 3].fill(255);
        }
        let found = score(&covered, 96, &work, 96).unwrap();
        assert!((0.5..0.95).contains(&found.score), "{found:?}");
        assert!(found.parts[4 * CELLS + 4].is_some_and(|fit| fit < 0.5) && found.parts[CELLS + 1].is_some_and(|fit| fit > 0.9));
    }

    #[test]
    fn other_pictures_and_plain_ones_do_not_match() {
        let work = drawing(96, 96);
        let other: Vec<u8> =
            (0..96 * 96).flat_map(|i| if (i / 96 / 12 + i % 96 / 12) % 2 == 0 { [250, 240, 30] } else { [20, 20, 20] }).collect();
        assert!(score(&other, 96, &work, 96).is_none_or(|found| found.score < 0.4));
        let plain = [120, 130, 140].repeat(96 * 96);
        assert!(score(&plain, 96, &plain, 96).is_none(), "nothing to see in it");
        assert!(score(&plain, 96, &work, 96).is_none_or(|found| found.score < 0.4));
    }

    #[test]
    fn maps_follow_one_another() {
        let (turn, shift) = (Map { a: [0., -1., 1., 0.], t: [0.1, 0.] }, Map { a: [2., 0., 0., 0.5], t: [0., 0.3] });
        let place = [0.3, -0.7];
        let both = turn.then(&shift).apply(place);
        let each = shift.apply(turn.apply(place));
        assert!((both[0] - each[0]).abs() < 1e-6 && (both[1] - each[1]).abs() < 1e-6);
        assert_eq!(Map::SAME.apply(place), place);
        let back = turn.inverse().unwrap().apply(turn.apply(place));
        assert!((back[0] - place[0]).abs() < 1e-6 && (back[1] - place[1]).abs() < 1e-6);
        assert!((turn.skew() - 1.0).abs() < 1e-6 && (shift.skew() - 4.0).abs() < 1e-5);
        assert!(Map { a: [1., 2., 0.5, 1.], t: [0., 0.] }.inverse().is_none());
    }
}
