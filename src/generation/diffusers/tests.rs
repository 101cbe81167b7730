//! Files that are not what they should be: each is refused with its name and the tensor's, and nothing falls over. That the networks are right
//! is `tests/parity`'s business.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use colophon_ops::{Precision, Walk};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::folder::Folder;
use super::parts::{Way, vae};
use super::pipeline::{picture, picture_in_tiles};
use super::tensors::{Onto, Tensors, files_of};
use crate::generation::weights::LoadError;

fn bytes(tensors: &[(&str, &[usize], &[f32])]) -> Vec<u8> {
    let raw: Vec<Vec<u8>> = tensors.iter().map(|(_, _, x)| x.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
    let views: BTreeMap<&str, TensorView> = tensors
        .iter()
        .zip(&raw)
        .map(|((name, shape, _), raw)| (*name, TensorView::new(Dtype::F32, shape.to_vec(), raw).unwrap()))
        .collect();
    safetensors::serialize(views, None).unwrap()
}

fn good() -> Vec<u8> {
    bytes(&[("a.weight", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), ("a.bias", &[2], &[0.5, -0.5])])
}

fn open(folder: &Path, file: &[u8]) -> Result<Tensors, LoadError> {
    std::fs::write(folder.join("model.safetensors"), file).unwrap();
    read(folder, "model")
}

fn read(folder: &Path, stem: &str) -> Result<Tensors, LoadError> {
    Tensors::open(&files_of(folder, stem, &|_| Ok(()))?, Onto::processor(Precision::F32))
}

#[test]
fn a_file_that_is_whole_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut w = open(folder.path(), &good()).unwrap();
    let layer = w.linear("a", 3, 2).unwrap();
    assert_eq!((layer.inputs(), layer.outputs(), w.taken()), (3, 2, 8));
    w.finish(&[]).unwrap();
    // What is left over is named, unless it is known to be of no use.
    let mut w = open(folder.path(), &good()).unwrap();
    w.take("a.weight", &[2, 3]).unwrap();
    assert!(matches!(w.finish(&[]), Err(LoadError::Unexpected { tensor, .. }) if tensor == "a.bias"));
    let mut w = open(folder.path(), &good()).unwrap();
    w.take("a.weight", &[2, 3]).unwrap();
    w.finish(&["bias"]).unwrap();
}

#[test]
fn what_is_wrong_is_said_with_file_and_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read(folder.path(), "model").unwrap_err();
    assert!(matches!(missing, LoadError::Unreadable { .. }) && missing.to_string().contains("model.safetensors"));
    let mut w = open(folder.path(), &good()).unwrap();
    assert!(matches!(w.linear("b", 3, 2), Err(LoadError::Missing { tensor, .. }) if tensor == "b.weight"));
    let shape = w.linear("a", 4, 2).unwrap_err();
    assert!(matches!(&shape, LoadError::Shape { tensor, found, .. } if tensor == "a.weight" && *found == [2, 3]), "{shape}");
    for bad in [f32::NAN, f32::INFINITY] {
        let mut w = open(folder.path(), &bytes(&[("k.weight", &[1, 1, 1, 1], &[bad])])).unwrap();
        let said = w.convolution("k", 1, 1, 1, Walk::SAME).unwrap_err();
        assert!(matches!(&said, LoadError::NotFinite { tensor, .. } if tensor == "k.weight"), "{said}");
    }
    // Cut at every place: an error, or, behind the header, one for the tensor that is missing.
    let whole = good();
    for length in 0..whole.len() {
        let said = open(folder.path(), &whole[..length]).unwrap_err();
        assert!(matches!(said, LoadError::Malformed { .. }), "{length}: {said}");
    }
    let header = whole.len() - 32;
    for (from, to) in [("F32", "I64"), ("[0,24]", "[9,24]"), ("[2,3]", "[2,9]"), ("[24,32]", "[32,24]"), ("shape", "shade")] {
        let text = String::from_utf8_lossy(&whole[..header]).replace(from, to);
        if let Ok(mut w) = open(folder.path(), &[text.as_bytes(), &whole[header..]].concat()) {
            assert!(w.linear("a", 3, 2).is_err(), "{from} for {to}");
        }
    }
    let mut renamed = whole;
    renamed[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(matches!(open(folder.path(), &renamed), Err(LoadError::Malformed { .. })));
}

#[test]
fn shards_are_found_and_stay_in_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, file: &[u8]| std::fs::write(folder.path().join(name), file).unwrap();
    write("m-1.safetensors", &bytes(&[("a.weight", &[2, 3], &[1.0; 6])]));
    write("m-2.safetensors", &bytes(&[("a.bias", &[2], &[1.0; 2])]));
    write("m.safetensors.index.json", br#"{"weight_map":{"a.weight":"m-1.safetensors","a.bias":"m-2.safetensors"}}"#);
    let mut w = read(folder.path(), "m").unwrap();
    w.linear("a", 3, 2).unwrap();
    w.finish(&[]).unwrap();
    for map in [r#"{"weight_map":{"a":"../m-1.safetensors"}}"#, r#"{"weight_map":[]}"#, "{"] {
        write("m.safetensors.index.json", map.as_bytes());
        assert!(matches!(files_of(folder.path(), "m", &|_| Ok(())), Err(LoadError::Malformed { .. })), "{map}");
    }
    std::fs::remove_file(folder.path().join("m.safetensors.index.json")).unwrap();
    assert!(Folder::open(folder.path()).unwrap_err().to_string().contains("model_index.json"));
}

