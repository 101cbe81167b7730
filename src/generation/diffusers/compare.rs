//! Holds the parts of a model against recorded numbers of another implementation: the same inputs, and what it answered.
//!
//! The record is a safetensors file. Tensors are named `PART/CASE/NAME`; pictures lie as batch × channels × height × width.
//!
//! | part | inputs | answers |
//! | --- | --- | --- |
//! | `unet` | `x`, `t` (one a picture), `words`; XL: `pooled`, `sizes` (six a picture) | `y` |
//! | `transformer` | `x`, `t` (one a picture), `words`, `pooled` | `y` |
//! | `vae` | `latents`; `pixels` | `picture`; `moments` |
//! | `text_encoder`, `text_encoder_2` | `ids` | `last`, `before_last`, `pooled` |
//! | `tokenizer`, `tokenizer_2` | in the metadata `PART/CASE`: a JSON list of prompts | `ids` (prompts × 77) |
//! | `pipeline` | `ids`, `avoid` (ids of what is not wanted), XL: `ids_2`, `avoid_2`; `latents`, `guidance`, `noise` (steps × numbers); of one begun from a picture its latents `begun`, `strength`, and where a part alone is drawn `mask`; in the metadata `pipeline/CASE`: `scheduler_config.json` | `drawn` (latents at the end), `picture` |
//! | `flow` | `latents`, `words`, `pooled`, `avoid_words`, `avoid_pooled`, `guidance`, `steps` (one number); in the metadata `flow/CASE`: `scheduler_config.json` | `drawn`, `picture` |
//! | `joint` | `ids`, `ids_2`: of a flow with two encoders, zeros for the third | `words`, `pooled` |
//! | `walk` | `x`, `said` and `noise` (steps × numbers); in the metadata `walk/CASE`: `scheduler_config.json` | `y` and `shown` (steps × numbers), `times`, `first_scale` |

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use colophon_ops::Precision;

use super::clip::Clip;
use super::folder::Folder;
use super::lora::Lora;
use super::parts::{Way, clip, mmdit, unet, vae};
use super::pipeline::{Asked, Begun, Network, Told, picture, skipped};
use super::tensors::Onto;
use super::tokens::Tokens;
use super::unet::Beside;
use super::vae::Vae;
use crate::generation::scheduler::{Method, ScheduleConfig, Walk};
use crate::generation::weights::{LoadError, Loaded, first_line};

/// How far one answer is from the recorded one.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// `PART/CASE/NAME`.
    pub name: String,
    /// Shape of the answer.
    pub shape: Vec<usize>,
    /// Greatest difference, by the greatest number recorded.
    pub relative: f64,
    /// How long the part took, once; 0 for walks.
    pub took: Duration,
}

/// The record.
struct Record {
    file: String,
    tensors: HashMap<String, Tensor>,
    metadata: HashMap<String, String>,
}

