//! Walks from noise to picture: DDIM, Euler, ancestral Euler, DPM-Solver++ (2M), UniPC, LCM, and Euler on a flow. Each step takes what the
//! network said and gives the next picture; noise comes from who asks, so that a seed decides everything.

use super::schedule::{FinalSigma, Prediction, ScheduleConfig, Spacing, between, karras, sigmas, time_of};

/// Which walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Song et al. 2020, equation 12, with η = 0.
    Ddim,
    /// Karras et al. 2022, algorithm 2 without churn.
    Euler,
    /// The same with fresh noise in each step (k-diffusion's `sample_euler_ancestral`).
    EulerAncestral,
    /// Lu et al. 2022, algorithm 2.
    DpmSolver,
    /// Zhao et al. 2023, with B(h).
    UniPc,
    /// Luo et al. 2023, section 4.
    Lcm,
    /// Euler's method on a rectified flow (Liu et al. 2022; Esser et al. 2024).
    FlowEuler,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Ddim, Self::Euler, Self::EulerAncestral, Self::DpmSolver, Self::UniPc, Self::Lcm, Self::FlowEuler];

    /// The text form, such as `dpm-solver`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ddim => "ddim",
            Self::Euler => "euler",
            Self::EulerAncestral => "euler-ancestral",
            Self::DpmSolver => "dpm-solver",
            Self::UniPc => "unipc",
            Self::Lcm => "lcm",
            Self::FlowEuler => "flow-euler",
        }
    }

    /// The walk of diffusers' class; `None` for one that is not made here.
    pub fn of_class(class: &str) -> Option<Self> {
        Some(match class {
            "DDIMScheduler" => Self::Ddim,
            "EulerDiscreteScheduler" => Self::Euler,
            "EulerAncestralDiscreteScheduler" => Self::EulerAncestral,
            "DPMSolverMultistepScheduler" => Self::DpmSolver,
            "UniPCMultistepScheduler" => Self::UniPc,
            "LCMScheduler" => Self::Lcm,
            "FlowMatchEulerDiscreteScheduler" => Self::FlowEuler,
            _ => return None,
        })
    }

    const fn spacing(self) -> Spacing {
        match self {
            Self::Ddim => Spacing::Leading,
            _ => Spacing::Linspace,
        }
    }
}

/// A way to walk that can be asked for: a method, and where its steps lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sampler {
    /// The method.
    pub method: Method,
    /// Whether steps lie as Karras et al. 2022, equation 5, has them.
    pub karras: bool,
}

impl Sampler {
    /// All that a model trained at discrete times can be walked with.
    pub fn discrete() -> impl Iterator<Item = Self> {
        let of = |karras| move |method| Self { method, karras };
        let all = [Method::DpmSolver, Method::UniPc, Method::Euler, Method::EulerAncestral, Method::Ddim, Method::Lcm];
        all.into_iter().map(of(false)).chain([Method::DpmSolver, Method::UniPc, Method::Euler].into_iter().map(of(true)))
    }

    /// Reads the text form, such as `dpm-solver-karras`.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, karras) = text.strip_suffix("-karras").map_or((text, false), |name| (name, true));
        let found = Method::ALL.into_iter().find(|method| method.as_str() == name)?;
        Some(Self { method: found, karras })
    }
}

impl std::fmt::Display for Sampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.method.as_str(), if self.karras { "-karras" } else { "" })
    }
}

/// A walk of so many steps, and where it stands.
#[derive(Debug, Clone)]
pub struct Walk {
    method: Method,
    config: ScheduleConfig,
    alphas: Vec<f64>,
    times: Vec<f64>,
    /// One more than times.
    sigmas: Vec<f64>,
    first_scale: f64,
    /// Pictures that the network saw in earlier steps, the newest last.
    seen: Vec<Vec<f32>>,
    /// The picture before the last step, and the order of that step (UniPC).
    last: Option<(Vec<f32>, usize)>,
    lower: usize,
}

/// Why a walk can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WalkError(String);

