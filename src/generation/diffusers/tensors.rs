//! The weights of one part of a model: safetensors, in one file or several, tensors read one by one and turned into f32, every shape and
//! number checked.
//!
//! Files are read, not mapped: a file that is cut short while it is mapped ends the whole process, and each tensor is packed anew for the
//! processor anyway, so a map would save nothing.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use colophon_ops::{Convolution, Norm, Packed, Precision, Walk};
use safetensors::Dtype;
use safetensors::tensor::TensorInfo;

use super::lora::Change;
use crate::generation::weights::{LoadError, Loaded, first_line};

/// Bytes read at once; a multiple of every number's.
const PIECE: usize = 1 << 18;
/// Longest header of a safetensors file, in bytes.
const HEADER: u64 = 100 << 20;

/// One file.
#[derive(Debug)]
struct Shard {
    name: String,
    file: File,
    /// Where the numbers begin.
    data: u64,
}

/// Where a tensor lies.
#[derive(Debug, Clone)]
struct Place {
    shard: usize,
    kind: Dtype,
    shape: Vec<usize>,
    from: u64,
    until: u64,
}

/// The tensors of one part of a model, handed out once each.
#[derive(Debug)]
pub(super) struct Tensors {
    shards: Vec<Shard>,
    places: HashMap<String, Place>,
    way: Onto,
    taken: u64,
    changes: HashMap<String, Change>,
}

/// Where weights go, and how products are computed there.
#[derive(Debug, Clone)]
pub(super) struct Onto {
    /// Whichever device.
    pub device: Device,
    /// [`Precision::Composed`] on any other than the processor.
    pub precision: Precision,
    /// Composed layers keep the number type of their files; with this they are f32 all the same.
    pub whole: bool,
}

impl Onto {
    /// On the processor.
    pub(super) fn processor(precision: Precision) -> Self {
        Self { device: Device::Cpu, precision, whole: true }
    }
}

/// Why a file can't be used.
fn malformed(file: &str, cause: impl ToString) -> LoadError {
    LoadError::Malformed { file: file.to_owned(), cause: cause.to_string() }
}

impl Tensors {
    /// Opens the files of a part's weights (see [`files_of`]).
    pub(super) fn open(files: &[PathBuf], way: Onto) -> Loaded<Self> {
        let mut tensors = Self { shards: Vec::new(), places: HashMap::new(), way, taken: 0, changes: HashMap::new() };
        for path in files {
            tensors.add(path)?;
        }
        Ok(tensors)
    }

    /// Adds changes to the tensors that they name, as they are taken.
    pub(super) fn change(&mut self, changes: HashMap<String, Change>) {
        self.changes = changes;
    }

