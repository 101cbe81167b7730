//! The loop's body: one step, one validation, one grid of samples.

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor, Var};

use super::adapter::AdapterSettings;
use super::bank::Bank;
use super::checkpoint::{self, Head};
use super::example::{self, Example, SHORTEST, learn, measure};
use super::optimiser::{Slot, clip};
use super::settings::TrainSettings;
use crate::digest::{Sha256Hash, sha256_of};
use crate::generation::backend::{Flow, Picture};
use crate::generation::candle::Place;
use crate::generation::config::{ModelConfig, ModelFiles, NetworkSizes};
use crate::generation::pixel::{Moment, Network, Sizes, Walk, adapter_parameters, input, unpack};
use crate::generation::scheduler::euler;
use crate::generation::text::{NULL, PAD, Vocab};
use crate::generation::vae::to_bytes;
use crate::generation::weights::{LoadError, Weights, first_line};

/// Room for candle's way back through the graph, which recurses.
const STACK: usize = 256 << 20;
/// Steps after which the optimisers' means need no correction for their youth.
const MATURE: u64 = 10_000;
/// Held-out pictures a validation looks at.
const MEASURED: usize = 256;

/// Mean losses of a validation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Losses {
    /// With the works that were looked up.
    pub with_works: f64,
    /// Without any.
    pub without: f64,
}

/// A run.
pub struct Trainer {
    /// Its settings.
    pub settings: TrainSettings,
    /// The network's sizes.
    pub sizes: Sizes,
    /// Steps done.
    pub step: u64,
    /// The checkpoint of another run that it was begun from: part of what it stands on, so it is kept in its own checkpoints.
    pub begun_from: Option<Sha256Hash>,
    pub(super) slots: Vec<Slot>,
    /// Weights that stay as they are while an adapter's additions are learnt.
    base: Option<BTreeMap<String, Tensor>>,
    device: Device,
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Trainer({} at step {} of {})", self.settings.name, self.step, self.settings.steps)
    }
}

impl Trainer {
    /// At the beginning.
    pub fn new(settings: TrainSettings, vocabulary: usize, place: Place) -> Result<Self> {
        let device = place.device()?;
        let sizes = settings.sizes(vocabulary);
        let slots = Network::parameters(&sizes)
            .into_iter()
            .map(|parameter| {
                let value = parameter.first(settings.seed, &sizes);
                Slot::new(parameter, value)
            })
            .collect();
        Ok(Self { settings, sizes, step: 0, begun_from: None, slots, base: None, device })
    }

    /// An adapter at its beginning, on the model of these files.
    pub fn adapter(settings: &AdapterSettings, files: &ModelFiles, place: Place) -> std::result::Result<Self, LoadError> {
        let vocab = Vocab::read(&files.vocab)?;
        let broken = |cause: String| LoadError::Malformed { file: files.config.name.clone(), cause };
        let NetworkSizes::Pixels(sizes) = ModelConfig::read(&files.config, &vocab)?.network else {
            return Err(broken("this model takes no adapters".into()));
        };
        let sizes = Sizes { vocabulary: vocab.len(), ..sizes };
        let device = place.device().map_err(|e| LoadError::Device { device: format!("{place:?}"), cause: first_line(&e) })?;
        let mut weights = Weights::open(&files.weights, &device)?;
        let base = Network::parameters(&sizes)
            .into_iter()
            .map(|p| Ok((p.name.clone(), weights.take(&p.name, &p.shape)?)))
            .collect::<std::result::Result<_, LoadError>>()?;
        weights.finish()?;
        let run = settings.run(sizes.clone()).map_err(broken)?;
        let slots = adapter_parameters(&sizes, settings.rank)
            .into_iter()
            .map(|parameter| {
                let value = parameter.first(run.seed, &sizes);
                Slot::new(parameter, value)
            })
            .collect();
        Ok(Self { settings: run, sizes, step: 0, begun_from: None, slots, base: Some(base), device })
    }

    /// The network with these numbers for what is learnt.
    pub(super) fn network(&self, learnt: BTreeMap<String, Tensor>) -> Network {
        let (sizes, precision) = (self.sizes.clone(), self.settings.precision());
        match &self.base {
            Some(base) => Network::new(sizes, base.clone(), precision).with_adapter(learnt),
            None => Network::new(sizes, learnt, precision),
        }
    }

