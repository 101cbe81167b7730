//! A weight that many products share: packed once, multiplied on as many threads as the pool has. The result is the same on any number of
//! threads: every number of it is summed by one of them, in one order.

use std::ops::Range;

use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

use super::amx::{self, Panels, Place};
use super::product::{Matrix, Precision, product};
use super::{composed, with};

/// Rows of the left side that one thread takes at a time.
const ROWS: usize = 256;

/// A matrix of inputs × outputs and a bias, ready to be multiplied with.
#[derive(Debug)]
pub struct Packed {
    inputs: usize,
    outputs: usize,
    bias: Vec<f32>,
    weight: Weight,
}

#[derive(Debug)]
enum Weight {
    Plain(Vec<f32>),
    Tiles(Panels),
    Composed { weight: Tensor, bias: Option<Tensor> },
}

/// What the result of a layer is added to, in the same pass.
#[derive(Debug, Clone, Copy)]
pub enum Add<'a> {
    /// Nothing.
    Nothing,
    /// A tensor of the shape of the result.
    Same(&'a Tensor),
    /// A tensor of batch × outputs: each picture's numbers to all of its pixels.
    Batch(&'a Tensor),
}

impl Add<'_> {
    /// Its numbers, and for how many rows of `rows` each `outputs` of them hold.
    pub(crate) fn with<T>(self, rows: usize, outputs: usize, then: impl FnOnce(Onto<'_>) -> Result<T>) -> Result<T> {
        match self {
            Self::Nothing => then(Onto { numbers: &[], each: 1 }),
            Self::Same(x) if x.elem_count() != rows * outputs => {
                bail!("what is added has {:?} numbers, not {rows} × {outputs}", x.dims())
            }
            Self::Same(x) => with(x, |numbers| then(Onto { numbers, each: 1 })),
            Self::Batch(x) => match x.dims() {
                &[batch, n] if n == outputs && batch > 0 && rows.is_multiple_of(batch) => {
                    with(x, |numbers| then(Onto { numbers, each: rows / batch }))
                }
                dims => bail!("what is added to each picture has {dims:?} numbers, not batch × {outputs}"),
            },
        }
    }
}

/// The numbers of an [`Add`]: none, or those of row `r / each` for row `r`.
#[derive(Clone, Copy)]
pub(crate) struct Onto<'a> {
    numbers: &'a [f32],
    each: usize,
}

impl Packed {
    /// From a tensor of inputs × outputs (any strides, any number type) and a bias of outputs.
    pub fn new(weight: &Tensor, bias: Option<&Tensor>, precision: Precision) -> Result<Self> {
        let (inputs, outputs) = weight.dims2()?;
        if precision == Precision::Composed {
            if let Some(bias) = bias.filter(|bias| bias.dims() != [outputs]) {
                bail!("a bias of {:?} numbers for {outputs} outputs", bias.dims());
            }
            let weight = Weight::Composed { weight: weight.contiguous()?, bias: bias.cloned() };
            return Ok(Self { inputs, outputs, bias: Vec::new(), weight });
        }
        let weight = weight.to_dtype(candle_core::DType::F32)?;
        let bias = match bias {
            Some(bias) => bias.to_dtype(candle_core::DType::F32)?.to_vec1()?,
            None => vec![0.0; outputs],
        };
        if bias.len() != outputs {
            bail!("a bias of {} numbers for {outputs} outputs", bias.len());
        }
        let weight = with(&weight, |numbers| {
            Ok(match precision.here() {
                Precision::F32 => Weight::Plain(numbers.to_vec()),
                precision => Weight::Tiles(Panels::new(Matrix::new(numbers, inputs, outputs), precision == Precision::Split)),
            })
        })?;
        Ok(Self { inputs, outputs, bias, weight })
    }

    /// From the weight of a layer as files have it, outputs × inputs (contiguous), or outputs × inputs × taps for a convolution; a row of the
    /// packed matrix is an input of a tap.
    pub fn turned(weight: &Tensor, bias: Option<&Tensor>, precision: Precision) -> Result<Self> {
        let (outputs, inputs, taps) = match *weight.dims() {
            [outputs, inputs] => (outputs, inputs, 1),
            [outputs, inputs, high, wide] => (outputs, inputs, high * wide),
            ref dims => bail!("a layer's weight has {dims:?} numbers, not outputs × inputs"),
        };
        if precision == Precision::Composed || weight.dtype() != candle_core::DType::F32 {
            let flat = weight.reshape((outputs, inputs, taps))?.permute((2, 1, 0))?.reshape((taps * inputs, outputs))?;
            return Self::new(&flat, bias, precision);
        }
        let turned = with(weight, |numbers| {
            let mut turned = vec![0f32; numbers.len()];
            // Sixteen outputs at a time: what is read and what is written then lies in few lines of the cache.
            turned.par_chunks_mut((64 * outputs).max(1)).enumerate().for_each(|(n, turned)| {
                for first in (0..outputs).step_by(16) {
                    let some = first..(first + 16).min(outputs);
                    for (r, row) in turned.chunks_exact_mut(outputs).enumerate() {
                        let (tap, input) = ((n * 64 + r) / inputs, (n * 64 + r) % inputs);
                        for o in some.clone() {
                            row[o] = numbers[(o * inputs + input) * taps + tap];
                        }
                    }
                }
            });
            Ok(turned)
        })?;
        Self::new(&Tensor::from_vec(turned, (taps * inputs, outputs), weight.device())?, bias, precision)
    }

