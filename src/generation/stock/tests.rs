//! Models of folders that take turns: within the budget, each as if it were alone, and none the worse for files of another that are broken.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::digest::sha256_of;
use crate::generation::diffusers::Usual;
use crate::generation::fake::FakeBackend;
use crate::generation::request::{Adapter, Invalid};
use crate::generation::scheduler::Sampler;
use crate::generation::testing::{tiny_lora, write_tiny_model};
use crate::id::ModelId;

/// Room for all parts of both models.
const BUDGET: u64 = 1 << 20;

fn model(folder: &Path, seed: u64) -> Arc<FolderModel> {
    write_tiny_model(folder, seed);
    card(folder, seed)
}

/// With the hashes of the files as they are.
fn card(folder: &Path, seed: u64) -> Arc<FolderModel> {
    let (named, _) = FolderModel::describe(folder).unwrap();
    let hash = |name: &str| sha256_of(&std::fs::read(folder.join(name)).unwrap());
    let files: BTreeMap<_, _> = named.into_iter().map(|file| (file.name.clone(), hash(&file.name))).collect();
    let offer = FolderModel::offer(folder, files.clone(), &Usual::default()).unwrap();
    let title = format!("Tiny {seed}");
    Arc::new(FolderModel { id: ModelId::derived(&seed.to_be_bytes()), title, folder: folder.to_owned(), files, offer })
}

/// The same model under another id: nothing of it is at hand.
fn card_without(model: &Arc<FolderModel>, folder: &Path, seed: u64) -> Arc<FolderModel> {
    let id = ModelId::derived(&seed.to_be_bytes());
    Arc::new(FolderModel { id, folder: folder.to_owned(), ..FolderModel::clone(model) })
}

fn stock(budget: u64) -> Stock<FakeBackend> {
    Stock::new(FakeBackend::new(), Place::Cpu, budget, 2)
}

fn asked(model: &Arc<FolderModel>, prompt: &str, seed: u64) -> DrawRequest {
    let mut request = DrawRequest::new(prompt, seed, &model.offer);
    request.model = Some(Arc::clone(model));
    request.steps = 3;
    request
}

fn drawn(stock: &mut Stock<FakeBackend>, request: &DrawRequest) -> Vec<u8> {
    stock.draw(request, &mut |_| Flow::Continue).unwrap().rgb
}

#[test]
fn everything_that_is_asked_counts_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), 1);
    assert_eq!((model.offer.image, model.offer.steps), ([64, 64], 25));
    let mut stock = stock(BUDGET);
    let plain = asked(&model, "a red apple", 7);
    let first = drawn(&mut stock, &plain);
    assert_eq!(first.len(), 64 * 64 * 3);
    assert!(first.iter().any(|x| *x != first[0]), "a picture of one colour");
    let mut others = Vec::new();
    let mut other = |change: &dyn Fn(&mut DrawRequest)| {
        let mut request = plain.clone();
        change(&mut request);
        others.push(drawn(&mut stock, &request));
    };
    other(&|r| r.seed = 8);
    other(&|r| r.prompt = "a blue apple".into());
    other(&|r| r.negative = "blue".into());
    other(&|r| r.guidance = 3.0);
    other(&|r| r.guidance = 1.0);
    other(&|r| r.steps = 4);
    for name in ["ddim", "euler", "euler-ancestral", "unipc", "lcm", "dpm-solver-karras"] {
        other(&|r| r.sampler = Sampler::parse(name));
    }
    let all: std::collections::HashSet<_> = others.iter().chain([&first]).collect();
    assert_eq!(all.len(), others.len() + 1);
    // Drawn again after all of them, and by another stock.
    assert_eq!(drawn(&mut stock, &plain), first);
    assert_eq!(drawn(&mut self::stock(BUDGET), &plain), first);
    // The engine's own model is asked where no other is named.
    let own = DrawRequest::new("a red apple", 7, &FakeBackend::config());
    assert_eq!(drawn(&mut stock, &own).len(), 128 * 128 * 3);
    // Sizes are those of the request, wider than high.
    let wide = DrawRequest { width: 128, height: 64, ..plain };
    let picture = stock.draw(&wide, &mut |_| Flow::Continue).unwrap();
    assert_eq!((picture.width, picture.height, picture.rgb.len()), (128, 64, 128 * 64 * 3));
}