    /// Goes on from a checkpoint of the same settings and dataset.
    pub fn resume(&mut self, file: &[u8], settings: &str, dataset: &str) -> std::result::Result<(), String> {
        let head = checkpoint::head(file)?;
        if head.settings != settings {
            return Err(
                "the checkpoint is of other settings: name another folder, or begin from its weights with `--from`".into()
            );
        }
        if head.dataset != dataset {
            return Err("the checkpoint is of another dataset: name another folder".into());
        }
        checkpoint::read(file, &mut self.slots)?;
        (self.step, self.begun_from) = (head.step, head.begun_from);
        Ok(())
    }

    /// Begins with what another run on the same dataset came to, its optimisers' memory included; the steps are counted anew. What it
    /// learnt from another dataset would stay in the weights without standing in the record.
    pub fn begin_from(&mut self, file: &[u8], dataset: &str) -> std::result::Result<(), String> {
        if checkpoint::head(file)?.dataset != dataset {
            return Err(
                "the checkpoint to begin from is of another dataset: its works would not stand in this run's record".into()
            );
        }
        checkpoint::read(file, &mut self.slots)?;
        self.begun_from = Some(sha256_of(file));
        Ok(())
    }

    /// The run as it stands.
    pub fn checkpoint(&self, settings: &str, dataset: &str) -> std::result::Result<Vec<u8>, String> {
        let begun_from = self.begun_from;
        let head = Head { step: self.step, settings: settings.to_owned(), dataset: dataset.to_owned(), begun_from };
        checkpoint::write(&self.slots, &head)
    }

    /// The averaged weights as f16, `said` in the file's own header.
    pub fn weights(&self, said: &str) -> std::result::Result<Vec<u8>, String> {
        checkpoint::weights(&self.slots, said)
    }

    /// Numbers of the network.
    pub fn parameters(&self) -> usize {
        self.slots.iter().map(|slot| slot.value.len()).sum()
    }

    pub(super) fn tensors(&self, average: bool) -> Result<BTreeMap<String, Tensor>> {
        let tensor = |slot: &Slot| {
            let numbers = if average { slot.average.clone() } else { slot.value.clone() };
            Ok((slot.parameter.name.clone(), Tensor::from_vec(numbers, slot.parameter.shape.clone(), &self.device)?))
        };
        self.slots.iter().map(tensor).collect()
    }

    /// One step. The mean loss and the gradients' norm before clipping.
    pub fn step(&mut self, bank: &Bank) -> Result<(f64, f64)> {
        let replicas = self.settings.replicas;
        let share = self.settings.batch / replicas;
        let vars: BTreeMap<String, Var> =
            self.tensors(false)?.into_iter().map(|(name, t)| Ok((name, Var::from_tensor(&t)?))).collect::<Result<_>>()?;
        let first = self.step * self.settings.batch as u64;
        let teacher = match self.settings.examples.shortcut > 0.0 {
            true => Some(self.network(self.tensors(true)?)),
            false => None,
        };
        let work = |replica: usize| -> Result<(f64, Vec<Vec<f32>>)> {
            let from = first + (replica * share) as u64;
            let mut examples: Vec<Example> =
                (from..from + share as u64).map(|n| learn(bank, &self.settings, &self.sizes, n)).collect();
            examples.sort_by_key(|example| example.stride == 0.0);
            let tensors = vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
            let network = self.network(tensors);
            let loss = self.loss(&network, teacher.as_ref(), &examples)?;
            let gradients = loss.backward()?;
            let gathered = self.slots.iter().map(|slot| match gradients.get(&vars[&slot.parameter.name]) {
                Some(gradient) => gradient.flatten_all()?.to_vec1(),
                None => Err(candle_core::Error::Msg(format!("`{}` gets no gradient", slot.parameter.name))),
            });
            Ok((f64::from(loss.to_scalar::<f32>()?), gathered.collect::<Result<_>>()?))
        };
        let answers = parallel(replicas, &work)?;
        let loss = answers.iter().map(|(loss, _)| loss).sum::<f64>() / replicas as f64;
        let mut gradients: Vec<Vec<f32>> = Vec::new();
        for (_, each) in answers {
            if gradients.is_empty() {
                gradients = each;
            } else {
                let pairs = gradients.iter_mut().flatten().zip(each.iter().flatten());
                pairs.for_each(|(sum, g)| *sum += g);
            }
        }
        gradients.iter_mut().flatten().for_each(|g| *g /= replicas as f32);
        let norm = clip(&mut gradients, self.settings.clip);
        if !loss.is_finite() || !norm.is_finite() {
            candle_core::bail!("the loss is no number at step {}: lower the rates and go on from the last checkpoint", self.step);
        }
        self.learn(gradients);
        self.step += 1;
        Ok((loss, norm))
    }

