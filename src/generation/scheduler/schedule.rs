//! Noise schedules of models trained with discrete times, and which of the times a walk visits. Plain arithmetic on f64.
//!
//! Names and defaults are those of diffusers' `scheduler_config.json`, so that a model's own file says how it is to be walked.

use serde::Deserialize;

/// A `scheduler_config.json`, as far as the walks depend on it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct ScheduleConfig {
    /// The walk that the model's makers chose, such as `DDIMScheduler`.
    #[serde(rename = "_class_name")]
    pub class_name: String,
    /// Times that the model was trained at.
    pub num_train_timesteps: usize,
    /// Variance of the noise added at the first time.
    pub beta_start: f64,
    /// At the last.
    pub beta_end: f64,
    /// Between them.
    pub beta_schedule: BetaSchedule,
    /// What the network says.
    pub prediction_type: Prediction,
    /// Which times a walk visits.
    pub timestep_spacing: Option<Spacing>,
    /// Added to each time where the spacing is `leading`.
    pub steps_offset: usize,
    /// Whether the walk ends at no noise, or at that of the first time (DDIM).
    pub set_alpha_to_one: bool,
    /// Whether the picture the network sees is kept within `clip_sample_range` (DDIM, LCM); diffusers' default is yes for DDIM.
    pub clip_sample: Option<bool>,
    /// See there.
    pub clip_sample_range: f64,
    /// Whether the last time has no signal left (Lin et al. 2023, algorithm 1).
    pub rescale_betas_zero_snr: bool,
    /// Noise spaced as Karras et al. 2022, equation 5, with ρ = 7.
    pub use_karras_sigmas: bool,
    /// Where the last step leads.
    pub final_sigmas_type: FinalSigma,
    /// Order of the multistep solvers: 1 to 3.
    pub solver_order: usize,
    /// Of DPM-Solver++: `midpoint` or `heun`; of UniPC: `bh1` or `bh2`.
    pub solver_type: String,
    /// Of DPM-Solver: only `dpmsolver++` is made.
    pub algorithm_type: String,
    /// Whether the last steps are of lower order.
    pub lower_order_final: bool,
    /// Whether the very last is of the first.
    pub euler_at_final: bool,
    /// Steps of the walk that a consistency model was distilled from (LCM).
    pub original_inference_steps: usize,
    /// Of LCM.
    pub timestep_scaling: f64,
    /// How far the times of a flow are shifted towards noise.
    pub shift: f64,
    /// Times shifted by the size of the picture: not made.
    pub use_dynamic_shifting: bool,
    /// Not made.
    pub thresholding: bool,
    /// Not made.
    pub trained_betas: Option<Vec<f64>>,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            class_name: String::new(),
            num_train_timesteps: 1000,
            beta_start: 0.0001,
            beta_end: 0.02,
            beta_schedule: BetaSchedule::Linear,
            prediction_type: Prediction::Epsilon,
            timestep_spacing: None,
            steps_offset: 0,
            set_alpha_to_one: true,
            clip_sample: None,
            clip_sample_range: 1.0,
            rescale_betas_zero_snr: false,
            use_karras_sigmas: false,
            final_sigmas_type: FinalSigma::Zero,
            solver_order: 2,
            solver_type: String::new(),
            algorithm_type: "dpmsolver++".to_owned(),
            lower_order_final: true,
            euler_at_final: false,
            original_inference_steps: 50,
            timestep_scaling: 10.0,
            shift: 1.0,
            use_dynamic_shifting: false,
            thresholding: false,
            trained_betas: None,
        }
    }
}

/// How the variance grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BetaSchedule {
    /// Evenly.
    Linear,
    /// Its root evenly (Rombach et al. 2022).
    ScaledLinear,
    /// By a squared cosine (Nichol and Dhariwal 2021, equation 17).
    #[serde(rename = "squaredcos_cap_v2")]
    SquaredCosine,
}

/// What the network says about a noisy picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prediction {
    /// The noise in it.
    Epsilon,
    /// The picture.
    Sample,
    /// The velocity between them (Salimans and Ho 2022).
    VPrediction,
}

/// Which times are visited (Lin et al. 2023, table 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spacing {
    /// From the first to the last, both included.
    Linspace,
    /// Evenly from the first on.
    Leading,
    /// Evenly back from the last.
    Trailing,
}

/// Where the last step leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalSigma {
    /// To no noise.
    Zero,
    /// To that of the first time.
    SigmaMin,
}