impl Record {
    fn open(path: &Path) -> Loaded<Self> {
        let file = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|e| LoadError::Unreadable { file: file.clone(), cause: e.to_string() })?;
        let malformed = |cause: String| LoadError::Malformed { file: file.clone(), cause };
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).map_err(|e| malformed(e.to_string()))?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).map_err(|e| malformed(first_line(&e)))?;
        Ok(Self { file, tensors, metadata })
    }

    fn missing(&self, name: &str) -> LoadError {
        LoadError::Missing { file: self.file.clone(), tensor: name.to_owned() }
    }

    fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn get(&self, name: &str) -> Loaded<Tensor> {
        self.tensors.get(name).cloned().ok_or_else(|| self.missing(name))
    }

    fn ready<T>(&self, made: candle_core::Result<T>) -> Loaded<T> {
        made.map_err(|e| LoadError::Malformed { file: self.file.clone(), cause: first_line(&e) })
    }

    fn numbers(&self, name: &str) -> Loaded<Vec<f32>> {
        let tensor = self.get(name)?;
        self.ready(tensor.to_dtype(DType::F32).and_then(|t| t.flatten_all()).and_then(|t| t.to_vec1()))
    }

    /// The walk that the metadata describes under `key`.
    fn walk(&self, key: &str, steps: usize) -> Loaded<Walk> {
        let malformed = |cause: String| LoadError::Malformed { file: self.file.clone(), cause: format!("`{key}`: {cause}") };
        let text = self.metadata.get(key).ok_or_else(|| malformed("the metadata has none of it".to_owned()))?;
        let config = ScheduleConfig::parse(text).map_err(|e| malformed(e.to_string()))?;
        let method =
            Method::of_class(&config.class_name).ok_or_else(|| malformed(format!("`{}` is not made", config.class_name)))?;
        Walk::new(method, &config, steps).map_err(|e| malformed(e.to_string()))
    }

    /// A picture with its channels last.
    fn picture(&self, name: &str) -> Loaded<Tensor> {
        let tensor = self.get(name)?;
        self.ready(tensor.permute((0, 2, 3, 1)).and_then(|t| t.contiguous()))
    }

    /// The cases of a part.
    fn cases(&self, part: &str) -> BTreeSet<String> {
        let case = |name: &String| Some(name.strip_prefix(part)?.strip_prefix('/')?.split_once('/')?.0.to_owned());
        self.tensors.keys().filter_map(case).collect()
    }

    fn compare(&self, name: String, got: &Tensor, took: Duration) -> Loaded<Compared> {
        let expected = self.get(&name)?;
        if got.dims() != expected.dims() {
            return Err(LoadError::Shape {
                file: self.file.clone(),
                tensor: name,
                expected: got.dims().to_vec(),
                found: expected.dims().to_vec(),
            });
        }
        let flat = |t: &Tensor| t.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
        let (got, expected) = (self.ready(flat(got))?, self.ready(flat(&expected))?);
        let most = expected.iter().fold(0f64, |most, x| most.max(x.abs())).max(1e-6);
        let apart = got
            .iter()
            .zip(&expected)
            .fold(0f64, |most, (a, b)| if (a - b).is_nan() { f64::INFINITY } else { most.max((a - b).abs()) });
        let shape = self.tensors.get(&name).map(|t| t.dims().to_vec()).unwrap_or_default();
        Ok(Compared { name, shape, relative: apart / most, took })
    }
}

/// How to compute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct How {
    /// All products in f32, also where the processor has a faster way that is right to five places.
    pub plain: bool,
    /// Layers composed of candle's plain operations, as they are on a device.
    pub composed: bool,
    /// At most so many at once.
    pub threads: usize,
    /// A low-rank adapter that is added first.
    pub lora: Option<PathBuf>,
}

impl How {
    fn onto(&self) -> Onto {
        Onto::processor(match (self.composed, self.plain) {
            (true, _) => Precision::Composed,
            (_, true) => Precision::F32,
            _ => Precision::Split,
        })
    }

    fn lora(&self, folder: &Folder) -> Loaded<Option<Lora>> {
        let Some(path) = &self.lora else { return Ok(None) };
        let file = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|e| LoadError::Unreadable { file: file.clone(), cause: e.to_string() })?;
        let lora = Lora::read(&file, &bytes)?;
        lora.fits(folder).map(|()| Some(lora))
    }

    fn run<T: Send>(&self, what: impl FnOnce() -> T + Send) -> T {
        match rayon::ThreadPoolBuilder::new().num_threads(self.threads).build() {
            Ok(pool) => pool.install(what),
            Err(_) => what(),
        }
    }
}

/// Loads every part of a model, as a check of its files: the parts with how many numbers each has.
pub fn check(folder: &Path, how: &How) -> Loaded<Vec<(String, u64)>> {
    how.run(|| {
        let folder = Folder::open(folder)?;
        let lora = how.lora(&folder)?;
        let way = Way { onto: how.onto(), lora: lora.as_ref().map(|lora| (lora, 1.0)) };
        let mut out = Vec::new();
        for part in folder.parts.keys() {
            let taken = match part.as_str() {
                "unet" => unet(&folder, &way)?.1,
                "transformer" => mmdit(&folder, &way)?.1,
                "vae" => vae(&folder, &way)?.1,
                "text_encoder" | "text_encoder_2" => clip(&folder, part, &way)?.1,
                _ => continue,
            };
            out.push((part.clone(), taken));
        }
        Ok(out)
    })
}

/// Compares every part of the model in `folder` of which the record has a case.
pub fn compare(folder: &Path, record: &Path, how: &How) -> Loaded<Vec<Compared>> {
    how.run(|| compared(folder, record, how))
}

