//! Every parameter learns; packing goes both ways.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor, Var};

use super::*;
use crate::generation::noise::normal;

/// A network small enough for a test.
pub(crate) fn small(works: usize) -> Sizes {
    Sizes {
        side: 32,
        patch: 8,
        width: 16,
        depth: 2,
        heads: 2,
        hidden: 24,
        local: 8,
        head: 20,
        text_slots: 3,
        works,
        vocabulary: 12,
    }
}

#[test]
fn every_parameter_gets_a_gradient() {
    for works in [0, 2] {
        let sizes = small(works);
        assert_eq!(sizes.fault(), None);
        let device = &Device::Cpu;
        // Zeros where the network begins with zeros would hide what lies behind them: everything begins with noise here.
        let vars: BTreeMap<String, Var> = Network::parameters(&sizes)
            .into_iter()
            .enumerate()
            .map(|(i, p)| {
                let numbers: Vec<f32> = normal(i as u64, p.shape.iter().product()).iter().map(|x| x * 0.3).collect();
                (p.name, Var::from_tensor(&Tensor::from_vec(numbers, p.shape, device).unwrap()).unwrap())
            })
            .collect();
        let tensors = vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
        let network = Network::new(sizes.clone(), tensors, Precision::F32);
        let noise = |seed, shape: &[usize]| Tensor::from_vec(normal(seed, shape.iter().product()), shape, device).unwrap();
        let tokens = Tensor::new(&[[3u32, 4, 0], [1, 0, 0]], device).unwrap();
        let present = Tensor::from_vec([1f32, 0.0].repeat(works), (2, works), device).unwrap();
        let context = network.context(&tokens, &noise(1, &[2, works, 16, 192]), &present).unwrap();
        let moment = Moment {
            input: &noise(2, &[2, 16, 704]),
            draft: &noise(4, &[2, 16, 192]),
            time: &Tensor::new(&[0.2f32, 0.7], device).unwrap(),
            stride: &Tensor::new(&[0f32, 0.5], device).unwrap(),
        };
        let picture = network.picture(&moment, &context).unwrap();
        assert_eq!(picture.dims(), [2, 16, 192]);
        let gradients = (picture * noise(3, &[2, 16, 192])).unwrap().sum_all().unwrap().backward().unwrap();
        for (name, var) in &vars {
            let gradient = gradients.get(var).unwrap_or_else(|| panic!("`{name}` gets no gradient"));
            let size = gradient.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(size > 1e-12 && size.is_finite(), "the gradient of `{name}` is {size}");
        }
    }
}

#[test]
fn works_are_read_at_half_their_size() {
    // A picture whose every pixel says where it is, so that the mean of four pixels does too.
    let picture: Vec<f32> = (0..32 * 32).flat_map(|at| [(at / 32) as f32, (at % 32) as f32, 7.0]).collect();
    let half: Vec<f32> = (0..16 * 16).flat_map(|at| [(at / 16 * 2) as f32 + 0.5, (at % 16 * 2) as f32 + 0.5, 7.0]).collect();
    let works = Tensor::from_vec(pack(&picture, 32, 8, 3), (1, 1, 16, 192), &Device::Cpu).unwrap();
    let halved = halved(&works, 8).unwrap();
    assert_eq!(halved.dims(), [1, 1, 4, 192]);
    // Within a token the order is that of four patches of half the size, so only the set of pixels of each token is compared.
    let sorted = |numbers: &[f32]| {
        let mut pixels: Vec<[f32; 3]> = numbers.as_chunks::<3>().0.to_vec();
        pixels.sort_by(|a, b| a.partial_cmp(b).unwrap());
        pixels
    };
    let numbers = halved.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    for (ours, expected) in numbers.chunks(192).zip(pack(&half, 16, 8, 3).chunks(192)) {
        assert_eq!(sorted(ours), sorted(expected));
    }
}

#[test]
fn packing_goes_both_ways_and_keeps_cells_together() {
    let picture: Vec<u32> = (0..32 * 32 * 3).collect();
    let packed = pack(&picture, 32, 16, 3);
    assert_eq!(unpack(&packed, 32, 16, 3), picture);
    // The first cell: four pixels of the first row, then four of the second.
    assert_eq!(packed[..12], picture[..12]);
    assert_eq!(packed[12..24], picture[96..108]);
}
