//! Against the reference's recorded numbers, layer by layer; then what holds of whole drawings.

use std::collections::HashMap;

use candle_core::{D, DType, Device, Tensor};

use super::code_model::{CodeModel, Walk};
use super::{Kind, Model};
use crate::generation::backend::{BackendError, Flow};
use crate::generation::dit::Condition;
use crate::generation::request::{DrawRequest, Reference};
use crate::generation::testing::{files, folder, relative_error, work};

const PROMPTS: [&str; 3] = ["red apple", "house with garden", "zzzz unknown"];
/// Greatest difference allowed, relative to the root mean square of the reference.
const TOLERANCE: f64 = 1e-3;

fn model() -> Model {
    Model::load(&files(), &Device::Cpu).unwrap()
}

/// The first embedded model from inside.
fn codes(model: &Model) -> &CodeModel {
    match &model.kind {
        Kind::Codes(model) => model,
        Kind::Pixels(_) => panic!("a model on codes is meant"),
    }
}

fn reference() -> HashMap<String, Tensor> {
    candle_core::safetensors::load(folder().join("activations.safetensors"), &Device::Cpu).unwrap()
}

fn numbers(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

/// The reference's works of prompt `b` as codes: 4 × 16 × 128, 2×2 patches side by side → patches × code.
fn works(reference: &HashMap<String, Tensor>, b: usize) -> Vec<Tensor> {
    let given = reference["has"].to_dtype(DType::F32).unwrap().get(b).unwrap().to_vec1::<f32>().unwrap();
    let merged = reference["ref"].get(b).unwrap();
    let unmerge = |k: usize| {
        let work = merged.get(k).unwrap().reshape((4, 4, 2, 2, 32)).unwrap();
        work.permute((0, 2, 1, 3, 4)).unwrap().contiguous().unwrap().reshape((64, 32)).unwrap()
    };
    (0..4).filter(|&k| given[k] > 0.0).map(unmerge).collect()
}

fn condition(model: &CodeModel, reference: &HashMap<String, Tensor>, b: usize) -> Condition {
    let tokens = model.vocab.tokens(PROMPTS[b], None, 8);
    let recorded: Vec<u32> = reference["tok"].get(b).unwrap().to_dtype(DType::U32).unwrap().to_vec1().unwrap();
    assert_eq!(tokens, recorded);
    model.transformer.condition(&tokens, &works(reference, b)).unwrap()
}

/// The first pass's rows with every token once for each time it counts, in the reference's order: works, text, image.
fn expanded(h: &Tensor, condition: &Condition) -> Tensor {
    let counts = condition.counts();
    let rows =
        counts.iter().zip(0u32..).flat_map(|(&count, row)| vec![row; count]).chain((0..64).map(|i| counts.len() as u32 + i));
    h.index_select(&Tensor::new(rows.collect::<Vec<_>>(), &Device::Cpu).unwrap(), 0).unwrap()
}

#[test]
fn every_layer_agrees_with_the_reference() {
    let (model, reference) = (model(), reference());
    let model = codes(&model);
    let mut worst: Vec<(String, f64)> = Vec::new();
    let mut note = |name: &str, error: f64| match worst.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => *known = known.max(error),
        None => worst.push((name.to_owned(), error)),
    };
    let times = reference["t"].to_vec1::<f32>().unwrap();
    for (b, &time) in times.iter().enumerate() {
        let condition = condition(model, &reference, b);
        let moments = model.transformer.moments(&condition, &[f64::from(time)]).unwrap();
        let noise = reference["noise"].get(b).unwrap();
        let mut trace = |name: &str, h: &Tensor| {
            note(name, relative_error(&numbers(&expanded(h, &condition)), &numbers(&reference[name].get(b).unwrap())));
        };
        let velocity = model.transformer.velocity(&noise, &[(&condition, &moments[0])], Some(&mut trace)).unwrap();
        note("velocity", relative_error(&numbers(&velocity[0]), &numbers(&reference["velocity"].get(b).unwrap())));

        let works = works(&reference, b);
        let walk = Walk { condition: &condition, first: works.first(), noise, steps: 8, guidance: 2.0, start: 0.3 };
        let z = model.walk(&walk, &mut |_| Flow::Continue).unwrap().unwrap();
        let sampled = reference["sampled8"].get(b).unwrap();
        note("sampled8", relative_error(&numbers(&z), &numbers(&sampled)));
        // Planar in the reference, three numbers per pixel here.
        let decoded = numbers(&reference["decoded8"].get(b).unwrap().permute((1, 2, 0)).unwrap());
        note("decoded8", relative_error(&model.autoencoder.decode(&z).unwrap(), &decoded));
        note("decoder alone", relative_error(&model.autoencoder.decode(&sampled).unwrap(), &decoded));
    }
    let report: Vec<String> = worst.iter().map(|(name, error)| format!("{name} {error:.1e}")).collect();
    assert_eq!(worst.len(), 13);
    // Shown with `--nocapture`, and when it fails.
    std::io::Write::write_all(&mut std::io::stderr(), format!("relative errors: {}\n", report.join(", ")).as_bytes()).unwrap();
    assert!(worst.iter().all(|(_, error)| *error <= TOLERANCE), "{report:?}");
}

