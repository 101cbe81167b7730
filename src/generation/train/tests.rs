//! A run is a function of its settings and its dataset: two runs agree to the bit, and so does one that was stopped and resumed.

use super::optimiser::{clip, orthogonal};
use super::*;
use crate::digest::sha256_of;
use crate::generation::candle::Place;
use crate::generation::library::LibraryEntry;
use crate::generation::noise::normal;
use crate::id::WorkId;
use colophon_ops::{Matrix, Precision, product};

const SETTINGS: &str = r#"
name = "small"
seed = 5
steps = 12
batch = 4
replicas = 2
rate = 0.02
other_rate = 0.003
weight_decay = 0.01
warm_up = 2
cool_down = 0.3
average = 0.9
clip = 1.0
validate_every = 100
checkpoint_every = 100
sample_every = 100
[network]
side = 16
patch = 8
width = 16
depth = 2
heads = 2
hidden = 24
local = 8
head = 20
text_slots = 4
works = 2
[examples]
held_out = 0.2
"#;

/// Squares in eight colours and two sizes, each twice: what a word says can be seen, and works of the same word look alike.
fn bank() -> Bank {
    let colours = [("red", [220, 30, 30]), ("green", [30, 160, 60]), ("blue", [40, 80, 220]), ("yellow", [240, 220, 40])];
    let mut items = Vec::new();
    for (n, (name, rgb)) in colours.iter().enumerate() {
        for size in 3..9 {
            let inside = |at: usize| at / 16 >= 8 - size && at / 16 < 8 + size && at % 16 >= 8 - size && at % 16 < 8 + size;
            let pixels = (0..256).flat_map(|at| if inside(at) { *rgb } else { [255, 255, 255] }).collect();
            let work = WorkId::derived(&[n as u8, size as u8]);
            let entry = LibraryEntry::from_texts(work, &[&format!("{name} square")], &["shape"], Some(name), "plain");
            items.push(Item { entry, rgb: pixels });
        }
    }
    Bank::new(items, 16, 0.2, None)
}

fn trainer(text: &str, bank: &Bank) -> Trainer {
    Trainer::new(TrainSettings::parse(text).unwrap(), bank.vocab.len(), Place::Cpu).unwrap()
}

fn run(trainer: &mut Trainer, bank: &Bank, steps: u64) -> Vec<f64> {
    (0..steps).map(|_| trainer.step(bank).unwrap().0).collect()
}

#[test]
fn two_runs_of_one_seed_give_equal_weights_and_another_seed_others() {
    let bank = bank();
    let others = [
        SETTINGS.replace("batch = 4", "batch = 4\nbf16 = true"),
        // Half of the examples are long steps, taken as the average takes two half steps.
        SETTINGS.replace("held_out = 0.2", "held_out = 0.2\nshortcut = 0.5"),
    ];
    for text in std::iter::once(SETTINGS.to_owned()).chain(others) {
        let weights = |text: &str| {
            let mut trainer = trainer(text, &bank);
            run(&mut trainer, &bank, 4);
            sha256_of(&trainer.weights("").unwrap())
        };
        assert_eq!(weights(&text), weights(&text));
        assert_ne!(weights(&text), weights(&text.replace("seed = 5", "seed = 6")));
    }
}

#[test]
fn a_long_step_is_where_two_half_steps_lead() {
    use candle_core::{Device, Tensor};
    let bank = bank();
    let mut trainer = trainer(SETTINGS, &bank);
    // A teacher that always sees one and the same picture: every way leads straight to it.
    for slot in &mut trainer.slots {
        let still = if slot.parameter.name == "head_out.b" { 0.3 } else { 0.0 };
        slot.average.fill(still);
    }
    let teacher = trainer.network(trainer.tensors(true).unwrap());
    let s = trainer.sizes.clone();
    let noise = |seed: u64, shape: &[usize]| Tensor::from_vec(normal(seed, shape.iter().product()), shape, &Device::Cpu).unwrap();
    let tokens = Tensor::from_vec(vec![4u32; 2 * s.text_slots], (2, s.text_slots), &Device::Cpu).unwrap();
    let asked = [tokens, noise(1, &[2, s.works, s.tokens(), s.pixels()]), noise(2, &[2, s.works])];
    let image = [2, s.tokens(), s.pixels()];
    let given = [noise(3, &image), noise(4, &[2, s.tokens(), s.planes()]), noise(5, &image)];
    // One that is taken from steps of the flow, with guidance, and one that is taken from shorter long steps.
    let target = trainer.two_half_steps(&teacher, &asked, &given, &[(0.2, 0.1), (0.4, 0.5)]).unwrap();
    let off = (target - 0.3).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
    assert!(off < 1e-4, "{off}");
}