impl Walk {
    /// A walk of `steps` steps.
    ///
    /// # Errors
    /// When there are none or more than times, or the configuration asks for something that is not made.
    pub fn new(method: Method, config: &ScheduleConfig, steps: usize) -> Result<Self, WalkError> {
        let n = config.num_train_timesteps;
        let refuse = |problem: String| Err(WalkError(problem));
        if n < 2 || steps == 0 || steps > n {
            return refuse(format!("a walk has 1 to {n} steps, not {steps}"));
        }
        if config.thresholding || config.trained_betas.is_some() || config.use_dynamic_shifting {
            return refuse(
                "thresholding, trained_betas and use_dynamic_shifting are not made: choose another scheduler".to_owned(),
            );
        }
        if method == Method::DpmSolver && (config.algorithm_type != "dpmsolver++" || config.solver_order > 2) {
            return refuse("of DPM-Solver only `dpmsolver++` of order 1 or 2 is made".to_owned());
        }
        if !(1..=3).contains(&config.solver_order) {
            return refuse(format!("solver_order is {}, where 1 to 3 are made", config.solver_order));
        }
        if method == Method::Lcm && (steps > config.original_inference_steps || config.original_inference_steps > n) {
            return refuse(format!("LCM walks at most {} steps", config.original_inference_steps));
        }
        let alphas = config.alphas();
        let all = sigmas(&alphas);
        let spacing = config.timestep_spacing.unwrap_or(method.spacing());
        let last = match config.final_sigmas_type {
            FinalSigma::Zero => 0.0,
            FinalSigma::SigmaMin => all[0],
        };
        let (mut times, mut walked) = match method {
            Method::Ddim => {
                let times = config.times(spacing, steps, true);
                (times.into_iter().map(f64::round_ties_even).collect(), vec![0.0; steps + 1])
            }
            Method::Lcm => {
                let (original, stride) = (config.original_inference_steps, n / config.original_inference_steps);
                let of = |i: usize| ((original - i * original / steps) * stride - 1) as f64;
                ((0..steps).map(of).collect(), vec![0.0; steps + 1])
            }
            Method::FlowEuler => {
                let shifted = |s: f64| config.shift * s / (1.0 + (config.shift - 1.0) * s);
                let (most, least) = (shifted(1.0), shifted(1.0 / n as f64));
                let even = |i: usize| most + (least - most) * i as f64 / (steps.max(2) - 1) as f64;
                let sigmas: Vec<f64> = (0..steps).map(|i| shifted(even(i))).collect();
                (sigmas.iter().map(|s| s * n as f64).collect(), sigmas)
            }
            _ => {
                let ends = matches!(method, Method::Euler | Method::EulerAncestral);
                let times = config.times(spacing, steps, ends);
                let sigmas = times.iter().map(|t| between(&all, *t)).collect();
                (times, sigmas)
            }
        };
        if config.use_karras_sigmas && matches!(method, Method::Euler | Method::DpmSolver | Method::UniPc) {
            // Euler's from its own first to its own last, the solvers' over all times.
            let (most, least) =
                if method == Method::Euler { (walked[0], walked[walked.len() - 1]) } else { (all[n - 1], all[0]) };
            walked = karras(most, least, steps);
            let whole = method != Method::Euler
                && !(method == Method::DpmSolver && config.beta_schedule == super::schedule::BetaSchedule::SquaredCosine);
            let time = |s: &f64| if whole { time_of(*s, &all).round_ties_even() } else { time_of(*s, &all) };
            times = walked.iter().map(time).collect();
        }
        match method {
            Method::Ddim | Method::Lcm => {}
            Method::FlowEuler | Method::EulerAncestral => walked.push(0.0),
            Method::UniPc if config.use_karras_sigmas && config.final_sigmas_type == FinalSigma::SigmaMin => {
                walked.push(walked[walked.len() - 1]);
            }
            _ => walked.push(last),
        }
        let first_scale = match method {
            Method::Euler | Method::EulerAncestral => {
                let most = walked.iter().copied().fold(0.0, f64::max);
                if spacing == Spacing::Leading { (most * most + 1.0).sqrt() } else { most }
            }
            _ => 1.0,
        };
        let config = config.clone();
        Ok(Self { method, config, alphas, times, sigmas: walked, first_scale, seen: Vec::new(), last: None, lower: 0 })
    }

    /// The times at which the network is asked, from noise to picture.
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// What pure noise of variance 1 is multiplied with before the first step.
    pub fn first_scale(&self) -> f64 {
        self.first_scale
    }