#[test]
fn two_passes_together_equal_each_alone() {
    let (model, reference) = (model(), reference());
    let model = codes(&model);
    let with = condition(model, &reference, 0);
    let without = model.transformer.condition(&[1, 0, 0, 0, 0, 0, 0, 0], &[]).unwrap();
    let moment = |c: &Condition| model.transformer.moments(c, &[0.4]).unwrap().remove(0);
    let (a, b) = (moment(&with), moment(&without));
    let noise = reference["noise"].get(0).unwrap();
    let both = model.transformer.velocity(&noise, &[(&with, &a), (&without, &b)], None).unwrap();
    for (both, alone) in both.iter().zip([(&with, &a), (&without, &b)]) {
        let alone = model.transformer.velocity(&noise, &[alone], None).unwrap();
        assert!(relative_error(&numbers(both), &numbers(&alone[0])) < 1e-4);
    }
}

/// A work's picture with some structure.
fn painted(n: usize) -> Reference {
    let rgb =
        (0..64 * 64 * 3).map(|i| if (i / 3 % 64 / 8 + i / 192 / 8 + n) % 3 == i % 3 { 230 } else { 40 }).collect::<Vec<u8>>();
    Reference { work: work(n), rgb: rgb.into(), part: 0, colour: None }
}

#[test]
fn a_code_gives_its_picture_back() {
    let model = model();
    let model = codes(&model);
    let rgb = [vec![200u8; 64 * 32 * 3], vec![90; 64 * 32 * 3]].concat();
    let z = model.autoencoder.code.encode(&rgb, &Device::Cpu).unwrap();
    assert_eq!(z.dims(), [64, 32]);
    assert!(z.sqr().unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap() < 100.0);
    assert_eq!(z.dim(D::Minus1).unwrap(), 32);
    for back in [model.autoencoder.code.decode(&z).unwrap(), model.autoencoder.decode(&z).unwrap()] {
        let back = crate::generation::vae::to_bytes(&back);
        let off = back.iter().zip(&rgb).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / rgb.len() as f64;
        assert!(off < 6.0, "{off}");
    }
}

#[test]
fn same_request_same_bytes() {
    let model = model();
    let mut request = DrawRequest::new("red apple", 11, &model.config);
    request.references = (0..3).map(painted).collect();
    let draw = |request: &DrawRequest| model.draw(request, &mut |_| Flow::Continue).unwrap();
    let first = draw(&request);
    assert_eq!((first.width, first.height, first.rgb.len()), (64, 64, 12_288));
    assert_eq!(first, draw(&request));
    assert_ne!(first, draw(&DrawRequest { seed: 12, ..request.clone() }));
    assert_ne!(first, draw(&DrawRequest { references: vec![painted(1)], ..request }));
}