    /// Each parameter's step on its own; spread over as many threads as there are replicas.
    fn learn(&mut self, gradients: Vec<Vec<f32>>) {
        // What another run came to brings its optimisers' memory and its average along: they are not young again.
        let age = if self.begun_from.is_some() { MATURE } else { 0 };
        let (step, factor) = (age + self.step, self.settings.factor(self.step));
        let settings = &self.settings;
        let mut shares: Vec<Vec<(&mut Slot, Vec<f32>)>> = (0..settings.replicas).map(|_| Vec::new()).collect();
        for (i, pair) in self.slots.iter_mut().zip(gradients).enumerate() {
            shares[i % settings.replicas].push(pair);
        }
        std::thread::scope(|scope| {
            for share in shares {
                scope.spawn(move || share.into_iter().for_each(|(slot, mut g)| slot.step(&mut g, step, factor, settings)));
            }
        });
    }

    /// Mean of |x̂ − x|² ÷ (1 − t)²: the error of the flow's velocity. For long steps, which stand first, x is what `teacher` would draw.
    fn loss(&self, network: &Network, teacher: Option<&Network>, examples: &[Example]) -> Result<Tensor> {
        let (n, s) = (examples.len(), &self.sizes);
        let gather = |part: &dyn Fn(&Example) -> &[f32], shape: &[usize]| {
            let numbers: Vec<f32> = examples.iter().flat_map(part).copied().collect();
            Tensor::from_vec(numbers, shape, &self.device)
        };
        let column = |f: &dyn Fn(f32) -> f32| {
            let numbers: Vec<f32> = examples.iter().map(|e| f(e.time)).collect();
            Tensor::from_vec(numbers, (n, 1, 1), &self.device)
        };
        let tokens: Vec<u32> = examples.iter().flat_map(|e| e.tokens.iter().copied()).collect();
        let tokens = Tensor::from_vec(tokens, (n, s.text_slots), &self.device)?;
        let works = gather(&|e| &e.works, &[n, s.works, s.tokens(), s.pixels()])?;
        let present = gather(&|e| &e.present, &[n, s.works])?;
        let image = [n, s.tokens(), s.pixels()];
        let (picture, noise) = (gather(&|e| &e.picture, &image)?, gather(&|e| &e.noise, &image)?);
        let (planes, draft) = (gather(&|e| &e.planes, &[n, s.tokens(), s.planes()])?, gather(&|e| &e.draft, &image)?);
        let x = (picture.broadcast_mul(&column(&|t| t)?)? + noise.broadcast_mul(&column(&|t| 1.0 - t)?)?)?;
        let time = column(&|t| t)?.flatten_all()?;
        let strides: Vec<f32> = examples.iter().map(|e| e.stride).collect();
        let long = strides.iter().take_while(|stride| **stride > 0.0).count();
        let target = match teacher {
            Some(teacher) if long > 0 => {
                let first = |t: &Tensor| t.narrow(0, 0, long);
                let asked = [first(&tokens)?, first(&works)?, first(&present)?];
                let steps: Vec<(f32, f32)> = examples[..long].iter().map(|e| (e.time, e.stride)).collect();
                let given = [first(&x)?, first(&planes)?, first(&draft)?];
                let far = self.two_half_steps(teacher, &asked, &given, &steps)?;
                if long == n { far } else { Tensor::cat(&[far, picture.narrow(0, long, n - long)?], 0)? }
            }
            _ => picture,
        };
        let context = network.context(&tokens, &works, &present)?;
        let stride = Tensor::from_vec(strides, n, &self.device)?;
        let moment = Moment { input: &input(&x, &planes, &draft)?, draft: &draft, time: &time, stride: &stride };
        let error = (network.picture(&moment, &context)? - target)?.sqr()?;
        let floor = self.settings.examples.time_floor as f32;
        let weight = column(&|t| 1.0 / (1.0 - t).max(floor).powi(2))?.flatten_all()?;
        // Rows first: candle sums the last dimension fast and all at once slowly.
        let each = error.flatten_from(1)?.sum(1)?.affine(1.0 / (s.tokens() * s.pixels()) as f64, 0.0)?;
        (each * weight)?.mean_all()
    }