    /// Names and shapes of all tensors.
    pub(super) fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.places.iter().map(|(name, place)| (name.as_str(), place.shape.as_slice()))
    }

    /// How many numbers there are in all.
    pub(super) fn numbers(&self) -> u64 {
        self.places.values().map(|place| place.shape.iter().product::<usize>() as u64).sum()
    }

    /// How many bytes they take once they are taken.
    pub(super) fn bytes(&self) -> u64 {
        let each = |name: &String| self.kind(name).size_in_bytes() as u64;
        self.places.iter().map(|(name, place)| each(name) * place.shape.iter().product::<usize>() as u64).sum()
    }

    fn add(&mut self, path: &Path) -> Loaded<()> {
        let name = path.display().to_string();
        let unreadable = |cause: std::io::Error| LoadError::Unreadable { file: name.clone(), cause: cause.to_string() };
        let mut file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let mut first = [0u8; 8];
        file.read_exact(&mut first).map_err(|e| malformed(&name, format!("it has no header: {e}")))?;
        let header = u64::from_le_bytes(first);
        if header > HEADER || header + 8 > length {
            return Err(malformed(&name, format!("its header has {header} bytes, the file {length}")));
        }
        let mut bytes = vec![0u8; header as usize];
        file.read_exact(&mut bytes).map_err(unreadable)?;
        let read: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&bytes).map_err(|e| malformed(&name, e))?;
        let shard = self.shards.len();
        for (tensor, value) in read {
            if tensor == "__metadata__" {
                continue;
            }
            let info: TensorInfo = serde_json::from_value(value)
                .map_err(|e| malformed(&name, format!("`{tensor}` is not described as it should be: {e}")))?;
            let (from, until) = (info.data_offsets.0 as u64, info.data_offsets.1 as u64);
            if header + 8 + until > length {
                let missing = header + 8 + until - length;
                return Err(malformed(&name, format!("it is cut short: `{tensor}` ends {missing} bytes behind its end")));
            }
            let bits = info.shape.iter().try_fold(info.dtype.bitsize(), |bits, n| bits.checked_mul(*n));
            if bits.map(|bits| bits as u64 / 8) != until.checked_sub(from) {
                return Err(malformed(&name, format!("`{tensor}` of shape {:?} does not have that many bytes", info.shape)));
            }
            self.places.insert(tensor, Place { shard, kind: info.dtype, shape: info.shape, from, until });
        }
        self.shards.push(Shard { name, file, data: header + 8 });
        Ok(())
    }

    /// The file in which a tensor lies, or the first.
    fn file_of(&self, name: &str) -> String {
        let shard = self.places.get(name).map_or(0, |place| place.shard);
        self.shards.get(shard).map(|s| s.name.clone()).unwrap_or_default()
    }

    /// Whether there is a tensor of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// Takes the tensor `name` as f32.
    pub(super) fn take(&mut self, name: &str, shape: &[usize]) -> Loaded<Tensor> {
        let (file, name) = (self.file_of(name), name.to_owned());
        let Some(place) = self.places.remove(&name) else { return Err(LoadError::Missing { file, tensor: name }) };
        if place.shape != shape {
            return Err(LoadError::Shape { file, tensor: name, expected: shape.to_vec(), found: place.shape });
        }
        let shard = &mut self.shards[place.shard];
        let mut numbers: Vec<f32> = Vec::with_capacity(shape.iter().product());
        let kind = place.kind;
        let append = |numbers: &mut Vec<f32>, bytes: &[u8]| match kind {
            Dtype::F32 => numbers.extend(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b))),
            Dtype::F16 => numbers.extend(bytes.as_chunks::<2>().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32())),
            _ => numbers.extend(bytes.as_chunks::<2>().0.iter().map(|b| half::bf16::from_le_bytes(*b).to_f32())),
        };
        if !matches!(kind, Dtype::F32 | Dtype::F16 | Dtype::BF16) {
            return Err(malformed(&file, format!("`{name}` has numbers of type {kind:?}; f32, f16 and bf16 are read")));
        }
        // Piece by piece: a second copy of every weight would cost as much time as the rest.
        let (mut left, mut piece) = (place.until - place.from, vec![0u8; PIECE]);
        let unreadable = |e: std::io::Error| malformed(&file, format!("`{name}` can't be read: {e}"));
        shard.file.seek(SeekFrom::Start(shard.data + place.from)).map_err(unreadable)?;
        while left > 0 {
            let some = left.min(PIECE as u64) as usize;
            shard.file.read_exact(&mut piece[..some]).map_err(unreadable)?;
            append(&mut numbers, &piece[..some]);
            left -= some as u64;
        }
        self.taken += numbers.len() as u64;
        if numbers.iter().any(|x| !x.is_finite()) {
            return Err(LoadError::NotFinite { file, tensor: name });
        }
        if let Some(change) = self.changes.get(&name) {
            change.add_to(&mut numbers).map_err(|e| malformed(&file, first_line(&e)))?;
        }
        let kind = match place.kind {
            Dtype::F16 if !self.way.whole => DType::F16,
            Dtype::BF16 if !self.way.whole => DType::BF16,
            _ => DType::F32,
        };
        let made = Tensor::from_vec(numbers, shape, &Device::Cpu).and_then(|t| t.to_dtype(kind)?.to_device(&self.way.device));
        made.map_err(|e| malformed(&file, first_line(&e)))
    }

    /// What was made from tensors while loading; a failure there is the file's fault.
    pub(super) fn ready<T>(&self, name: &str, made: candle_core::Result<T>) -> Loaded<T> {
        made.map_err(|e| malformed(&self.file_of(name), format!("`{name}`: {}", first_line(&e))))
    }

    /// Takes `name.weight` (outputs × inputs) and, where there is one, `name.bias`.
    pub(super) fn linear(&mut self, name: &str, inputs: usize, outputs: usize) -> Loaded<Packed> {
        let weight = self.take(&format!("{name}.weight"), &[outputs, inputs])?;
        self.packed(name, &weight, outputs)
    }

    /// The same for a weight that is a matrix or a 1×1 kernel.
    pub(super) fn pointwise(&mut self, name: &str, inputs: usize, outputs: usize) -> Loaded<Packed> {
        let key = format!("{name}.weight");
        let kernel = self.places.get(&key).is_some_and(|place| place.shape.len() == 4);
        let shape: &[usize] = if kernel { &[outputs, inputs, 1, 1] } else { &[outputs, inputs] };
        let weight = self.take(&key, shape)?;
        let weight = self.ready(&key, weight.reshape((outputs, inputs)))?;
        self.packed(name, &weight, outputs)
    }

    /// A layer whose weight was taken before.
    pub(super) fn packed(&mut self, name: &str, weight: &Tensor, outputs: usize) -> Loaded<Packed> {
        let bias = self.bias(name, outputs)?;
        self.ready(name, Packed::turned(weight, bias.as_ref(), self.way.precision))
    }

    fn bias(&mut self, name: &str, outputs: usize) -> Loaded<Option<Tensor>> {
        let name = format!("{name}.bias");
        if self.has(&name) { self.take(&name, &[outputs]).map(Some) } else { Ok(None) }
    }

    /// Takes the kernel `name.weight` (outputs × inputs × k × k) and, where there is one, `name.bias`.
    pub(super) fn convolution(&mut self, name: &str, inputs: usize, outputs: usize, k: usize, walk: Walk) -> Loaded<Convolution> {
        let kernel = self.take(&format!("{name}.weight"), &[outputs, inputs, k, k])?;
        let bias = self.bias(name, outputs)?;
        self.ready(name, Convolution::new(&kernel, bias.as_ref(), walk, self.way.precision))
    }

    /// Takes `name.weight` and `name.bias`, gains and shifts.
    pub(super) fn norm(&mut self, name: &str, channels: usize, epsilon: f64) -> Loaded<Norm> {
        let gain = self.take(&format!("{name}.weight"), &[channels])?;
        let shift = self.take(&format!("{name}.bias"), &[channels])?;
        self.ready(name, Norm::new(&gain, &shift, epsilon, self.way.precision))
    }

    /// How products are computed.
    pub(super) fn precision(&self) -> Precision {
        self.way.precision
    }

    /// Where they go.
    pub(super) fn device(&self) -> &Device {
        &self.way.device
    }

    /// The number type that a tensor will have.
    pub(super) fn kind(&self, name: &str) -> DType {
        match self.places.get(name).map(|place| place.kind) {
            Some(Dtype::F16) if !self.way.whole => DType::F16,
            Some(Dtype::BF16) if !self.way.whole => DType::BF16,
            _ => DType::F32,
        }
    }

    /// Numbers taken so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Ends the loading: every tensor must have been taken, but for those whose names begin or end with one of `but`.
    pub(super) fn finish(self, but: &[&str]) -> Loaded<()> {
        let left = |name: &&String| !but.iter().any(|but| name.starts_with(but) || name.ends_with(but));
        match self.places.keys().filter(left).min() {
            Some(tensor) => Err(LoadError::Unexpected { file: self.file_of(tensor), tensor: tensor.clone() }),
            None => Ok(()),
        }
    }
}