#[test]
fn the_edges_of_a_request_can_be_drawn() {
    let model = model();
    let plain = DrawRequest::new("zzzz the of", 0, &model.config);
    for (steps, guidance, start, works, prompt) in [
        (1, 1.0, 0.0, 0, "zzzz"),
        (2, 0.0, 0.94, 4, "the of in"),
        (3, 10.0, 0.0, 1, "🍎"),
        (3, 2.0, 0.5, 4, "one two three four five six seven eight nine"),
    ] {
        let references = (0..works).map(painted).collect();
        let request = DrawRequest { steps, guidance, start, references, prompt: prompt.into(), ..plain.clone() };
        assert!(model.draw(&request, &mut |_| Flow::Continue).is_ok(), "{prompt}");
    }
}

#[test]
fn steps_previews_and_cancel() {
    let model = model();
    let mut request = DrawRequest::new("red apple", 1, &model.config);
    request.references = vec![painted(0)];
    let mut seen = Vec::new();
    let result = model.draw(&request, &mut |step| {
        seen.push((step.step, step.of, step.preview.map(|p| p.rgb.len())));
        if step.step == 5 { Flow::Cancel } else { Flow::Continue }
    });
    assert_eq!(result, Err(BackendError::Cancelled));
    let preview = |step| (step == 4).then_some(12_288);
    assert_eq!(seen, (0..6).map(|step| (step, 14, preview(step))).collect::<Vec<_>>());
}