#[test]
fn tiles_of_a_large_picture_join() {
    let folder = tempfile::tempdir().unwrap();
    crate::generation::testing::write_tiny_model(folder.path(), 1);
    let opened = Folder::open(folder.path()).unwrap();
    let way = Way { onto: Onto::processor(Precision::F32), lora: None };
    let vae = vae(&opened, &way).unwrap().0;
    let latents = |high: usize, wide: usize| {
        let smooth = (0..high * wide * 4)
            .map(|i| ((i / 4 / wide) as f32 * 0.05).sin() + ((i / 4 % wide) as f32 * 0.07 + (i % 4) as f32).cos());
        Tensor::from_iter(smooth, &Device::Cpu).unwrap().reshape((1, high, wide, 4)).unwrap()
    };
    let numbers = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    // One tile is the whole picture.
    let small = latents(96, 40);
    assert_eq!(numbers(&picture_in_tiles(&vae, &small).unwrap()), numbers(&picture(&vae, &small).unwrap()));
    // Several, the last of them shifted back into the picture: as large as the whole, near it everywhere, and without an edge where they meet.
    let large = latents(200, 130);
    let (tiled, whole) = (picture_in_tiles(&vae, &large).unwrap(), picture(&vae, &large).unwrap());
    assert_eq!((tiled.dims(), whole.dims()), (&[1, 400, 260, 3][..], &[1, 400, 260, 3][..]));
    let (tiled, whole) = (numbers(&tiled), numbers(&whole));
    let apart = tiled.iter().zip(&whole).map(|(a, b)| (a - b).abs()).sum::<f32>() / tiled.len() as f32;
    let spread = whole.iter().map(|x| x.abs()).sum::<f32>() / whole.len() as f32;
    assert!(apart < 0.2 * spread, "{apart} of {spread}");
    let step = |x: &[f32]| (260 * 3..x.len()).map(|i| (x[i] - x[i - 260 * 3]).abs()).fold(0f32, f32::max);
    assert!(step(&tiled) < 1.5 * step(&whole), "{} {}", step(&tiled), step(&whole));
}

#[test]
fn half_precision_is_read_and_kept_where_a_device_wants_it() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = [1.0f32, -2.5, 0.125, 96.0];
    for kind in [Dtype::F16, Dtype::BF16] {
        let raw: Vec<u8> = match kind {
            Dtype::F16 => numbers.iter().flat_map(|x| half::f16::from_f32(*x).to_le_bytes()).collect(),
            _ => numbers.iter().flat_map(|x| half::bf16::from_f32(*x).to_le_bytes()).collect(),
        };
        let view = TensorView::new(kind, vec![2, 2], &raw).unwrap();
        let file = safetensors::serialize([("a.weight", view)], None).unwrap();
        // The only file there is: its name says f16.
        std::fs::write(folder.path().join("model.fp16.safetensors"), &file).unwrap();
        let files = files_of(folder.path(), "model", &|_| Ok(())).unwrap();
        assert!(files[0].ends_with("model.fp16.safetensors"));
        let mut w = Tensors::open(&files, Onto::processor(Precision::Split)).unwrap();
        assert_eq!((w.numbers(), w.bytes()), (4, 16));
        assert_eq!(w.take("a.weight", &[2, 2]).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap(), numbers);
        let device = Onto { device: Device::Cpu, precision: Precision::Composed, whole: false };
        let mut w = Tensors::open(&files, device).unwrap();
        assert_eq!(w.bytes(), 8);
        let layer = w.linear("a", 2, 2).unwrap();
        let x = Tensor::new(&[[1f32, 1.0]], &Device::Cpu).unwrap();
        // A layer computes in the type of its numbers: f32 must be brought there first.
        assert!(layer.apply(&x, colophon_ops::Add::Nothing).is_err());
        let x = x.to_dtype(if kind == Dtype::F16 { candle_core::DType::F16 } else { candle_core::DType::BF16 }).unwrap();
        let y = layer.apply(&x, colophon_ops::Add::Nothing).unwrap().to_dtype(candle_core::DType::F32).unwrap();
        let y = y.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!((y[0] + 1.5).abs() < 1e-3 && (y[1] - 96.0).abs() < 0.6, "{y:?}");
    }
    std::fs::write(folder.path().join("model.safetensors"), good()).unwrap();
    assert!(files_of(folder.path(), "model", &|_| Ok(())).unwrap()[0].ends_with("model.safetensors"), "f32 before f16");
}