fn compared(folder: &Path, record: &Path, how: &How) -> Loaded<Vec<Compared>> {
    let (record, folder) = (Record::open(record)?, Folder::open(folder)?);
    let lora = how.lora(&folder)?;
    let way = Way { onto: how.onto(), lora: lora.as_ref().map(|lora| (lora, 1.0)) };
    let mut out = Vec::new();
    let first = |t: Tensor| t.permute((0, 3, 1, 2)).and_then(|t| t.contiguous());
    let cases = record.cases("unet");
    if !cases.is_empty() {
        let (unet, _) = unet(&folder, &way)?;
        for case in cases {
            let name = |part: &str| format!("unet/{case}/{part}");
            let (x, words, t) = (record.picture(&name("x"))?, record.get(&name("words"))?, record.numbers(&name("t"))?);
            let beside = match record.has(&name("pooled")) {
                true => {
                    let sizes = record.numbers(&name("sizes"))?.as_chunks::<6>().0.to_vec();
                    Some(Beside { pooled: record.get(&name("pooled"))?, sizes })
                }
                false => None,
            };
            let begun = Instant::now();
            let y = record.ready(unet.apply(&x, &t, &words, beside.as_ref()).and_then(first))?;
            out.push(record.compare(name("y"), &y, begun.elapsed())?);
        }
    }
    let cases = record.cases("transformer");
    if !cases.is_empty() {
        let (mmdit, _) = mmdit(&folder, &way)?;
        for case in cases {
            let name = |part: &str| format!("transformer/{case}/{part}");
            let (x, t) = (record.picture(&name("x"))?, record.numbers(&name("t"))?);
            let (words, pooled) = (record.get(&name("words"))?, record.get(&name("pooled"))?);
            let begun = Instant::now();
            let y = record.ready(mmdit.apply(&x, &t, &words, &pooled).and_then(first))?;
            out.push(record.compare(name("y"), &y, begun.elapsed())?);
        }
    }
    let cases = record.cases("vae");
    if !cases.is_empty() {
        let (vae, _) = vae(&folder, &way)?;
        for case in cases {
            let name = |part: &str| format!("vae/{case}/{part}");
            if record.has(&name("latents")) {
                let latents = record.picture(&name("latents"))?;
                let begun = Instant::now();
                let y = record.ready(vae.decode(&latents).and_then(first))?;
                out.push(record.compare(name("picture"), &y, begun.elapsed())?);
            }
            if record.has(&name("pixels")) {
                let pixels = record.picture(&name("pixels"))?;
                let begun = Instant::now();
                let y = record.ready(vae.encode(&pixels).and_then(first))?;
                out.push(record.compare(name("moments"), &y, begun.elapsed())?);
            }
        }
    }
    for part in ["text_encoder", "text_encoder_2"] {
        let cases = record.cases(part);
        if cases.is_empty() {
            continue;
        }
        let (clip, _) = clip(&folder, part, &way)?;
        for case in cases {
            let name = |name: &str| format!("{part}/{case}/{name}");
            let ids = record.get(&name("ids"))?;
            let ids = record.ready(ids.to_dtype(DType::U32).and_then(|ids| ids.to_vec2()))?;
            let begun = Instant::now();
            let said = record.ready(clip.encode(&ids))?;
            let took = begun.elapsed();
            for (what, y) in [("last", &said.last), ("before_last", &said.before_last), ("pooled", &said.pooled)] {
                if record.has(&name(what)) {
                    out.push(record.compare(name(what), y, took)?);
                }
            }
        }
    }
    for part in ["tokenizer", "tokenizer_2"] {
        for case in record.cases(part) {
            let key = format!("{part}/{case}");
            let malformed =
                |cause: String| LoadError::Malformed { file: record.file.clone(), cause: format!("`{key}`: {cause}") };
            let text = record.metadata.get(&key).ok_or_else(|| malformed("the metadata has none of it".to_owned()))?;
            let prompts: Vec<String> = serde_json::from_str(text).map_err(|e| malformed(e.to_string()))?;
            let tokens = Tokens::read(&folder, part)?;
            let name = format!("{key}/ids");
            let length = record.get(&name)?.dims().get(1).copied().unwrap_or(0);
            let mut ids = Vec::with_capacity(prompts.len() * length);
            for prompt in &prompts {
                ids.extend(tokens.encode(prompt, length).map_err(malformed)?.0);
            }
            let ids = record.ready(Tensor::from_vec(ids, (prompts.len(), length), &Device::Cpu))?;
            out.push(record.compare(name, &ids, Duration::ZERO)?);
        }
    }
    let cases = record.cases("pipeline");
    if !cases.is_empty() {
        let second = match folder.parts.contains_key("text_encoder_2") {
            true => Some(clip(&folder, "text_encoder_2", &way)?.0),
            false => None,
        };
        let encoder = clip(&folder, "text_encoder", &way)?.0;
        let (network, vae) = (Network::UNet(Box::new(unet(&folder, &way)?.0)), vae(&folder, &way)?.0);
        for case in cases {
            out.extend(draw(&record, (&encoder, second.as_ref()), &network, &vae, &case)?);
        }
    }
    let cases = record.cases("flow");
    if !cases.is_empty() {
        let (network, vae) = (Network::Flow(Box::new(mmdit(&folder, &way)?.0)), vae(&folder, &way)?.0);
        for case in cases {
            let key = format!("flow/{case}");
            let name = |name: &str| format!("{key}/{name}");
            let number = |what: &str| Ok::<f32, LoadError>(record.numbers(&name(what))?.first().copied().unwrap_or(1.0));
            let mut walk = record.walk(&key, number("steps")? as usize)?;
            let told = Told { words: record.get(&name("words"))?, pooled: Some(record.get(&name("pooled"))?) };
            let avoid = Told { words: record.get(&name("avoid_words"))?, pooled: Some(record.get(&name("avoid_pooled"))?) };
            let (latents, guidance) = (record.picture(&name("latents"))?, f64::from(number("guidance")?));
            let begun = Instant::now();
            let asked = Asked { told: &told, avoid: Some(&avoid), guidance };
            let drawn = record.ready(network.walk(
                &mut walk,
                &latents,
                None,
                vae.factor(),
                &asked,
                &mut |_| Vec::new(),
                &mut |_, _| true,
            ))?;
            let drawn = drawn.ok_or_else(|| record.missing(&name("drawn")))?;
            let made = record.ready(picture(&vae, &drawn).and_then(first))?;
            let took = begun.elapsed();
            out.push(record.compare(name("drawn"), &record.ready(first(drawn))?, took)?);
            out.push(record.compare(name("picture"), &made, took)?);
        }
    }
    for case in record.cases("joint") {
        let name = |name: &str| format!("joint/{case}/{name}");
        let said = |part: &str, ids: &str| {
            let ids = record.get(&name(ids))?;
            let ids = record.ready(ids.to_dtype(DType::U32).and_then(|ids| ids.to_vec2()))?;
            record.ready(clip(&folder, part, &way)?.0.encode(&ids))
        };
        let begun = Instant::now();
        let (first, second) = (said("text_encoder", "ids")?, said("text_encoder_2", "ids_2")?);
        let width = record.get(&name("words"))?.dims().last().copied().unwrap_or(0);
        let told = record.ready(Told::joint(&first, &second, width))?;
        let took = begun.elapsed();
        out.push(record.compare(name("words"), &told.words, took)?);
        out.extend(told.pooled.map(|pooled| record.compare(name("pooled"), &pooled, took)).transpose()?);
    }
    for case in record.cases("walk") {
        out.extend(walk(&record, &case)?);
    }
    Ok(out)
}