#[test]
fn broken_files_are_named() {
    let load = |change: &dyn Fn(&mut crate::generation::ModelFiles)| {
        let mut files = files();
        change(&mut files);
        Model::load(&files, &Device::Cpu).map(|_| ()).unwrap_err().to_string()
    };
    for cut in [0, 7, 100, 20_000, 12_000_000] {
        let said = load(&|f| f.weights.bytes.truncate(cut));
        assert!(said.contains("weights.safetensors") && said.contains("fetch it again"), "{said}");
    }
    let said = load(&|f| {
        f.weights.sha256 = Some(crate::digest::sha256_of(&f.weights.bytes));
        f.weights.bytes[6_000_000] ^= 1;
    });
    assert!(said.contains("weights.safetensors") && said.contains("sha256"), "{said}");
    let replace = |bytes: &mut Vec<u8>, from: &[u8], to: &[u8]| {
        let at = bytes.windows(from.len()).position(|w| w == from).unwrap();
        bytes[at..at + to.len()].copy_from_slice(to);
    };
    let said = load(&|f| replace(&mut f.weights.bytes, b"\"outc\"", b"\"outz\""));
    assert!(said.contains("no tensor `outc`"), "{said}");
    let said = load(&|f| replace(&mut f.config.bytes, b"\"depth\": 8", b"\"depth\": 7"));
    assert!(said.contains("blocks.7."), "{said}");
    let said = load(&|f| replace(&mut f.config.bytes, b"\"code\": 32", b"\"code\": 16"));
    assert!(said.contains("shape"), "{said}");
    let said = load(&|f| f.vocab.bytes = br#"["<pad>","<null>","<unk>","and"]"#.to_vec());
    assert!(said.contains("emb.weight"), "{said}");
}

/// The second embedded model, and a request with works of its size.
fn second() -> (Model, DrawRequest) {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models").join(crate::embedded::MODEL);
    let model = Model::load(&crate::generation::ModelFiles::read(&folder, &|_| None).unwrap(), &Device::Cpu).unwrap();
    let mut request = DrawRequest::new("red apple", 11, &model.config);
    request.references = (0..3).map(|n| square(n, [[220, 40, 40], [40, 180, 60], [40, 80, 220]][n], 0)).collect();
    request.steps = 4;
    (model, request)
}

/// A square of one colour on white paper.
fn square(n: usize, colour: [u8; 3], part: usize) -> Reference {
    let inside = |at: usize| (32..96).contains(&(at % 128)) && (32..96).contains(&(at / 128));
    let rgb: Vec<u8> = (0..128 * 128).flat_map(|at| if inside(at) { colour } else { [255; 3] }).collect();
    Reference { work: work(n), rgb: rgb.into(), part, colour: None }
}

#[test]
fn the_second_model_draws_the_same_bytes_and_every_part_of_a_request_counts() {
    let (model, request) = second();
    let draw = |change: &dyn Fn(&mut DrawRequest)| {
        let mut changed = request.clone();
        change(&mut changed);
        model.draw(&changed, &mut |_| Flow::Continue).unwrap()
    };
    let first = draw(&|_| ());
    assert_eq!((first.width, first.height, first.rgb.len()), (128, 128, 49_152));
    assert_eq!(first, draw(&|_| ()));
    for (what, change) in [
        ("seed", &(|r: &mut DrawRequest| r.seed = 12) as &dyn Fn(&mut DrawRequest)),
        ("prompt", &|r| r.prompt = "blue apple".into()),
        ("style", &|r| r.style = Some(model.config.styles[0].clone())),
        ("start", &|r| r.start = 0.6),
        ("guidance", &|r| r.guidance = 1.0),
        ("steps", &|r| r.steps = 5),
        ("the first work", &|r| drop(r.references.remove(0))),
        ("the last work", &|r| drop(r.references.pop())),
        ("its words", &|r| r.references[0].colour = Some("green".into())),
    ] {
        if what == "its words" {
            // The draft already has the colour asked for, or is given it.
            assert_ne!(
                draw(&|r| (r.prompt, r.references[0].colour) = ("green apple".into(), None)),
                draw(&|r| {
                    r.prompt = "green apple".into();
                    change(r);
                })
            );
        } else {
            assert_ne!(first, draw(change), "{what}");
        }
    }
    for (works, prompt) in [(0, "red apple"), (4, "a and b"), (1, "🍎 and"), (4, "the of in")] {
        let drawn = draw(&|r| {
            r.prompt = prompt.into();
            r.references = (0..works).map(|n| square(n, [90, 60, 200], n % 2)).collect();
        });
        assert_eq!(drawn.rgb.len(), 49_152, "{prompt}");
    }
}

#[test]
fn much_of_the_start_keeps_the_draft() {
    let (model, request) = second();
    let middle = |start: f32, works: usize| {
        let mut request = request.clone();
        (request.start, request.prompt) = (start, "box".into());
        request.references.truncate(works);
        let rgb = model.draw(&request, &mut |_| Flow::Continue).unwrap().rgb;
        <[u8; 3]>::try_from(&rgb[(64 * 128 + 64) * 3..][..3]).unwrap()
    };
    let [r, g, b] = middle(0.94, 1);
    assert!(r > 150 && g < 110 && b < 110, "a red square stays one: {r} {g} {b}");
}

#[test]
fn the_second_model_previews_cancels_and_refuses_foreign_adapters() {
    let (model, mut request) = second();
    (request.start, request.steps) = (0.0, 10);
    let mut seen = Vec::new();
    let result = model.draw(&request, &mut |step| {
        seen.push((step.step, step.of, step.preview.map(|p| p.rgb.len())));
        if step.step == 5 { Flow::Cancel } else { Flow::Continue }
    });
    assert_eq!(result, Err(BackendError::Cancelled));
    let preview = |step| (step == 3).then_some(49_152);
    assert_eq!(seen, (0..6).map(|step| (step, 10, preview(step))).collect::<Vec<_>>());
    let mut shown = 0;
    let short = DrawRequest { steps: 4, ..request.clone() };
    model
        .draw(&short, &mut |step| {
            shown += usize::from(step.preview.is_some());
            Flow::Continue
        })
        .unwrap();
    assert_eq!(shown, 3, "each guess of a short walk");
    let id = crate::id::ModelId::derived(b"adapter");
    for weights in [&b""[..], b"no tensors", &[0; 64]] {
        request.adapter = Some(crate::generation::Adapter { model: id, weights: weights.into(), strength: 1.0 });
        assert!(matches!(model.draw(&request, &mut |_| Flow::Continue), Err(BackendError::Failed(_))));
    }
    // The first model has no place for any.
    let mut request = DrawRequest::new("red apple", 1, &self::model().config);
    request.adapter = Some(crate::generation::Adapter { model: id, weights: (&b""[..]).into(), strength: 1.0 });
    let said = self::model().draw(&request, &mut |_| Flow::Continue).unwrap_err();
    assert!(said.to_string().contains("adapter"), "{said}");
}
