//! Pixels of the works, weighted: a copy mechanism (after See et al. 2017, for words), so that an edge that a work has need not pass through
//! the narrow middle of the network.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::{fused, numbers, vectorised, with};

struct Blend;

/// `weights` batch × tokens × works·cells, `works` batch × works × tokens × numbers → batch × tokens × numbers. A patch's numbers, in the
/// order given, fall into as many runs of equal length as there are cells; each run has one weight per work. `works` learn nothing.
pub fn blend(weights: &Tensor, works: &Tensor) -> Result<Tensor> {
    if fused(weights) {
        return weights.contiguous()?.apply_op2(&works.contiguous()?, Blend);
    }
    let (batch, tokens, _) = weights.dims3()?;
    let (_, count, _, size) = works.dims4()?;
    let weights = weights.reshape((batch, tokens, count, (), 1))?.transpose(1, 2)?;
    let cells = weights.dim(3)?;
    let works = works.detach().reshape((batch, count, tokens, cells, size / cells))?;
    works.broadcast_mul(&weights)?.sum(1)?.reshape((batch, tokens, size))
}

/// Works, tokens, numbers of a patch, cells.
struct Sizes(usize, usize, usize, usize);

fn sizes(weights: &Shape, works: &Shape) -> Result<Sizes> {
    let (_, count, tokens, size) = works.dims4()?;
    Ok(Sizes(count, tokens, size, weights.dims3()?.2 / count))
}

impl CustomOp2 for Blend {
    fn name(&self) -> &'static str {
        "blend"
    }

    fn cpu_fwd(&self, a: &CpuStorage, la: &Layout, r: &CpuStorage, lr: &Layout) -> Result<(CpuStorage, Shape)> {
        let Sizes(count, tokens, size, cells) = sizes(la.shape(), lr.shape())?;
        let (a, r) = (numbers(a, la)?, numbers(r, lr)?);
        let batch = la.dims()[0];
        let mut y = vec![0f32; batch * tokens * size];
        vectorised(|| {
            let run = size / cells;
            for (at, y) in y.chunks_exact_mut(size).enumerate() {
                let (b, token) = (at / tokens, at % tokens);
                for work in 0..count {
                    let weights = &a[(at * count + work) * cells..][..cells];
                    let pixels = &r[((b * count + work) * tokens + token) * size..][..size];
                    for ((y, pixels), w) in y.chunks_exact_mut(run).zip(pixels.chunks_exact(run)).zip(weights) {
                        y.iter_mut().zip(pixels).for_each(|(y, p)| *y += w * p);
                    }
                }
            }
        });
        Ok((CpuStorage::F32(y), (batch, tokens, size).into()))
    }

    fn bwd(&self, a: &Tensor, r: &Tensor, _: &Tensor, dy: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Sizes(count, tokens, size, cells) = sizes(a.shape(), r.shape())?;
        let mut da = vec![0f32; a.elem_count()];
        with(r, |r| {
            with(dy, |dy| {
                vectorised(|| {
                    let run = size / cells;
                    for (at, dy) in dy.chunks_exact(size).enumerate() {
                        let (b, token) = (at / tokens, at % tokens);
                        for work in 0..count {
                            let d = &mut da[(at * count + work) * cells..][..cells];
                            let pixels = &r[((b * count + work) * tokens + token) * size..][..size];
                            for ((d, pixels), dy) in d.iter_mut().zip(pixels.chunks_exact(run)).zip(dy.chunks_exact(run)) {
                                *d = super::fold(pixels, dy, |p, g| p * g);
                            }
                        }
                    }
                });
                Ok(())
            })
        })?;
        Ok((Some(Tensor::from_vec(da, a.shape(), a.device())?), None))
    }
}