/// From tokens and noise to a picture.
fn draw(
    record: &Record,
    (encoder, other): (&Clip, Option<&Clip>),
    network: &Network,
    vae: &Vae,
    case: &str,
) -> Loaded<[Compared; 2]> {
    let key = format!("pipeline/{case}");
    let name = |name: &str| format!("{key}/{name}");
    let noise = record.numbers(&name("noise"))?;
    let steps = record.get(&name("noise"))?.dims().first().copied().unwrap_or(0);
    let mut walk = record.walk(&key, steps)?;
    let ids = |what: &str| -> Loaded<Vec<Vec<u32>>> {
        let ids = record.get(&name(what))?;
        record.ready(ids.to_dtype(DType::U32).and_then(|ids| ids.to_vec2()))
    };
    let tell = |what: &str| -> Loaded<Told> {
        let first = record.ready(encoder.encode(&ids(what)?))?;
        let second = match other {
            Some(other) => Some(record.ready(other.encode(&ids(&format!("{what}_2"))?))?),
            None => None,
        };
        record.ready(Told::of(&first, second.as_ref()))
    };
    let begun = Instant::now();
    let (told, avoid) = (tell("ids")?, tell("avoid")?);
    let guidance = record.numbers(&name("guidance"))?.first().copied().unwrap_or(1.0);
    let asked = Asked { told: &told, avoid: Some(&avoid), guidance: f64::from(guidance) };
    let latents = record.picture(&name("latents"))?;
    let n = latents.elem_count();
    // The record's noise has its channels first.
    let shape = record.get(&name("latents"))?.dims().to_vec();
    let mut fresh = |i: usize| {
        let noise = Tensor::from_slice(&noise[i * n..(i + 1) * n], shape.as_slice(), &Device::Cpu);
        noise.and_then(|t| t.permute((0, 2, 3, 1))?.flatten_all()?.to_vec1()).unwrap_or_default()
    };
    let from = from_picture(record, &key, steps, latents.dims().last().copied().unwrap_or(1))?;
    let walked = network.walk(&mut walk, &latents, from.as_ref(), vae.factor(), &asked, &mut fresh, &mut |_, _| true);
    let drawn = record.ready(walked)?.ok_or_else(|| record.missing(&name("drawn")))?;
    let picture = record.ready(picture(vae, &drawn))?;
    let first = |t: &Tensor| record.ready(t.permute((0, 3, 1, 2)).and_then(|t| t.contiguous()));
    let took = begun.elapsed();
    Ok([record.compare(name("drawn"), &first(&drawn)?, took)?, record.compare(name("picture"), &first(&picture)?, took)?])
}

