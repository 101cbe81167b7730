//! What is behind: the colours of a picture's border, as a few even colours or as one that changes slowly over the picture.

use super::oklab::{Lab, distance2};

/// Border pixels nearer than this (OKLab) to a colour are of that colour.
const EVEN: f32 = 0.045;

/// Border pixels nearer than this to a slowly changing colour are of it.
const SMOOTH: f32 = 0.05;

/// A background colour everywhere: a polynomial of second degree in the place, both coordinates from -1 to 1; constant where
/// even.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Part([Lab; 6]);

fn terms(x: f32, y: f32) -> [f32; 6] {
    [1.0, x, y, x * x, x * y, y * y]
}

impl Part {
    fn even(colour: Lab) -> Self {
        let mut all = [[0.0; 3]; 6];
        all[0] = colour;
        Self(all)
    }

    fn at(&self, x: f32, y: f32) -> Lab {
        let mut colour = [0.0; 3];
        for (term, factor) in terms(x, y).iter().zip(&self.0) {
            colour.iter_mut().zip(factor).for_each(|(colour, factor)| *colour += term * factor);
        }
        colour
    }
}

/// What is behind.
pub(super) struct Backdrop {
    parts: Vec<Part>,
    size: (usize, usize),
    /// How much of the border it explains, 0 to 1.
    pub cover: f32,
    /// How far the border's pixels usually are from it, OKLab.
    pub spread: f32,
}

/// A pixel of the border: its place (-1 to 1), its colour, its side (0 to 3).
struct Edge {
    place: (f32, f32),
    colour: Lab,
    side: usize,
}

impl Backdrop {
    /// Found from the border of a plane.
    pub fn of(plane: &[Lab], width: usize, height: usize) -> Option<Self> {
        let ring = (width.min(height) / 100).max(1);
        let mut edges = Vec::new();
        for y in 0..height {
            let whole_row = y < ring || y + ring >= height;
            for x in 0..width {
                if whole_row || x < ring || x + ring >= width {
                    // To the nearest side.
                    let away = [x, width - 1 - x, y, height - 1 - y];
                    let side = (0..4).min_by_key(|&side| away[side]).unwrap_or(0);
                    edges.push(Edge { place: place(x, y, (width, height)), colour: plane[y * width + x], side });
                }
            }
        }
        let (even, even_cover) = even_parts(&edges)?;
        let (smooth, smooth_cover) = smooth_part(&edges);
        let (parts, cover) = if smooth_cover > even_cover + 0.05 { (vec![smooth], smooth_cover) } else { (even, even_cover) };
        let mut found = Self { parts, size: (width, height), cover, spread: 0.0 };
        let mut away: Vec<f32> = edges.iter().map(|edge| found.nearest(edge.place, edge.colour).1.sqrt()).collect();
        away.sort_by(f32::total_cmp);
        // The median of those it explains.
        found.spread = away[(away.len() as f32 * cover / 2.0) as usize % away.len()];
        Some(found)
    }

    fn nearest(&self, (x, y): (f32, f32), colour: Lab) -> (Lab, f32) {
        let all = self.parts.iter().map(|part| part.at(x, y)).map(|behind| (behind, distance2(behind, colour)));
        all.min_by(|x, y| x.1.total_cmp(&y.1)).unwrap_or((colour, 0.0))
    }

    /// The background's colour at a pixel, the one nearest to what is there, and how far that is from it (OKLab).
    pub fn behind(&self, at: usize, colour: Lab) -> (Lab, f32) {
        let (behind, apart) = self.nearest(place(at % self.size.0, at / self.size.0, self.size), colour);
        (behind, apart.sqrt())
    }
}

fn place(x: usize, y: usize, (width, height): (usize, usize)) -> (f32, f32) {
    let along = |at: usize, count: usize| if count > 1 { 2.0 * at as f32 / (count - 1) as f32 - 1.0 } else { 0.0 };
    (along(x, width), along(y, height))
}

/// The even colours of the border, and their share. One alone where it is most of the border and on all sides: what else touches
/// the border then is a thing. Else up to three.
fn even_parts(edges: &[Edge]) -> Option<(Vec<Part>, f32)> {
    let mut left: Vec<&Edge> = edges.iter().collect();
    let (mut parts, mut cover) = (Vec::new(), 0.0);
    while parts.len() < 3 && !left.is_empty() {
        // The pixel with most others near it, of some 60.
        let step = left.len().div_ceil(60);
        let near = |centre: Lab| left.iter().filter(move |edge| distance2(edge.colour, centre) < EVEN * EVEN);
        let start = left.iter().step_by(step).map(|edge| edge.colour).rev().max_by_key(|&colour| near(colour).count())?;
        let centre = mean(near(start).map(|edge| edge.colour));
        let mine: Vec<usize> = near(centre).map(|edge| edge.side).collect();
        let share = mine.len() as f32 / edges.len() as f32;
        if share < 0.12 {
            break;
        }
        parts.push(Part::even(centre));
        cover += share;
        let all_round = (0..4).filter(|side| mine.contains(side)).count() == 4;
        if parts.len() == 1 && all_round && share > 0.5 {
            break;
        }
        left.retain(|edge| distance2(edge.colour, centre) >= EVEN * EVEN);
    }
    (!edges.is_empty()).then_some((parts, cover))
}

