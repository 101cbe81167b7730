//! Layers with their gradients, fused: what candle composes from many passes over memory is one pass here, forward and back.
//!
//! candle's own fused softmax, layer norm and RMS norm have no gradient and say nothing (issues 2168 and 3011 of candle), so none of them
//! is used. On a device other than the processor each layer is composed of candle's plain operations, which differentiate everywhere; a
//! test compares the two. All numbers are f32; [`Precision`] says how products are computed.

mod activate;
mod amx;
mod attend;
mod blend;
mod composed;
mod convolve;
mod gate;
mod group_norm;
mod linear;
mod look;
mod neighbours;
mod norm;
mod packed;
mod product;
mod swiglu;

pub use activate::{Activation, geglu};
pub use attend::attend;
pub use blend::blend;
pub use convolve::{Convolution, Walk};
pub use gate::gate;
pub use group_norm::Norm;
pub use linear::{bias, linear};
pub use look::look;
pub use neighbours::neighbours;
pub use norm::norm;
pub use packed::{Add, Packed, has_tiles};
pub use product::{Matrix, Precision, product};
pub use swiglu::swiglu;

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor, bail};

/// The numbers of a contiguous f32 tensor in main memory.
fn numbers<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (CpuStorage::F32(all), Some((from, to))) = (storage, layout.contiguous_offsets()) else {
        bail!("a fused layer takes contiguous f32 numbers");
    };
    Ok(&all[from..to])
}

/// Looks at a tensor's numbers; copies them together first if they lie scattered.
fn with<T>(tensor: &Tensor, look: impl FnOnce(&[f32]) -> Result<T>) -> Result<T> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => look(numbers(storage, layout)?),
        _ => bail!("a fused layer looks at numbers in main memory only"),
    }
}

/// Whether the fused form can be taken.
fn fused(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == candle_core::DType::F32
}

/// Runs plain loops compiled for the processor at hand (AVX-512, AVX2 or what there is).
#[inline(always)]
fn vectorised<T>(loops: impl FnOnce() -> T) -> T {
    struct Loops<F>(F);
    impl<T, F: FnOnce() -> T> pulp::WithSimd for Loops<F> {
        type Output = T;
        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _: S) -> T {
            (self.0)()
        }
    }
    pulp::Arch::new().dispatch(Loops(loops))
}

/// eˣ within 2 units in the last place for x ≤ 88, 0 below −87: the polynomial of Cephes' `expf`, free of branches so that it vectorises.
#[inline(always)]
fn exp(x: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0; // 1.5·2²³: adding it rounds to a whole number
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 0.166_666_65;
    let p = p * r + 0.5;
    // The whole number stands in the lowest bits of the shifted one: no conversion, which would not vectorise.
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    (p * r * r + r + 1.0) * power
}

/// The greatest number, in sixteen lanes.
#[inline(always)]
fn greatest(xs: &[f32]) -> f32 {
    let greater = |a: f32, b: f32| if b > a { b } else { a };
    let (x16, rest) = xs.as_chunks::<16>();
    let mut lanes = [f32::NEG_INFINITY; 16];
    for x in x16 {
        for i in 0..16 {
            lanes[i] = greater(lanes[i], x[i]);
        }
    }
    lanes.into_iter().chain(rest.iter().copied()).fold(f32::NEG_INFINITY, greater)
}

/// Σ f(xᵢ, yᵢ) in sixteen lanes: the order is fixed, and the compiler may use wide registers.
#[inline(always)]
fn fold(xs: &[f32], ys: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0f32; 16];
    let ((x16, x_rest), (y16, y_rest)) = (xs.as_chunks::<16>(), ys.as_chunks::<16>());
    for (x, y) in x16.iter().zip(y16) {
        for i in 0..16 {
            lanes[i] += f(x[i], y[i]);
        }
    }
    let rest: f32 = x_rest.iter().zip(y_rest).map(|(&x, &y)| f(x, y)).sum();
    lanes.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests;