    /// The picture that one long step would have to see to arrive where `teacher` arrives in two half steps (Frans et al. 2024, eq. 4,
    /// written for a network that returns pictures). The shortest half steps are steps of the flow itself, with guidance.
    pub(super) fn two_half_steps(
        &self,
        teacher: &Network,
        asked: &[Tensor; 3],
        given: &[Tensor; 3],
        steps: &[(f32, f32)],
    ) -> Result<Tensor> {
        let ([tokens, works, present], [x, planes, draft], n) = (asked, given, steps.len());
        let (s, g) = (&self.sizes, self.settings.examples.shortcut_guidance);
        let column = |f: &dyn Fn(f32, f32) -> f32| {
            let numbers: Vec<f32> = steps.iter().map(|&(t, stride)| f(t, stride)).collect();
            Tensor::from_vec(numbers, (n, 1, 1), &self.device)
        };
        let of_flow = |stride: f32| f64::from(stride) < 2.0 * SHORTEST;
        let mut nothing = vec![PAD; s.text_slots];
        nothing[0] = NULL;
        let nothing = Tensor::from_vec(nothing.repeat(n), (n, s.text_slots), &self.device)?;
        let with = teacher.context(tokens, works, present)?;
        let without = teacher.context(&nothing, &works.zeros_like()?, &present.zeros_like()?)?;
        let half = column(&|_, stride| if of_flow(stride) { 0.0 } else { stride / 2.0 })?.flatten_all()?;
        // 1 where there is no guidance.
        let pull = column(&|_, stride| if of_flow(stride) { g as f32 } else { 1.0 })?;
        let none = draft.zeros_like()?;
        let see = |x: &Tensor, time: &Tensor| -> Result<Tensor> {
            let moment = Moment { input: &input(x, planes, draft)?, draft, time, stride: &half };
            let answer = teacher.picture(&moment, &with)?;
            let moment = Moment { input: &input(x, planes, &none)?, draft: &none, time, stride: &half };
            let plain = teacher.picture(&moment, &without)?;
            (&plain + (answer - &plain)?.broadcast_mul(&pull)?)?.clamp(-1.2f32, 1.2)
        };
        let time = column(&|t, _| t)?.flatten_all()?;
        let later = column(&|t, stride| t + stride / 2.0)?.flatten_all()?;
        let first = see(x, &time)?;
        let share = column(&|t, stride| stride / 2.0 / (1.0 - t))?;
        let middle = (x + (&first - x)?.broadcast_mul(&share)?)?;
        let second = see(&middle, &later)?;
        // Both velocities, and from their mean back to a picture.
        let v1 = (first - x)?.broadcast_mul(&column(&|t, _| 1.0 / (1.0 - t))?)?;
        let v2 = (second - &middle)?.broadcast_mul(&column(&|t, stride| 1.0 / (1.0 - t - stride / 2.0))?)?;
        (x + ((v1 + v2)? * 0.5)?.broadcast_mul(&column(&|t, _| 1.0 - t)?)?)?.clamp(-1.2f32, 1.2)
    }