    /// Numbers of one row of the left side.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Numbers of one row of the result.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// x·W + bias + what is added: … × inputs → … × outputs.
    pub fn apply(&self, x: &Tensor, add: Add<'_>) -> Result<Tensor> {
        let mut shape = x.dims().to_vec();
        match shape.last_mut() {
            Some(last) if *last == self.inputs => *last = self.outputs,
            _ => bail!("a layer of {} inputs was given {:?}", self.inputs, x.dims()),
        }
        if let Weight::Composed { weight, bias } = &self.weight {
            if let Add::Same(x) = add
                && x.elem_count() != shape.iter().product::<usize>()
            {
                bail!("what is added has {:?} numbers, not {shape:?}", x.dims());
            }
            return composed::added(composed::linear(x, weight, bias.as_ref())?, add);
        }
        let y = with(x, |x| {
            let rows = x.len() / self.inputs;
            let line = |r: usize, k: usize| Some(&x[r * self.inputs + k..(r + 1) * self.inputs]);
            add.with(rows, self.outputs, |onto| self.rows(rows, onto, &line))
        })?;
        Tensor::from_vec(y, shape, x.device())
    }

    /// The product of `rows` rows, each given in pieces: `line(r, k)` is row `r` from its number `k`, a multiple of 32, on; 32 numbers or up to
    /// the end of the row, more if there are more; `None` for zeros.
    pub(crate) fn rows<'x>(
        &self,
        rows: usize,
        onto: Onto<'_>,
        line: &(impl Fn(usize, usize) -> Option<&'x [f32]> + Sync),
    ) -> Result<Vec<f32>> {
        let outputs = self.outputs;
        let mut out: Vec<f32> = Vec::with_capacity(rows * outputs);
        let begin = |to: &mut [std::mem::MaybeUninit<f32>], from: usize| {
            for (r, to) in to.chunks_exact_mut(outputs).enumerate() {
                if onto.numbers.is_empty() {
                    to.iter_mut().zip(&self.bias).for_each(|(to, b)| _ = to.write(*b));
                } else {
                    let onto = &onto.numbers[(from + r) / onto.each * outputs..][..outputs];
                    to.iter_mut().zip(self.bias.iter().zip(onto)).for_each(|(to, (b, x))| _ = to.write(*b + *x));
                }
            }
        };
        let room = &mut out.spare_capacity_mut()[..rows * outputs];
        room.par_chunks_mut(ROWS * outputs).enumerate().for_each(|(i, to)| begin(to, i * ROWS));
        let room = Room(room.as_mut_ptr().cast());
        match &self.weight {
            Weight::Composed { .. } => bail!("a composed layer is given whole tensors"),
            Weight::Plain(weight) => {
                let weight = Matrix::new(weight, self.inputs, outputs);
                (0..rows.div_ceil(ROWS))
                    .into_par_iter()
                    .for_each(|i| self.plain(room.get(), i * ROWS..rows.min((i + 1) * ROWS), weight, line));
            }
            Weight::Tiles(panels) => {
                let high = rows.div_ceil(ROWS);
                let threads = rayon::current_num_threads();
                // Few rows: the columns are shared out instead.
                let wide = if high >= threads { 1 } else { threads.min(outputs.div_ceil(32)).max(1) };
                let share = outputs.div_ceil(32).div_ceil(wide) * 32;
                (0..high * wide).into_par_iter().for_each(|n| {
                    let (i, j) = (n / wide, n % wide);
                    let place = Place { out: room.get(), stride: outputs };
                    let columns = (j * share).min(outputs)..((j + 1) * share).min(outputs);
                    // SAFETY: no two tasks have a row and a column in common, and all of the room was written above.
                    #[expect(unsafe_code, reason = "blocks of one result are written on several threads")]
                    unsafe {
                        panels.apply(place, i * ROWS..rows.min((i + 1) * ROWS), columns, line);
                    }
                });
            }
        }
        // SAFETY: all of the room was written above.
        #[expect(unsafe_code, reason = "the result is written before it is looked at, so it need not be filled with zeros first")]
        unsafe {
            out.set_len(rows * outputs);
        }
        Ok(out)
    }

    /// Some rows, gathered and multiplied in f32.
    fn plain<'x>(
        &self,
        out: *mut f32,
        rows: Range<usize>,
        weight: Matrix<'_>,
        line: &impl Fn(usize, usize) -> Option<&'x [f32]>,
    ) {
        let mut left = vec![0f32; rows.len() * self.inputs];
        for (r, left) in rows.clone().zip(left.chunks_exact_mut(self.inputs)) {
            for k in (0..self.inputs).step_by(32) {
                let count = 32.min(self.inputs - k);
                if let Some(numbers) = line(r, k) {
                    left[k..k + count].copy_from_slice(&numbers[..count]);
                }
            }
        }
        // SAFETY: these rows are this task's own, and were written before.
        #[expect(unsafe_code, reason = "blocks of one result are written on several threads")]
        let out = unsafe { std::slice::from_raw_parts_mut(out.add(rows.start * self.outputs), rows.len() * self.outputs) };
        product(out, self.outputs, Matrix::new(&left, rows.len(), self.inputs), weight, true, Precision::F32);
    }
}

/// The room of a result, shared between threads that write different parts of it.
#[derive(Clone, Copy)]
struct Room(*mut f32);

impl Room {
    fn get(self) -> *mut f32 {
        self.0
    }
}

// SAFETY: `rows` hands every part of it to one task alone.
#[expect(unsafe_code, reason = "blocks of one result are written on several threads")]
unsafe impl Send for Room {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "blocks of one result are written on several threads")]
unsafe impl Sync for Room {}

/// Whether products are made in tile registers here.
pub fn has_tiles() -> bool {
    amx::available()
}