/// The picture that a case begins from, where it begins from one.
fn from_picture(record: &Record, key: &str, steps: usize, channels: usize) -> Loaded<Option<Begun>> {
    let name = |name: &str| format!("{key}/{name}");
    if !record.has(&name("begun")) {
        return Ok(None);
    }
    let flat = |tensor: Tensor| record.ready(tensor.flatten_all().and_then(|t| t.to_vec1::<f32>()));
    let strength = record.numbers(&name("strength"))?.first().copied().unwrap_or(1.0);
    let drawn = match record.has(&name("mask")) {
        true => Some(flat(record.picture(&name("mask"))?)?.into_iter().flat_map(|m| vec![m > 0.5; channels]).collect()),
        false => None,
    };
    let skipped = skipped(steps, strength);
    Ok(Some(Begun { latents: flat(record.picture(&name("begun"))?)?, drawn, skipped }))
}

/// One walk, step by step.
fn walk(record: &Record, case: &str) -> Loaded<Vec<Compared>> {
    let key = format!("walk/{case}");
    let name = |name: &str| format!("{key}/{name}");
    let steps = record.get(&name("times"))?.elem_count();
    let mut walk = record.walk(&key, steps)?;
    let (x, said, noise) = (record.numbers(&name("x"))?, record.numbers(&name("said"))?, record.numbers(&name("noise"))?);
    let n = x.len();
    let (mut x, mut all, mut shown) = (x, Vec::new(), Vec::new());
    for i in 0..steps {
        shown.extend(walk.scale_input(i, &x));
        x = walk.step(i, &said[i * n..(i + 1) * n], &x, &mut || noise[i * n..(i + 1) * n].to_vec());
        all.extend_from_slice(&x);
    }
    let tensor = |numbers: Vec<f32>, shape: &[usize]| record.ready(Tensor::from_vec(numbers, shape, &Device::Cpu));
    let times: Vec<f32> = walk.times().iter().map(|t| *t as f32).collect();
    let answers: BTreeMap<&str, Tensor> = BTreeMap::from([
        ("y", tensor(all, &[steps, n])?),
        ("shown", tensor(shown, &[steps, n])?),
        ("times", tensor(times, &[steps])?),
        ("first_scale", tensor(vec![walk.first_scale() as f32], &[1])?),
    ]);
    answers.into_iter().map(|(what, y)| record.compare(name(what), &y, Duration::ZERO)).collect()
}