impl ScheduleConfig {
    /// Reads a `scheduler_config.json`. Python writes infinities there, which JSON does not have: none of them matters here.
    ///
    /// # Errors
    /// Where the text is no such file.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&text.replace(": -Infinity", ": null").replace(": Infinity", ": null").replace(": NaN", ": null"))
    }

    /// Share of the picture in the variance at each time: ∏(1 − β).
    pub(super) fn alphas(&self) -> Vec<f64> {
        let n = self.num_train_timesteps;
        let even = |from: f64, to: f64, i: usize| from + (to - from) * i as f64 / (n.max(2) - 1) as f64;
        let cosine = |t: f64| ((t + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).cos().powi(2);
        let beta = |i: usize| match self.beta_schedule {
            BetaSchedule::Linear => even(self.beta_start, self.beta_end, i),
            BetaSchedule::ScaledLinear => even(self.beta_start.sqrt(), self.beta_end.sqrt(), i).powi(2),
            BetaSchedule::SquaredCosine => (1.0 - cosine((i + 1) as f64 / n as f64) / cosine(i as f64 / n as f64)).min(0.999),
        };
        let mut product = 1.0;
        let mut alphas: Vec<f64> = (0..n)
            .map(|i| {
                product *= 1.0 - beta(i);
                product
            })
            .collect();
        if self.rescale_betas_zero_snr
            && let (Some(first), Some(last)) = (alphas.first().copied(), alphas.last().copied())
        {
            let (first, last) = (first.sqrt(), last.sqrt());
            for alpha in &mut alphas {
                *alpha = ((alpha.sqrt() - last) * first / (first - last)).powi(2);
            }
        }
        alphas
    }

    /// Times of `steps` steps, from noise to picture. `ends` counts both ends of a spacing by `linspace`; otherwise the end is left out, as the
    /// multistep solvers do.
    pub(super) fn times(&self, spacing: Spacing, steps: usize, ends: bool) -> Vec<f64> {
        let n = self.num_train_timesteps;
        match spacing {
            Spacing::Linspace if ends => {
                let stride = (n - 1) as f64 / (steps.max(2) - 1) as f64;
                let last = if steps == 1 { 0.0 } else { 1.0 };
                (0..steps).rev().map(|i| last * stride * i as f64).collect()
            }
            Spacing::Linspace => {
                (1..=steps).rev().map(|i| ((n - 1) as f64 * i as f64 / steps as f64).round_ties_even()).collect()
            }
            Spacing::Leading if ends => {
                let stride = n / steps;
                (0..steps).rev().map(|i| (i * stride + self.steps_offset) as f64).collect()
            }
            Spacing::Leading => {
                let stride = n / (steps + 1);
                (1..=steps).rev().map(|i| (i * stride + self.steps_offset) as f64).collect()
            }
            Spacing::Trailing => {
                let stride = n as f64 / steps as f64;
                (0..steps).map(|i| (n as f64 - stride * i as f64).round_ties_even() - 1.0).collect()
            }
        }
    }
}

/// Noise over picture at each time: √((1 − α)/α).
pub(super) fn sigmas(alphas: &[f64]) -> Vec<f64> {
    alphas.iter().map(|a| ((1.0 - a) / a).sqrt()).collect()
}

/// A value between those at whole places.
pub(super) fn between(values: &[f64], at: f64) -> f64 {
    let low = (at.max(0.0) as usize).min(values.len() - 1);
    let high = (low + 1).min(values.len() - 1);
    values[low] + (values[high] - values[low]) * (at - low as f64).clamp(0.0, 1.0)
}

/// The time at which noise is `sigma`, by its logarithm.
pub(super) fn time_of(sigma: f64, all: &[f64]) -> f64 {
    let log = sigma.max(1e-10).ln();
    let low = all.iter().rposition(|s| s.ln() <= log).unwrap_or(0).min(all.len() - 2);
    let (a, b) = (all[low].ln(), all[low + 1].ln());
    low as f64 + ((a - log) / (a - b)).clamp(0.0, 1.0)
}

/// `steps` numbers from `most` to `least`, even in the seventh root (Karras et al. 2022, equation 5).
pub(super) fn karras(most: f64, least: f64, steps: usize) -> Vec<f64> {
    const RHO: f64 = 7.0;
    let (from, to) = (most.powf(1.0 / RHO), least.powf(1.0 / RHO));
    (0..steps).map(|i| (from + i as f64 / (steps.max(2) - 1) as f64 * (to - from)).powf(RHO)).collect()
}