    /// The share of noise in a picture at step `i`, and of the picture: to begin a walk from a picture.
    pub fn shares(&self, i: usize) -> [f64; 2] {
        match self.method {
            Method::Euler | Method::EulerAncestral => [self.sigmas[i], 1.0],
            Method::FlowEuler => [self.sigmas[i], 1.0 - self.sigmas[i]],
            Method::DpmSolver | Method::UniPc => {
                let (alpha, sigma, _) = self.at(i);
                [sigma, alpha]
            }
            Method::Ddim | Method::Lcm => {
                let alpha = self.alphas[self.times[i] as usize];
                [(1.0 - alpha).sqrt(), alpha.sqrt()]
            }
        }
    }

    /// What the network is shown at step `i`.
    pub fn scale_input(&self, i: usize, x: &[f32]) -> Vec<f32> {
        let factor = match self.method {
            Method::Euler | Method::EulerAncestral => 1.0 / (self.sigmas[i].powi(2) + 1.0).sqrt(),
            _ => 1.0,
        };
        x.iter().map(|x| (f64::from(*x) * factor) as f32).collect()
    }

    /// Step `i`: from `x` and what the network said of it to the next picture. Steps are taken in order, each once. `noise` gives as many numbers
    /// as `x` has, of variance 1; it is asked only where the walk adds noise.
    pub fn step(&mut self, i: usize, said: &[f32], x: &[f32], noise: &mut dyn FnMut() -> Vec<f32>) -> Vec<f32> {
        match self.method {
            Method::Ddim => self.ddim(i, said, x),
            Method::Euler => {
                let sigma = self.sigmas[i];
                let dt = self.sigmas[i + 1] - sigma;
                let picture = self.picture_at(sigma, said, x);
                mix(&[(x, 1.0 + dt / sigma), (&picture, -dt / sigma)])
            }
            Method::EulerAncestral => {
                let (sigma, to) = (self.sigmas[i], self.sigmas[i + 1]);
                let up = (to.powi(2) * (sigma.powi(2) - to.powi(2)) / sigma.powi(2)).sqrt();
                let dt = (to.powi(2) - up.powi(2)).max(0.0).sqrt() - sigma;
                let picture = self.picture_at(sigma, said, x);
                let fresh = noise();
                mix(&[(x, 1.0 + dt / sigma), (&picture, -dt / sigma), (&fresh, up)])
            }
            Method::FlowEuler => mix(&[(x, 1.0), (said, self.sigmas[i + 1] - self.sigmas[i])]),
            Method::Lcm => self.lcm(i, said, x, noise),
            Method::DpmSolver => self.dpm_solver(i, said, x),
            Method::UniPc => self.unipc(i, said, x),
        }
    }

    /// The picture that the network saw at step `i`, from what it said of `x`.
    pub fn guess(&self, i: usize, said: &[f32], x: &[f32]) -> Vec<f32> {
        match self.method {
            Method::Euler | Method::EulerAncestral => self.picture_at(self.sigmas[i], said, x),
            Method::FlowEuler => mix(&[(x, 1.0), (said, -self.sigmas[i])]),
            Method::DpmSolver | Method::UniPc => self.seen_at(i, said, x),
            Method::Ddim | Method::Lcm => self.picture_and_noise(self.alphas[self.times[i] as usize], said, x).0,
        }
    }

    /// The picture seen behind noise σ that was added to it.
    fn picture_at(&self, sigma: f64, said: &[f32], x: &[f32]) -> Vec<f32> {
        match self.config.prediction_type {
            Prediction::Epsilon => mix(&[(x, 1.0), (said, -sigma)]),
            Prediction::Sample => said.to_vec(),
            Prediction::VPrediction => {
                let square = sigma.powi(2) + 1.0;
                mix(&[(said, -sigma / square.sqrt()), (x, 1.0 / square)])
            }
        }
    }

    /// The picture seen where variances add to 1, and the noise with it.
    fn picture_and_noise(&self, alpha: f64, said: &[f32], x: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (a, b) = (alpha.sqrt(), (1.0 - alpha).sqrt());
        match self.config.prediction_type {
            Prediction::Epsilon => (mix(&[(x, 1.0 / a), (said, -b / a)]), said.to_vec()),
            Prediction::Sample => (said.to_vec(), mix(&[(x, 1.0 / b), (said, -a / b)])),
            Prediction::VPrediction => (mix(&[(x, a), (said, -b)]), mix(&[(said, a), (x, b)])),
        }
    }