#[test]
fn nothing_to_avoid_is_told_as_zeros_where_the_model_wants_it_so() {
    let (plain, zeros) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = model(plain.path(), 1);
    write_tiny_model(zeros.path(), 1);
    let index = zeros.path().join("model_index.json");
    let text = std::fs::read_to_string(&index).unwrap();
    std::fs::write(&index, text.replacen('{', r#"{"force_zeros_for_empty_prompt":true,"#, 1)).unwrap();
    let other = card(zeros.path(), 2);
    let mut stock = stock(BUDGET);
    let mut both = |change: &dyn Fn(&mut DrawRequest)| {
        [&one, &other].map(|model| {
            let mut request = asked(model, "a red apple", 7);
            change(&mut request);
            drawn(&mut stock, &request)
        })
    };
    let [empty, nothing] = both(&|_| {});
    assert!(empty != nothing);
    for change in [&(|r: &mut DrawRequest| r.negative = "blue".into()) as &dyn Fn(&mut DrawRequest), &|r| r.guidance = 1.0] {
        let [a, b] = both(change);
        assert!(a == b, "only that differs");
    }
}

#[test]
fn what_can_t_be_drawn_is_said_before_anything_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), 1);
    let mut stock = stock(BUDGET);
    let mut refused = |change: &dyn Fn(&mut DrawRequest)| {
        let mut request = asked(&model, "a red apple", 7);
        change(&mut request);
        match stock.draw(&request, &mut |_| Flow::Continue) {
            Err(BackendError::Invalid(invalid)) => invalid.to_string(),
            other => panic!("{:?}", other.map(|picture| (picture.width, picture.height))),
        }
    };
    assert!(refused(&|r| r.width = 100).contains("that 8 divides"));
    assert!(refused(&|r| r.height = 56).contains("from 64 to 2048"));
    assert!(refused(&|r| r.width = 4096).contains("4096"));
    assert!(refused(&|r| r.guidance = 30.5).contains("0 to 30"));
    assert!(refused(&|r| r.start = 0.3).contains("start"));
    assert!(refused(&|r| r.sampler = Sampler::parse("flow-euler")).contains("dpm-solver, unipc"));
    assert_eq!(refused(&|r| r.prompt = "x ".repeat(90)), Invalid::Tokens { given: 90, most: 75 }.to_string());
    assert_eq!(refused(&|r| r.negative = "x ".repeat(76)), Invalid::Tokens { given: 76, most: 75 }.to_string());
    assert_eq!(stock.held.peak(), 0);
}

#[test]
fn steps_are_counted_previewed_and_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), 1);
    let request = DrawRequest { steps: 10, ..asked(&model, "a red apple", 7) };
    let mut stock = stock(BUDGET);
    let mut seen = Vec::new();
    let picture = stock.draw(&request, &mut |step| {
        seen.push((step.step, step.of, step.preview.map(|p| (p.width, p.height))));
        Flow::Continue
    });
    assert_eq!((seen.len(), seen[0], seen[2]), (10, (0, 10, None), (2, 10, Some((32, 32)))));
    assert!(picture.is_ok());
    let stopped = stock.draw(&request, &mut |step| if step.step == 3 { Flow::Cancel } else { Flow::Continue });
    assert_eq!(stopped, Err(BackendError::Cancelled));
    assert_eq!(stock.draw(&request, &mut |_| Flow::Continue), picture);
}

#[test]
fn two_models_take_turns_within_the_budget() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (model(one.path(), 1), model(two.path(), 50));
    let requests = [asked(&first, "a red apple", 7), asked(&second, "a red apple", 7), asked(&second, "a blue apple", 8)];
    let alone: Vec<_> = requests.iter().map(|request| drawn(&mut stock(BUDGET), request)).collect();
    assert_ne!(alone[0], alone[1]);
    // Room for all parts of both; for one model whole; for a network alone.
    let mut roomy = stock(BUDGET);
    requests.iter().zip(&alone).for_each(|(request, alone)| assert!(&drawn(&mut roomy, request) == alone));
    let all = roomy.held.now();
    let network = roomy.painters[0].bytes(Part::Network).unwrap();
    let decoder = roomy.painters[0].bytes(Part::Decoder).unwrap();
    assert_eq!(all, 2 * (network + decoder));
    for budget in [all, network + decoder, network.max(decoder)] {
        let mut stock = stock(budget);
        for turn in 0..6 {
            let n = turn % requests.len();
            assert!(drawn(&mut stock, &requests[n]) == alone[n], "budget {budget}, turn {turn}");
            assert!(stock.held.now() <= budget);
        }
        assert!(stock.held.peak() <= budget && stock.held.peak() >= network);
    }
    let mut small = stock(network - 1);
    let said = small.draw(&requests[0], &mut |_| Flow::Continue).unwrap_err().to_string();
    assert!(said.contains("the network of “Tiny 1”") && said.contains("model_memory_mib"), "{said}");
    assert!(small.held.peak() < network);
}