    /// Loss of the averaged weights over held-out works.
    pub fn validate(&self, bank: &Bank) -> Result<Losses> {
        let network = self.network(self.tensors(true)?);
        let of = |with_works: bool| -> Result<f64> {
            let count = MEASURED.min(bank.held_out.len() * 4);
            if count == 0 {
                return Ok(f64::NAN);
            }
            let replicas = self.settings.replicas;
            let work = |replica: usize| -> Result<f64> {
                let mine: Vec<usize> = (0..count).filter(|n| n % replicas == replica).collect();
                let mut sum = 0.0;
                for chunk in mine.chunks(16) {
                    let examples: Vec<Example> =
                        chunk.iter().map(|&n| measure(bank, &self.settings, &self.sizes, n, with_works)).collect();
                    sum += f64::from(self.loss(&network, None, &examples)?.to_scalar::<f32>()?) * chunk.len() as f64;
                }
                Ok(sum)
            };
            Ok(parallel(replicas, &work)?.iter().sum::<f64>() / count as f64)
        };
        Ok(Losses { with_works: of(true)?, without: of(false)? })
    }

    /// One picture for each prompt, with the averaged weights and the works that the bank finds for it.
    pub fn samples(
        &self,
        bank: &Bank,
        prompts: &[String],
        style: Option<&str>,
        steps: u16,
        guidance: f64,
    ) -> Result<Vec<Picture>> {
        let s = &self.sizes;
        let network = self.network(self.tensors(true)?);
        let draw = |prompt: &String| -> Result<Picture> {
            let shown = example::looked_up(bank, s, prompt, style);
            let tensor = |numbers: Vec<f32>, shape: &[usize]| Tensor::from_vec(numbers, shape, &self.device);
            let works = tensor(shown.works, &[1, s.works, s.tokens(), s.pixels()])?;
            let present = tensor(shown.present, &[1, s.works])?;
            let draft = tensor(shown.draft, &[1, s.tokens(), s.pixels()])?;
            let tokens = Tensor::new(&shown.tokens[..], &self.device)?.unsqueeze(0)?;
            let mut null = vec![PAD; s.text_slots];
            null[0] = NULL;
            let null = Tensor::new(&null[..], &self.device)?.unsqueeze(0)?;
            let walk = Walk {
                context: &network.context(&tokens, &works, &present)?,
                nothing: Some(&network.context(&null, &works.zeros_like()?, &present.zeros_like()?)?),
                planes: &Tensor::zeros((1, s.tokens(), s.planes()), candle_core::DType::F32, &self.device)?,
                draft: &draft,
                guidance,
                times: &euler(steps, 0.0),
                strides: false,
            };
            let noise = tensor(shown.noise, &[1, s.tokens(), s.pixels()])?;
            let packed = network.walk(noise, &walk, &mut |_, _| Ok(Flow::Continue))?;
            let packed = packed.map_or_else(|| Ok(Vec::new()), |p| p.flatten_all()?.to_vec1::<f32>())?;
            let side = s.side as u32;
            Ok(Picture { rgb: to_bytes(&unpack(&packed, s.side, s.patch, 3)), width: side, height: side })
        };
        let replicas = self.settings.replicas;
        let work = |replica: usize| prompts.iter().skip(replica).step_by(replicas).map(draw).collect::<Result<Vec<_>>>();
        let mut parts: Vec<_> = parallel(replicas, &work)?.into_iter().map(Vec::into_iter).collect();
        Ok((0..prompts.len()).filter_map(|i| parts[i % replicas].next()).collect())
    }
}

/// Runs `work` once for each replica, each on a thread of its own with a large stack.
fn parallel<T: Send>(replicas: usize, work: &(dyn Fn(usize) -> Result<T> + Sync)) -> Result<Vec<T>> {
    std::thread::scope(|scope| {
        let begin = |replica| {
            let thread = std::thread::Builder::new().name(format!("replica {replica}")).stack_size(STACK);
            thread.spawn_scoped(scope, move || {
                // candle splits plain element-wise work over a pool of threads; a replica is meant to stay on its own.
                let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
                let answer = work(replica);
                drop(pool);
                answer
            })
        };
        let threads = (0..replicas).map(begin).collect::<std::io::Result<Vec<_>>>().map_err(candle_core::Error::from)?;
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| candle_core::bail!("a replica panicked"))).collect()
    })
}