#[test]
fn a_run_that_was_stopped_equals_one_that_was_not() {
    let bank = bank();
    let mut whole = trainer(SETTINGS, &bank);
    run(&mut whole, &bank, 7);
    let mut first = trainer(SETTINGS, &bank);
    run(&mut first, &bank, 3);
    let kept = first.checkpoint("settings", "root").unwrap();
    let mut second = trainer(SETTINGS, &bank);
    second.resume(&kept, "settings", "root").unwrap();
    assert_eq!(second.step, 3);
    run(&mut second, &bank, 4);
    // Everything, the optimisers' memory included, to the last bit.
    assert_eq!(sha256_of(&whole.checkpoint("s", "r").unwrap()), sha256_of(&second.checkpoint("s", "r").unwrap()));
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let bank = bank();
    let mut one = trainer(SETTINGS, &bank);
    let kept = one.checkpoint("settings", "root").unwrap();
    assert!(one.resume(&kept, "other", "root").unwrap_err().contains("other settings"));
    assert!(one.resume(&kept, "settings", "other").unwrap_err().contains("another dataset"));
    assert!(one.resume(&kept[..kept.len() / 2], "settings", "root").is_err());
    assert!(one.resume(b"", "settings", "root").unwrap_err().contains("no checkpoint"));
    let mut wider = trainer(&SETTINGS.replace("hidden = 24", "hidden = 28"), &bank);
    assert!(wider.resume(&kept, "settings", "root").unwrap_err().contains("up.w"));
}

#[test]
fn where_a_run_began_stays_with_it_and_is_of_the_same_dataset() {
    let bank = bank();
    let before = trainer(SETTINGS, &bank).checkpoint("settings", "root").unwrap();
    let mut run = trainer(SETTINGS, &bank);
    assert!(run.begin_from(&before, "other").unwrap_err().contains("another dataset"));
    run.begin_from(&before, "root").unwrap();
    let kept = run.checkpoint("settings", "root").unwrap();
    let mut resumed = trainer(SETTINGS, &bank);
    resumed.resume(&kept, "settings", "root").unwrap();
    assert_eq!(resumed.begun_from, Some(sha256_of(&before)));
}

#[test]
fn the_settings_in_the_models_folder_are_understood() {
    let settings = TrainSettings::parse(include_str!("../../../models/train.toml")).unwrap();
    assert_eq!((settings.network.side, settings.network.works), (128, 4));
}

#[test]
fn the_loss_falls_and_held_out_works_stay_out() {
    let bank = bank();
    assert!(!bank.held_out.is_empty() && bank.held_out.iter().all(|i| !bank.learnt.contains(i)));
    for &item in &bank.held_out {
        assert!(!bank.library.contains(bank.items[item].entry.work));
    }
    let mut trainer = trainer(&SETTINGS.replace("steps = 12", "steps = 300").replace("batch = 4", "batch = 8"), &bank);
    let before = trainer.validate(&bank).unwrap();
    run(&mut trainer, &bank, 300);
    let after = trainer.validate(&bank).unwrap();
    assert!(after.with_works < before.with_works * 0.6, "{before:?} {after:?}");
    let pictures = trainer.samples(&bank, &["red square".to_owned(), "blue square".to_owned()], None, 4, 1.0).unwrap();
    let middle = |i: usize| <[u8; 3]>::try_from(&pictures[i].rgb[(8 * 16 + 8) * 3..][..3]).unwrap();
    assert!(middle(0)[0] > middle(0)[2] && middle(1)[2] > middle(0)[2] + 40, "{:?} {:?}", middle(0), middle(1));
}

#[test]
fn settings_that_cannot_be_are_refused() {
    for (from, to, word) in [
        ("replicas = 2", "replicas = 3", "evenly"),
        ("clip = 1.0", "clip = 0.0", "clip"),
        ("depth = 2", "depth = 3", "even"),
        ("patch = 8", "patch = 5", "patch"),
        ("held_out = 0.2", "held_out = 1.2", "held_out"),
        ("steps = 12", "steps = 0", "steps"),
        ("seed = 5", "sed = 5", "sed"),
        ("name = \"small\"", "name = \"../small\"", "folder"),
    ] {
        let said = TrainSettings::parse(&SETTINGS.replace(from, to)).unwrap_err();
        assert!(said.contains(word), "{to}: {said}");
    }
}

#[test]
fn rates_rise_stay_and_fall() {
    let settings = TrainSettings::parse(&SETTINGS.replace("steps = 12", "steps = 100")).unwrap();
    assert_eq!([0, 1, 50, 70].map(|step| settings.factor(step)), [0.5, 1.0, 1.0, 1.0]);
    assert!((settings.factor(85) - 0.51).abs() < 1e-9 && settings.factor(99) < 0.06);
}

#[test]
fn newton_schulz_makes_singular_values_near_one() {
    for (rows, columns) in [(12, 40), (40, 12), (16, 16)] {
        let x = orthogonal(&normal(1, rows * columns), rows, columns, Precision::F32);
        let short = rows.min(columns);
        let view = Matrix::new(&x, rows, columns);
        let (left, right) = if rows <= columns { (view, view.t()) } else { (view.t(), view) };
        let mut square = vec![0f32; short * short];
        product(&mut square, short, left, right, false, Precision::F32);
        // Five rounds leave singular values between about 0.7 and 1.2.
        let trace: f32 = (0..short).map(|i| square[i * short + i]).sum::<f32>() / short as f32;
        assert!((0.45..1.4).contains(&trace), "{rows}×{columns}: {trace}");
    }
}

#[test]
fn clipping_is_over_all_gradients_together() {
    let mut gradients = vec![vec![3.0f32, 0.0], vec![4.0]];
    assert!((clip(&mut gradients, 1.0) - 5.0).abs() < 1e-9);
    assert!((gradients[0][0] - 0.6).abs() < 1e-6 && (gradients[1][0] - 0.8).abs() < 1e-6);
    let mut small = vec![vec![0.1f32]];
    clip(&mut small, 1.0);
    assert_eq!(small, [[0.1]]);
}