fn mean(colours: impl Iterator<Item = Lab>) -> Lab {
    let (mut sum, mut count) = ([0.0f64; 3], 0.0f64);
    for colour in colours {
        sum.iter_mut().zip(colour).for_each(|(sum, x)| *sum += f64::from(x));
        count += 1.0;
    }
    sum.map(|sum| if count > 0.0 { (sum / count) as f32 } else { 0.0 })
}

/// One slowly changing colour and its share: least squares, reweighted six times so that what touches the border does not count
/// (Cauchy's weights).
fn smooth_part(edges: &[Edge]) -> (Part, f32) {
    let mut part = Part::even(mean(edges.iter().map(|edge| edge.colour)));
    let mut scale = 0.2f32;
    for _ in 0..6 {
        let (mut matrix, mut sides) = ([[0.0f64; 6]; 6], [[0.0f64; 3]; 6]);
        for edge in edges {
            let terms = terms(edge.place.0, edge.place.1);
            let off = distance2(part.at(edge.place.0, edge.place.1), edge.colour);
            let weight = f64::from(1.0 / (1.0 + off / (scale * scale)));
            for i in 0..6 {
                for j in 0..6 {
                    matrix[i][j] += weight * f64::from(terms[i] * terms[j]);
                }
                for (side, colour) in sides[i].iter_mut().zip(edge.colour) {
                    *side += weight * f64::from(terms[i] * colour);
                }
            }
        }
        // A little weight against bending, which also keeps one row of pixels solvable.
        for (i, row) in matrix.iter_mut().enumerate() {
            row[i] += 1e-4 * (edges.len() as f64 + 1.0) * if i == 0 { 1e-3 } else { 1.0 };
        }
        part = Part(solved(matrix, sides).map(|row| row.map(|x| x as f32)));
        scale = (scale * 0.6).max(0.02);
    }
    let near = edges.iter().filter(|edge| distance2(part.at(edge.place.0, edge.place.1), edge.colour) < SMOOTH * SMOOTH).count();
    (part, near as f32 / edges.len().max(1) as f32)
}

/// Gauss's elimination for a positive definite matrix with three right-hand sides.
fn solved(mut matrix: [[f64; 6]; 6], mut sides: [[f64; 3]; 6]) -> [[f64; 3]; 6] {
    for i in 0..6 {
        let (row, side) = (matrix[i], sides[i]);
        for j in 0..6 {
            if j != i {
                let share = matrix[j][i] / row[i];
                matrix[j].iter_mut().zip(row).for_each(|(x, y)| *x -= share * y);
                sides[j].iter_mut().zip(side).for_each(|(x, y)| *x -= share * y);
            }
        }
    }
    std::array::from_fn(|i| sides[i].map(|side| side / matrix[i][i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(width: usize, height: usize, colour: impl Fn(usize, usize) -> Lab) -> Vec<Lab> {
        (0..width * height).map(|i| colour(i % width, i / width)).collect()
    }

    #[test]
    fn an_even_border_is_one_colour_and_a_thing_that_touches_it_is_not() {
        let sheet = plane(60, 60, |x, y| if y > 40 && x.abs_diff(30) < 12 { [0.4, 0.1, 0.1] } else { [0.98, 0.0, 0.0] });
        let found = Backdrop::of(&sheet, 60, 60).unwrap();
        assert!(found.parts.len() == 1 && found.cover > 0.85 && found.spread < 1e-3, "{} {}", found.cover, found.spread);
        assert!(found.behind(59 * 60 + 30, [0.4, 0.1, 0.1]).1 > 0.5);
    }

    #[test]
    fn a_gradient_is_followed() {
        let sky = plane(80, 60, |x, y| [0.5 + 0.004 * y as f32 + 0.002 * x as f32, -0.02, -0.1 + 0.002 * y as f32]);
        let found = Backdrop::of(&sky, 80, 60).unwrap();
        assert!(found.cover > 0.97, "{}", found.cover);
        assert!((0..sky.len()).all(|at| found.behind(at, sky[at]).1 < 0.02));
    }

    #[test]
    fn sky_and_ground_are_two_and_noise_is_none() {
        let scene = plane(60, 60, |_, y| if y < 30 { [0.8, -0.03, -0.08] } else { [0.5, -0.1, 0.1] });
        let found = Backdrop::of(&scene, 60, 60).unwrap();
        assert!(found.parts.len() == 2 && found.cover > 0.97);
        let noise = plane(60, 60, |x, y| {
            let number = (x * 60 + y) as u32;
            [0, 1, 2].map(|c| (number.wrapping_add(c * 7919).wrapping_mul(2_654_435_761) >> 8) as f32 / 16_777_216.0)
        });
        assert!(Backdrop::of(&noise, 60, 60).unwrap().cover < 0.2);
        assert!(Backdrop::of(&[[0.5; 3]], 1, 1).is_some_and(|found| found.cover > 0.9));
    }
}