    fn clip(&self, picture: &mut [f32], default: bool) {
        if self.config.clip_sample.unwrap_or(default) {
            let most = self.config.clip_sample_range as f32;
            picture.iter_mut().for_each(|x| *x = x.clamp(-most, most));
        }
    }

    fn ddim(&self, i: usize, said: &[f32], x: &[f32]) -> Vec<f32> {
        let t = self.times[i];
        let before = t - (self.config.num_train_timesteps / self.times.len()) as f64;
        let end = if self.config.set_alpha_to_one { 1.0 } else { self.alphas[0] };
        let next = if before >= 0.0 { self.alphas[before as usize] } else { end };
        let (mut picture, noise) = self.picture_and_noise(self.alphas[t as usize], said, x);
        self.clip(&mut picture, true);
        mix(&[(&picture, next.sqrt()), (&noise, (1.0 - next).sqrt())])
    }

    fn lcm(&self, i: usize, said: &[f32], x: &[f32], noise: &mut dyn FnMut() -> Vec<f32>) -> Vec<f32> {
        const DATA: f64 = 0.5;
        let t = self.times[i];
        let (mut picture, _) = self.picture_and_noise(self.alphas[t as usize], said, x);
        self.clip(&mut picture, false);
        let scaled = t * self.config.timestep_scaling;
        let square = scaled.powi(2) + DATA.powi(2);
        let seen = mix(&[(&picture, scaled / square.sqrt()), (x, DATA.powi(2) / square)]);
        match self.times.get(i + 1) {
            None => seen,
            Some(next) => {
                let alpha = self.alphas[*next as usize];
                mix(&[(&seen, alpha.sqrt()), (&noise(), (1.0 - alpha).sqrt())])
            }
        }
    }

    /// The picture that the network sees at step `i` of a multistep walk.
    fn seen_at(&self, i: usize, said: &[f32], x: &[f32]) -> Vec<f32> {
        self.picture_and_noise(1.0 / (self.sigmas[i].powi(2) + 1.0), said, x).0
    }

    fn remember(&mut self, picture: Vec<f32>) {
        if self.seen.len() == self.config.solver_order {
            self.seen.remove(0);
        }
        self.seen.push(picture);
    }

    /// α, σ and λ = ln α − ln σ at a place of the walk.
    fn at(&self, i: usize) -> (f64, f64, f64) {
        let sigma = self.sigmas[i];
        let alpha = 1.0 / (sigma.powi(2) + 1.0).sqrt();
        (alpha, sigma * alpha, -sigma.ln())
    }

    /// The newest picture but `n`.
    fn newest(&self, n: usize) -> &[f32] {
        self.seen.len().checked_sub(n + 1).map_or(&[], |at| &self.seen[at])
    }

    fn dpm_solver(&mut self, i: usize, said: &[f32], x: &[f32]) -> Vec<f32> {
        let picture = self.seen_at(i, said, x);
        self.remember(picture);
        let steps = self.times.len();
        let ends = self.config.euler_at_final
            || self.config.lower_order_final && steps < 15
            || self.config.final_sigmas_type == FinalSigma::Zero;
        let first = self.config.solver_order == 1 || self.lower < 1 || i + 1 == steps && ends;
        self.lower = (self.lower + 1).min(self.config.solver_order);
        let ((alpha, sigma, lambda), (_, sigma0, lambda0)) = (self.at(i + 1), self.at(i));
        let h = lambda - lambda0;
        let grown = alpha * (-h).exp_m1();
        if first {
            return mix(&[(x, sigma / sigma0), (self.newest(0), -grown)]);
        }
        let r = (lambda0 - self.at(i - 1).2) / h;
        let slope = match self.config.solver_type.as_str() {
            "heun" => alpha * ((-h).exp_m1() / h + 1.0),
            _ => -0.5 * grown,
        };
        mix(&[(x, sigma / sigma0), (self.newest(0), -grown + slope / r), (self.newest(1), -slope / r)])
    }

    fn unipc(&mut self, i: usize, said: &[f32], x: &[f32]) -> Vec<f32> {
        let picture = self.seen_at(i, said, x);
        let x = match self.last.take() {
            Some((last, order)) => self.corrected(i, &picture, &last, order),
            None => x.to_vec(),
        };
        self.remember(picture);
        let most = self.config.solver_order;
        let order = if self.config.lower_order_final { most.min(self.times.len() - i) } else { most };
        let order = order.min(self.lower + 1);
        self.lower = (self.lower + 1).min(most);
        let next = self.predicted(i, &x, order);
        self.last = Some((x, order));
        next
    }

