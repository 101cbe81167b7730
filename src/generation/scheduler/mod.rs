//! Walks from noise to picture: plain arithmetic, no tensors. `schedule` and `walk` are those of models trained at discrete times; what stands
//! here is the walk of the embedded models.
//!
//! Time runs from 0 (noise) to 1 (picture) along a straight path: x(t) = t·picture + (1 − t)·noise (rectified flow, Liu et al. 2022), and
//! Euler's method walks it in equal steps.

mod schedule;
mod walk;

pub use schedule::{BetaSchedule, FinalSigma, Prediction, ScheduleConfig, Spacing};
pub use walk::{Method, Sampler, Walk, WalkError};

/// Above this time guidance is left off: the last steps only settle detail.
pub const GUIDED_UNTIL: f64 = 0.95;

/// Times of an Euler walk from `start` to 1, both included: round(steps·(1 − start)) equal steps (half to even), at least one.
///
/// The numbers are those of `torch.linspace`: counted from the start in the first half and back from the end in the second, so that the
/// last is exactly 1.
pub fn euler(steps: u16, start: f32) -> Vec<f64> {
    // 0.1 is meant as the decimal 0.1, not as the nearest f32: half-way cases would round the other way.
    let start = (f64::from(start) * 1e6).round() / 1e6;
    let count = (f64::from(steps) * (1.0 - start)).round_ties_even().max(1.0) as usize;
    let stride = (1.0 - start) / count as f64;
    let from_start = |i: usize| start + stride * i as f64;
    let from_end = |i: usize| 1.0 - stride * (count - i) as f64;
    (0..=count).map(|i| if i < count.div_ceil(2) { from_start(i) } else { from_end(i) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn against_published_values() {
        // torch.linspace(0.3, 1, 15), printed to four places.
        let expected = [0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0];
        let grid = euler(20, 0.3);
        assert_eq!(grid.len(), expected.len());
        assert!(grid.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{grid:?}");
        // 8 steps from 0.3: round(5.6) = 6.
        assert_eq!(euler(8, 0.3).len(), 7);
        assert_eq!(euler(4, 0.0), [0.0, 0.25, 0.5, 0.75, 1.0]);
    }

    #[test]
    fn halves_go_to_the_even_side_as_in_decimal() {
        assert_eq!(euler(15, 0.1).len() - 1, 14); // 13.5
        assert_eq!(euler(5, 0.1).len() - 1, 4); // 4.5
        assert_eq!(euler(5, 0.5).len() - 1, 2); // 2.5
    }

    #[test]
    fn every_grid_begins_and_ends_where_it_should() {
        for steps in 1..=100 {
            for start in [0.0, 0.01, 0.2, 0.3, 0.5, 0.75, 0.9, 0.949] {
                let grid = euler(steps, start);
                assert!(grid.len() >= 2);
                assert!((grid[0] - f64::from(start)).abs() < 1e-6 && grid[grid.len() - 1] == 1.0);
                assert!(grid.windows(2).all(|w| w[0] < w[1]));
            }
        }
    }
}
