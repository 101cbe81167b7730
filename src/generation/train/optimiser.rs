//! The optimisers: Muon for the matrices inside the network (Jordan et al. 2024: momentum made orthogonal by Newton–Schulz steps), AdamW
//! (Loshchilov and Hutter 2019) for everything else, one clip over all gradients, and the running average of the weights.

use super::settings::TrainSettings;
use crate::generation::pixel::Parameter;
use colophon_ops::{Matrix, Precision, product};

/// Muon's momentum (Nesterov's).
const MOMENTUM: f32 = 0.95;
/// AdamW's decay of the two means.
const BETAS: (f32, f32) = (0.9, 0.97);
/// Newton–Schulz steps, and the coefficients of their polynomial.
const ROUNDS: usize = 5;
const QUINTIC: (f32, f32, f32) = (3.4445, -4.775, 2.0315);

/// A parameter with what its optimiser remembers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slot {
    pub parameter: Parameter,
    pub value: Vec<f32>,
    /// Running average of the value: what pictures are drawn with.
    pub average: Vec<f32>,
    /// Mean of the gradients.
    pub first: Vec<f32>,
    /// Mean of their squares; empty for Muon.
    pub second: Vec<f32>,
}

impl Slot {
    pub(super) fn new(parameter: Parameter, value: Vec<f32>) -> Self {
        let n = value.len();
        let second = if parameter.inner { Vec::new() } else { vec![0.0; n] };
        Self { average: value.clone(), first: vec![0.0; n], second, value, parameter }
    }

    /// Takes one step with `gradient`, already clipped. `step` is how many steps the memory is old, `factor` that of the schedule.
    pub(super) fn step(&mut self, gradient: &mut [f32], step: u64, factor: f64, settings: &TrainSettings) {
        if self.parameter.inner {
            self.muon(gradient, (settings.rate * factor) as f32, settings);
        } else {
            self.adam(gradient, step, (settings.other_rate * factor) as f32);
        }
        // Early on the average follows closely: nothing of the beginning stays in it.
        let keep = settings.average.min((1 + step) as f64 / (10 + step) as f64) as f32;
        self.average.iter_mut().zip(&self.value).for_each(|(a, v)| *a += (v - *a) * (1.0 - keep));
    }

    fn adam(&mut self, gradient: &[f32], step: u64, rate: f32) {
        let (b1, b2) = BETAS;
        let power = i32::try_from(step + 1).unwrap_or(i32::MAX);
        let (c1, c2) = (1.0 - b1.powi(power), 1.0 - b2.powi(power));
        let each = self.value.iter_mut().zip(gradient).zip(self.first.iter_mut().zip(&mut self.second));
        for ((value, g), (first, second)) in each {
            *first += (g - *first) * (1.0 - b1);
            *second += (g * g - *second) * (1.0 - b2);
            *value -= rate * (*first / c1) / ((*second / c2).sqrt() + 1e-8);
        }
    }

    fn muon(&mut self, gradient: &mut [f32], rate: f32, settings: &TrainSettings) {
        let (rows, columns) = (self.parameter.shape[0], self.parameter.shape[1]);
        for (first, g) in self.first.iter_mut().zip(gradient.iter_mut()) {
            *first = MOMENTUM * *first + *g;
            *g += MOMENTUM * *first;
        }
        // Queries, keys and values (or the two halves of a gated layer) are matrices of their own side by side.
        let name = &self.parameter.name;
        let parts = if name.ends_with("qkv.w") {
            3
        } else if name.ends_with("up.w") || name.ends_with("kv.w") {
            2
        } else {
            1
        };
        let wide = columns / parts;
        let pull = 1.0 - rate * settings.weight_decay as f32;
        let size = rate * 0.2 * (rows.max(wide) as f32).sqrt();
        for part in 0..parts {
            let piece: Vec<f32> = gradient.chunks_exact(columns).flat_map(|row| &row[part * wide..][..wide]).copied().collect();
            let direction = orthogonal(&piece, rows, wide, settings.precision());
            for (row, d) in self.value.chunks_exact_mut(columns).zip(direction.chunks_exact(wide)) {
                for (value, d) in row[part * wide..][..wide].iter_mut().zip(d) {
                    *value = *value * pull - size * d;
                }
            }
        }
    }
}

/// The nearest matrix with singular values near 1.
pub(super) fn orthogonal(m: &[f32], rows: usize, columns: usize, precision: Precision) -> Vec<f32> {
    let norm = m.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt() as f32 + 1e-7;
    let mut x: Vec<f32> = m.iter().map(|x| x / norm).collect();
    let short = rows.min(columns);
    let (mut square, mut fourth) = (vec![0f32; short * short], vec![0f32; short * short]);
    let (a, b, c) = QUINTIC;
    for _ in 0..ROUNDS {
        let view = Matrix::new(&x, rows, columns);
        // The smaller of x·xᵀ and xᵀ·x.
        let (left, right) = if rows <= columns { (view, view.t()) } else { (view.t(), view) };
        product(&mut square, short, left, right, false, precision);
        let s = Matrix::new(&square, short, short);
        product(&mut fourth, short, s, s, false, precision);
        fourth.iter_mut().zip(&square).for_each(|(f, s)| *f = b * s + c * *f);
        let f = Matrix::new(&fourth, short, short);
        let mut next: Vec<f32> = x.iter().map(|x| a * x).collect();
        if rows <= columns {
            product(&mut next, columns, f, view, true, precision);
        } else {
            product(&mut next, columns, view, f, true, precision);
        }
        x = next;
    }
    x
}

/// Scales gradients so that their common norm is at most `most`; the norm before.
pub(super) fn clip(gradients: &mut [Vec<f32>], most: f64) -> f64 {
    let norm = gradients.iter().map(|g| g.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>()).sum::<f64>().sqrt();
    if norm > most {
        let factor = (most / norm) as f32;
        gradients.iter_mut().flatten().for_each(|x| *x *= factor);
    }
    norm
}