    /// φ-functions of a step from place `from` to `to`: their matrix, right side, B(h), eʰ − 1, with the places of earlier pictures by `earlier`.
    fn coefficients(&self, from: usize, to: usize, order: usize) -> (Vec<f64>, Vec<Vec<f64>>, Vec<f64>, f64, f64) {
        let (lambda, lambda0) = (self.at(to).2, self.at(from).2);
        let h = lambda - lambda0;
        let mut ratios: Vec<f64> = (1..order).map(|n| (self.at(from - n).2 - lambda0) / h).collect();
        ratios.push(1.0);
        let hh = -h;
        let grown = hh.exp_m1();
        let b_h = if self.config.solver_type == "bh1" { hh } else { grown };
        let (mut phi, mut factorial) = (grown / hh - 1.0, 1.0);
        let (mut matrix, mut right) = (Vec::new(), Vec::new());
        for k in 1..=order {
            matrix.push(ratios.iter().map(|r| r.powi(k as i32 - 1)).collect());
            right.push(phi * factorial / b_h);
            factorial *= (k + 1) as f64;
            phi = phi / hh - 1.0 / factorial;
        }
        (ratios, matrix, right, b_h, grown)
    }

    fn predicted(&self, i: usize, x: &[f32], order: usize) -> Vec<f32> {
        let ((alpha, sigma, _), (_, sigma0, _)) = (self.at(i + 1), self.at(i));
        let (ratios, matrix, right, b_h, grown) = self.coefficients(i, i + 1, order);
        let weights = match order {
            1 => Vec::new(),
            2 => vec![0.5],
            _ => solve(matrix[..order - 1].iter().map(|row| row[..order - 1].to_vec()).collect(), right[..order - 1].to_vec()),
        };
        let mut terms = vec![(x, sigma / sigma0), (self.newest(0), -alpha * grown)];
        for (n, weight) in weights.iter().enumerate() {
            let by = -alpha * b_h * weight / ratios[n];
            terms.push((self.newest(n + 1), by));
            terms.push((self.newest(0), -by));
        }
        mix(&terms)
    }

    fn corrected(&self, i: usize, picture: &[f32], last: &[f32], order: usize) -> Vec<f32> {
        let ((alpha, sigma, _), (_, sigma0, _)) = (self.at(i), self.at(i - 1));
        let (ratios, matrix, right, b_h, grown) = self.coefficients(i - 1, i, order);
        let weights = if order == 1 { vec![0.5] } else { solve(matrix, right) };
        let mut terms = vec![(last, sigma / sigma0), (self.newest(0), -alpha * grown)];
        for (n, weight) in weights[..order - 1].iter().enumerate() {
            let by = -alpha * b_h * weight / ratios[n];
            terms.push((self.newest(n + 1), by));
            terms.push((self.newest(0), -by));
        }
        let by = -alpha * b_h * weights[order - 1];
        terms.push((picture, by));
        terms.push((self.newest(0), -by));
        mix(&terms)
    }
}

/// Σ factor · numbers, in f64.
fn mix(terms: &[(&[f32], f64)]) -> Vec<f32> {
    let n = terms.first().map_or(0, |(numbers, _)| numbers.len());
    (0..n).map(|i| terms.iter().map(|(numbers, by)| f64::from(numbers[i]) * by).sum::<f64>() as f32).collect()
}