#[test]
fn broken_files_are_named_and_the_other_models_go_on() {
    let (good, bad) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (sound, other) = (model(good.path(), 1), model(bad.path(), 50));
    let mut stock = stock(BUDGET);
    let before = drawn(&mut stock, &asked(&sound, "a red apple", 7));
    let weights = bad.path().join("unet/diffusion_pytorch_model.safetensors");
    let whole = std::fs::read(&weights).unwrap();
    let mut fails = |model: &Arc<FolderModel>, expected: &[&str]| {
        let said = match stock.draw(&asked(model, "a red apple", 7), &mut |_| Flow::Continue) {
            Err(BackendError::Load(e)) => e.to_string(),
            other => panic!("{:?}", other.map(|picture| (picture.width, picture.height))),
        };
        expected.iter().for_each(|word| assert!(said.contains(word), "{said}"));
        assert!(drawn(&mut stock, &asked(&sound, "a red apple", 7)) == before, "the sound one goes on");
    };
    // Another file than the card names: one number changed, cut short, or gone.
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&weights, &changed).unwrap();
    fails(&other, &["unet/diffusion_pytorch_model.safetensors", "sha256", "fetch the file again"]);
    std::fs::write(&weights, &whole[..whole.len() - 100]).unwrap();
    fails(&other, &["unet/diffusion_pytorch_model.safetensors", "sha256"]);
    std::fs::remove_file(&weights).unwrap();
    fails(&other, &["unet/diffusion_pytorch_model.safetensors", "cannot read"]);
    // As the card names them, and wrong all the same: no numbers, another shape, a tensor of another name.
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let mut none = whole.clone();
    none[8 + header..8 + header + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&weights, &none).unwrap();
    fails(&card(bad.path(), 51), &["unet/diffusion_pytorch_model.safetensors", "no number", "tensor `"]);
    let text = String::from_utf8_lossy(&whole[8..8 + header]).replace("conv_in.bias", "conv_in.bins");
    std::fs::write(&weights, [&whole[..8], text.as_bytes(), &whole[8 + header..]].concat()).unwrap();
    fails(&card(bad.path(), 52), &["`conv_in.bins`", "no place"]);
    std::fs::write(&weights, &whole).unwrap();
    let config = bad.path().join("unet/config.json");
    let read = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, read.replace("\"cross_attention_dim\":8", "\"cross_attention_dim\":16")).unwrap();
    fails(&card(bad.path(), 53), &["attn2.to_k.weight", "shape [8, 8], not [8, 16]"]);
    std::fs::write(&config, read).unwrap();
    std::fs::remove_file(bad.path().join("tokenizer/vocab.json")).unwrap();
    fails(&card_without(&other, bad.path(), 54), &["tokenizer/vocab.json", "cannot read"]);
    assert!(FolderModel::describe(bad.path()).unwrap_err().to_string().contains("tokenizer/vocab.json"));
}

#[test]
fn adapters_change_what_is_drawn_and_those_of_another_model_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), 1);
    let mut stock = stock(BUDGET);
    let plain = drawn(&mut stock, &asked(&model, "a red apple", 7));
    let layers = [
        ("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q", 8, 8),
        ("mid_block.attentions.0.transformer_blocks.0.attn2.to_v", 8, 16),
        ("up_blocks.1.attentions.1.transformer_blocks.0.ff.net.2", 32, 8),
    ];
    let mut with = |weights: Vec<u8>, strength: f32, id: &[u8]| {
        let mut request = asked(&model, "a red apple", 7);
        request.adapter = Some(Adapter { model: ModelId::derived(id), weights: weights.into(), strength });
        stock.draw(&request, &mut |_| Flow::Continue).map(|picture| picture.rgb)
    };
    let dotted = with(tiny_lora(&layers, true, 3), 1.0, b"dotted").unwrap();
    assert_ne!(dotted, plain);
    // The same numbers under kohya's names.
    assert_eq!(with(tiny_lora(&layers, false, 3), 1.0, b"joined").unwrap(), dotted);
    assert_ne!(with(tiny_lora(&layers, true, 3), 0.5, b"dotted").unwrap(), dotted);
    assert_eq!(with(tiny_lora(&layers, true, 3), 0.0, b"dotted").unwrap(), plain);
    let fails = |said: Result<Vec<u8>, BackendError>, words: &[&str]| {
        let said = said.unwrap_err().to_string();
        words.iter().for_each(|word| assert!(said.contains(word), "{said}"));
    };
    let foreign = [("down_blocks.7.attentions.0.transformer_blocks.0.attn1.to_q", 8, 8)];
    fails(with(tiny_lora(&foreign, true, 3), 1.0, b"a"), &["another model", "down_blocks.7"]);
    let wide = [("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q", 320, 320)];
    fails(with(tiny_lora(&wide, false, 3), 1.0, b"b"), &["another model", "[2, 320]", "[8, 8]"]);
    fails(with(b"no adapter".to_vec(), 1.0, b"c"), &["damaged"]);
    let whole = std::fs::read(folder.path().join("vae/diffusion_pytorch_model.safetensors")).unwrap();
    fails(with(whole, 1.0, b"d"), &["no part of a LoRA"]);
    assert_eq!(drawn(&mut stock, &asked(&model, "a red apple", 7)), plain);
}