/// The files of a part, in order of name: those that `stem.safetensors.index.json` names, or `stem.safetensors`, or, where there is only that,
/// `stem.fp16.safetensors`. `checked` is asked of each.
pub(super) fn files_of(folder: &Path, stem: &str, checked: &dyn Fn(&Path) -> Loaded<()>) -> Loaded<Vec<PathBuf>> {
    let index = folder.join(format!("{stem}.safetensors.index.json"));
    if !index.is_file() {
        let (whole, half) = (folder.join(format!("{stem}.safetensors")), folder.join(format!("{stem}.fp16.safetensors")));
        let file = if !whole.is_file() && half.is_file() { half } else { whole };
        return checked(&file).map(|()| vec![file]);
    }
    checked(&index)?;
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let name = index.display().to_string();
    let text = std::fs::read(&index).map_err(|e| LoadError::Unreadable { file: name.clone(), cause: e.to_string() })?;
    let read: Index = serde_json::from_slice(&text).map_err(|e| malformed(&name, e))?;
    let files: std::collections::BTreeSet<String> = read.weight_map.into_values().collect();
    if let Some(odd) = files.iter().find(|file| file.contains(['/', '\\']) || file.starts_with('.')) {
        return Err(malformed(&name, format!("`{odd}` is no file beside it")));
    }
    let files: Vec<PathBuf> = files.into_iter().map(|file| folder.join(file)).collect();
    files.iter().try_for_each(|file| checked(file))?;
    Ok(files)
}