/// Solves a small system by elimination with the greatest pivot.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|i, j| a[*i][column].abs().total_cmp(&a[*j][column].abs())).unwrap_or(column);
        a.swap(column, pivot);
        b.swap(column, pivot);
        for row in column + 1..n {
            let by = a[row][column] / a[column][column];
            let (above, below) = a.split_at_mut(row);
            below[0][column..].iter_mut().zip(&above[column][column..]).for_each(|(x, y)| *x -= by * y);
            b[row] -= by * b[column];
        }
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|k| a[row][k] * b[k]).sum();
        b[row] = (b[row] - known) / a[row][row];
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latent() -> ScheduleConfig {
        ScheduleConfig::parse(r#"{"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": false, "lambda_min_clipped": -Infinity}"#)
            .unwrap()
    }

    /// Numbers of an even spread.
    fn some(n: usize, by: f32) -> Vec<f32> {
        (0..n).map(|i| ((i as f32 * by).sin() * 43_758.547).fract()).collect()
    }

    #[test]
    fn against_published_values() {
        // k-diffusion and every tool after it: the noise of Stable Diffusion goes from 0.0292 to 14.6146.
        let euler = Walk::new(Method::Euler, &latent(), 10).unwrap();
        assert!((euler.first_scale() - 14.6146).abs() < 1e-4 && euler.times()[0] == 999.0, "{}", euler.first_scale());
        // DDIM with 50 steps visits 981, 961, …, 1 (Rombach et al.'s own sampler).
        let ddim = Walk::new(Method::Ddim, &ScheduleConfig { steps_offset: 1, ..latent() }, 50).unwrap();
        assert_eq!((ddim.times()[0], ddim.times()[1], ddim.times()[49]), (981.0, 961.0, 1.0));
        // Four steps of a consistency model (Luo et al. 2023): 999, 759, 499, 259.
        assert_eq!(Walk::new(Method::Lcm, &latent(), 4).unwrap().times(), [999.0, 759.0, 499.0, 259.0]);
        // Turbo's single step, and a flow shifted by 3 (Esser et al. 2024, equation 23).
        let trailing = ScheduleConfig { timestep_spacing: Some(Spacing::Trailing), ..latent() };
        assert_eq!(Walk::new(Method::EulerAncestral, &trailing, 1).unwrap().times(), [999.0]);
        let flow = Walk::new(Method::FlowEuler, &ScheduleConfig { shift: 3.0, ..latent() }, 28).unwrap();
        assert!((flow.times()[0] - 1000.0).abs() < 1e-9 && flow.times().windows(2).all(|w| w[0] > w[1]));
    }

    #[test]
    fn a_network_that_is_always_right_leads_to_the_picture() {
        let (picture, noise) = (some(12, 0.7), some(12, 1.3));
        for method in Method::ALL {
            for prediction in [Prediction::Epsilon, Prediction::VPrediction] {
                for steps in [1, 2, 5, 16, 30] {
                    let config = ScheduleConfig { prediction_type: prediction, ..latent() };
                    let mut walk = Walk::new(method, &config, steps).unwrap();
                    let [share, kept] = walk.shares(0);
                    let mut x = mix(&[(&picture, kept), (&noise, share)]);
                    for i in 0..steps {
                        let [share, kept] = walk.shares(i);
                        let root = (share * share + kept * kept).sqrt();
                        // The noise that is really in it, in the words of each kind.
                        let inside = mix(&[(&x, 1.0 / share), (&picture, -kept / share)]);
                        let said = match (method, prediction) {
                            (Method::FlowEuler, _) => mix(&[(&inside, 1.0), (&picture, -1.0)]),
                            (_, Prediction::Epsilon) => inside,
                            _ => mix(&[(&inside, kept / root), (&picture, -share / root)]),
                        };
                        x = walk.step(i, &said, &x, &mut || some(12, 2.1 + i as f32));
                    }
                    // DDIM's last step and LCM's leave a little of the noise by design.
                    let most = if matches!(method, Method::Ddim | Method::Lcm) { 0.03 } else { 2e-3 };
                    let apart = x.iter().zip(&picture).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
                    assert!(apart < most, "{method:?} {prediction:?} {steps}: {apart}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_made_is_said() {
        let refused = |method, config: ScheduleConfig, steps| Walk::new(method, &config, steps).unwrap_err().to_string();
        assert!(refused(Method::Euler, latent(), 0).contains("1 to 1000 steps"));
        assert!(refused(Method::Ddim, latent(), 1001).contains("1 to 1000 steps"));
        assert!(refused(Method::Lcm, latent(), 51).contains("at most 50"));
        assert!(
            refused(Method::FlowEuler, ScheduleConfig { use_dynamic_shifting: true, ..latent() }, 4).contains("choose another")
        );
        assert!(
            refused(Method::DpmSolver, ScheduleConfig { algorithm_type: "sde-dpmsolver++".into(), ..latent() }, 4)
                .contains("dpmsolver++")
        );
        assert!(refused(Method::UniPc, ScheduleConfig { solver_order: 4, ..latent() }, 4).contains("1 to 3"));
        assert!(Method::of_class("PNDMScheduler").is_none() && Method::ALL.iter().all(|m| !m.as_str().is_empty()));
    }
}
