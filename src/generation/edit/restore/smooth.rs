//! Filling by diffusion: the start for all else, and the end where a picture is too small or too covered for more.

use super::field::Field;

/// Fills unknown pixels with the harmonic function that meets the known ones (Laplace's equation), from coarse to fine.
pub(super) fn harmonic(field: &mut Field, known: &[f32], sweeps: usize) {
    let unknown: Vec<usize> = (0..known.len()).filter(|at| known[*at] < 0.5).collect();
    if unknown.is_empty() || unknown.len() == known.len() {
        return;
    }
    if field.width > 1 || field.height > 1 {
        let hard: Vec<f32> = known.iter().map(|k| if *k < 0.5 { 0.0 } else { 1.0 }).collect();
        let (mut small, shares) = field.half(&hard);
        let shares: Vec<f32> = shares.iter().map(|s| if *s > 0.0 { 1.0 } else { 0.0 }).collect();
        harmonic(&mut small, &shares, sweeps);
        for at in &unknown {
            field.values[*at] = small.doubled_at(at % field.width, at / field.width);
        }
    }
    relax(field, &unknown, sweeps);
}

/// Gauss-Seidel sweeps of Laplace's equation over `unknown`, forwards and backwards by turns.
fn relax(field: &mut Field, unknown: &[usize], sweeps: usize) {
    let (width, height) = (field.width, field.height);
    let mut step = |at: usize| {
        let (x, y) = (at % width, at / width);
        let (mut sum, mut n) = ([0.0f32; 3], 0.0f32);
        let mut add = |from: usize| {
            (0..3).for_each(|c| sum[c] += field.values[from][c]);
            n += 1.0;
        };
        if x > 0 {
            add(at - 1);
        }
        if x + 1 < width {
            add(at + 1);
        }
        if y > 0 {
            add(at - width);
        }
        if y + 1 < height {
            add(at + width);
        }
        if n > 0.0 {
            field.values[at] = sum.map(|s| s / n);
        }
    };
    for sweep in 0..sweeps {
        if sweep % 2 == 0 {
            unknown.iter().for_each(|at| step(*at));
        } else {
            unknown.iter().rev().for_each(|at| step(*at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_goes_on_through_a_gap() {
        let slope = |at: usize| [(at % 64) as f32, (at / 64) as f32, 7.0];
        let mut field = Field { width: 64, height: 64, values: (0..64 * 64).map(slope).collect() };
        let mut known = vec![1.0; 64 * 64];
        for at in (0..64 * 64).filter(|at| (20..44).contains(&(at % 64)) && (20..44).contains(&(at / 64))) {
            (known[at], field.values[at]) = (0.0, [-500.0; 3]);
        }
        harmonic(&mut field, &known, 12);
        for at in 0..64 * 64 {
            for (value, truth) in field.values[at].iter().zip(slope(at)) {
                assert!((value - truth).abs() < 0.6, "{at}: {value} for {truth}");
            }
        }
    }

    #[test]
    fn nothing_known_changes_nothing() {
        let mut field = Field { width: 2, height: 2, values: vec![[3.0; 3]; 4] };
        harmonic(&mut field, &[0.0; 4], 5);
        assert_eq!(field.values, [[3.0; 3]; 4]);
    }
}
