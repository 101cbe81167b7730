//! The parameters: name, shape and beginning of each, in one list that training, loading and saving share.

use super::{CELLS, FREQUENCIES, Sizes};
use crate::generation::noise;

/// How a parameter begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// Normal numbers of this deviation.
    Normal(f32),
    /// One number everywhere.
    Constant(f32),
    /// Sines and cosines of the place on the grid, amplitude ½: neighbours begin alike.
    Grid,
    /// Half of the draft and a tenth of each work: the first guess is a mixture of what was looked up, not nothing.
    Blend,
}

/// One parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its shape; matrices are inputs × outputs.
    pub shape: Vec<usize>,
    /// How it begins.
    pub init: Init,
    /// A matrix inside the network, for which an optimiser of matrices fits; the others are tables, gains, inputs and outputs.
    pub inner: bool,
}

impl Parameter {
    /// Its first numbers; `seed` is the run's, and the name tells parameters apart.
    pub fn first(&self, seed: u64, sizes: &Sizes) -> Vec<f32> {
        let count = self.shape.iter().product();
        match self.init {
            Init::Constant(x) => vec![x; count],
            Init::Normal(deviation) => {
                let key = crate::digest::blake3_of(format!("{seed} {}", self.name).as_bytes());
                let key = u64::from_le_bytes(key.0[..8].try_into().unwrap_or_default());
                noise::normal(key, count).into_iter().map(|x| x * deviation).collect()
            }
            Init::Grid => grid(sizes),
            Init::Blend => (0..count).map(|i| if i < count - CELLS { 0.1 } else { 0.5 }).collect(),
        }
    }
}

fn grid(sizes: &Sizes) -> Vec<f32> {
    let (side, quarter) = (sizes.side / sizes.patch, sizes.width / 4);
    let mut numbers = Vec::with_capacity(side * side * sizes.width);
    for token in 0..side * side {
        for place in [token / side, token % side] {
            for i in 0..quarter {
                let angle = place as f32 * std::f32::consts::PI / side as f32 * (side as f32).powf(i as f32 / quarter as f32);
                numbers.extend([0.5 * angle.sin(), 0.5 * angle.cos()]);
            }
        }
        numbers.resize((token + 1) * sizes.width, 0.0);
    }
    numbers
}

/// Takes name, shape, beginning and whether it is an inner matrix.
type Add<'a> = &'a mut dyn FnMut(String, &[usize], Init, bool);

/// All parameters of a network of these sizes, in a fixed order.
pub(super) fn parameters(sizes: &Sizes) -> Vec<Parameter> {
    let d = sizes.width;
    let mut all = Vec::new();
    let mut add = |name: String, shape: &[usize], init: Init, inner: bool| {
        all.push(Parameter { name, shape: shape.to_vec(), init, inner });
    };
    let usual = |inputs: usize| Init::Normal(1.0 / (inputs as f32).sqrt());
    let zero = Init::Constant(0.0);
    add("words".into(), &[sizes.vocabulary, d], Init::Normal(0.5), false);
    add("slots".into(), &[sizes.text_slots, d], Init::Normal(0.1), false);
    add("pool.w".into(), &[d, d], usual(d), false);
    let block = |add: Add<'_>, name: &str| {
        add(format!("{name}.mod"), &[6, d], zero, false);
        add(format!("{name}.gains"), &[2, d / sizes.heads], Init::Constant(1.0), false);
        add(format!("{name}.qkv.w"), &[d, 3 * d], usual(d), true);
        add(format!("{name}.out.w"), &[d, d], zero, true);
        add(format!("{name}.up.w"), &[d, 2 * sizes.hidden], usual(d), true);
        add(format!("{name}.down.w"), &[sizes.hidden, d], zero, true);
    };
    let local = |add: Add<'_>, name: &str| {
        add(format!("{name}.local_in.w"), &[d, sizes.local], usual(d), true);
        add(format!("{name}.local.w"), &[9 * sizes.local, sizes.local], usual(9 * sizes.local), true);
        add(format!("{name}.local_out.w"), &[sizes.local, d], zero, true);
    };
    block(&mut add, "text");
    if sizes.works > 0 {
        add("work.w".into(), &[sizes.pixels(), d], usual(sizes.pixels()), false);
        add("work_pos".into(), &[sizes.work_tokens(), d], Init::Normal(0.3), false);
        add("work_kind".into(), &[sizes.works, 1, d], Init::Normal(0.1), false);
        add("work_none".into(), &[d], zero, false);
        add("blend.w".into(), &[d, (sizes.works + 1) * CELLS], zero, false);
        add("blend.b".into(), &[(sizes.works + 1) * CELLS], Init::Blend, false);
    }
    block(&mut add, "joint");
    add("joint.last".into(), &[2, d], zero, false);
    for i in 0..sizes.depth / 2 {
        add(format!("context{i}.kv.w"), &[d, 2 * d], usual(d), true);
    }
    add("time.w".into(), &[2 * FREQUENCIES, d], usual(2 * FREQUENCIES), false);
    add("stride.w".into(), &[2 * FREQUENCIES, d], usual(2 * FREQUENCIES), false);
    add("time_out.w".into(), &[d, d], usual(d), false);
    add("mod.w".into(), &[d, 6 * d], zero, false);
    add("in.w".into(), &[sizes.input(), d], usual(sizes.pixels()), false);
    add("in.b".into(), &[d], zero, false);
    add("pos".into(), &[sizes.tokens(), d], Init::Grid, false);
    for i in 0..sizes.depth {
        local(&mut add, &format!("block{i}"));
        block(&mut add, &format!("block{i}"));
    }
    local(&mut add, "last");
    add("last.mod.w".into(), &[d, 2 * d], zero, false);
    add("head.w".into(), &[d, sizes.head], usual(d), false);
    add("head.b".into(), &[sizes.head], zero, false);
    add("head_out.w".into(), &[sizes.head, sizes.pixels()], zero, false);
    // Most of a drawing is paper, and so are most works.
    add("head_out.b".into(), &[sizes.pixels()], Init::Constant(if sizes.works > 0 { 0.1 } else { 0.6 }), false);
    all
}
