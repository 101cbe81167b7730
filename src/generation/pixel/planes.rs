//! What is given of a picture, as planes beside the noise: known pixels, where they are known, and the lines of a sketch.

use super::PLANES;

/// Brightness steps as black lines: what a sketch of the picture would show.
pub fn edges(rgb: &[u8], side: usize) -> Vec<f32> {
    let light = |y: usize, x: usize| {
        let p = &rgb[(y.min(side - 1) * side + x.min(side - 1)) * 3..][..3];
        0.3 * f32::from(p[0]) + 0.59 * f32::from(p[1]) + 0.11 * f32::from(p[2])
    };
    (0..side * side)
        .map(|at| {
            let (y, x) = (at / side, at % side);
            let (dx, dy) = (light(y, x + 1) - light(y, x), light(y + 1, x) - light(y, x));
            if dx.abs().max(dy.abs()) > 24.0 { 1.0 } else { 0.0 }
        })
        .collect()
}

/// Known pixels (white where not known), where they are known, and edges, interleaved for each pixel.
pub fn planes(rgb: &[u8], known: impl Fn(usize) -> bool, edges: Option<&[f32]>, side: usize) -> Vec<f32> {
    let mut planes = Vec::with_capacity(side * side * PLANES);
    for at in 0..side * side {
        let known = known(at);
        planes.extend((0..3).map(|c| if known { f32::from(rgb[at * 3 + c]) / 127.5 - 1.0 } else { 0.0 }));
        planes.push(if known { 1.0 } else { 0.0 });
        planes.push(edges.map_or(0.0, |e| e[at]));
    }
    planes
}
