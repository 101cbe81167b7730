//! Models from elsewhere, through the same gate as the embedded one: registered, drawn with, signed, logged; what is not known of them is said.

use std::path::{Path, PathBuf};

use colophon::accounts::Role;
use colophon::actions::adapters::adapters;
use colophon::actions::drawn_with::{drawn_with, models_here};
use colophon::actions::publish_checkpoint::publish_checkpoint;
use colophon::actions::register_model::{known_cards, look_through, register_folder, register_lora};
use colophon::actions::request_image::{Order, request_image};
use colophon::actions::sign_in::local_operator;
use colophon::actions::verify_image::verify_image;
use colophon::actions::{Error, Instance};
use colophon::generation::candle::Place;
use colophon::generation::{Engine, FakeBackend, Stock};
use colophon::id::ModelId;
use colophon::jobs::generate;
use colophon::jobs::replay::replay;
use colophon::lineage::ModelCard;
use colophon::policy::Use;
use colophon::storage;
use colophon::works::verdict::{Usage, verdict};

use crate::support::database::Kind;
use crate::support::tiny_model::{tiny_lora, write_tiny_model};
use crate::support::{TestInstance, both, creator, engine_of, order};

both! {
    a_model_of_a_folder_draws_through_the_same_gate,
    licences_of_models_decide,
    a_lora_has_its_own_card_licence_and_policy,
}

const OPEN_RAIL: &str = "LicenseRef-CreativeML-OpenRAIL-M";

fn stock(t: &Instance) -> Engine {
    engine_of(t, Stock::new(FakeBackend::new(), Place::Cpu, 64 << 20, 2))
}

fn folder(t: &TestInstance, seed: u64) -> PathBuf {
    let folder = t.folder().join(format!("Tiny Model {seed}"));
    write_tiny_model(&folder, seed);
    folder
}

/// Looks through a folder and registers it under a licence.
async fn added(t: &TestInstance, from: &Path, licence: &str) -> Result<ModelId, Error> {
    let operator = local_operator(t).await.unwrap();
    let mut card = look_through(from, None).unwrap().card;
    card.licence = licence.to_owned();
    register_folder(t, &operator, from, &card).await.map(|added| added.id)
}

fn small(model: ModelId, prompt: &str, seed: u64) -> Order {
    Order { model: Some(model), steps: Some(3), ..order(prompt, seed) }
}

async fn drawn(t: &TestInstance, engine: &Engine, order: Order) -> colophon::actions::finish_image::Delivered {
    let actor = creator(t).await;
    let asked = request_image(t, &actor, order, Some(generate::lease_end(t))).await.unwrap();
    generate::run(t, engine, &asked.job).await.unwrap().unwrap().0
}

async fn refused(t: &TestInstance, order: Order) -> Vec<(&'static str, String)> {
    match request_image(t, &creator(t).await, order, None).await {
        Err(Error::Invalid(problems)) => problems,
        other => panic!("{:?}", other.map(|r| r.job.id)),
    }
}

async fn a_model_of_a_folder_draws_through_the_same_gate(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let from = folder(&t, 1);
    let found = look_through(&from, None).unwrap();
    assert!(!found.known && found.card.name == "tiny-model-1" && found.card.unknown.contains("On what it was trained"));
    assert_eq!(found.card.files.len(), 10);
    // What stands for all files is what `sha256sum` says of them, hashed once more.
    let id = added(&t, &from, OPEN_RAIL).await.unwrap();
    assert_eq!(added(&t, &from, OPEN_RAIL).await.unwrap(), id, "adding it again changes nothing");
    let mut tx = t.store.read().await.unwrap();
    let model = storage::models::find(&mut tx, id).await.unwrap().unwrap().model;
    assert_eq!(model.weights, colophon::digest::sha256_of(model.card.listing().as_bytes()));
    assert!(model.card.listing().lines().any(|line| line.ends_with("  unet/diffusion_pytorch_model.safetensors")));
    assert_eq!(models_here(&t, &mut tx).await.unwrap().len(), 2);
    drop(tx);

    let engine = stock(&t);
    let wanted = Order { negative: "blue".into(), sampler: "euler-ancestral".into(), ..small(id, "a red apple", 7) };
    let made = drawn(&t, &engine, wanted.clone()).await;
    publish_checkpoint(&t).await.unwrap();
    let mut tx = t.store.read().await.unwrap();
    let image = storage::images::find(&mut tx, made.image).await.unwrap().unwrap().image;
    assert_eq!((image.model, image.width, image.works.len()), (Some(id), 64, 0));
    assert_eq!((image.replay["sampler"].as_str(), image.replay["steps"].as_u64()), (Some("euler-ancestral"), Some(3)));
    // The file says so itself, and that nobody knows what the model was trained on.
    drop(tx);
    let report = verify_image(&t, made.file.clone()).await.unwrap();
    let claim = report.verdict.claim.unwrap();
    assert!(claim.image.unwrap().datasets.is_empty(), "no dataset stands for what nobody knows");
    let line = claim.licences.unwrap().credit_line;
    assert!(line.contains("with tiny-model-1") && line.contains("not on record"), "{line}");
    // Same seed, model and parameters: the same pixels. Another model, and its own: others.
    assert!(replay(&t, &engine, made.image, true).await.unwrap().same());
    let other = added(&t, &folder(&t, 50), OPEN_RAIL).await.unwrap();
    let pixels_by = async |engine: &Engine, order: Order| {
        let made = drawn(&t, engine, order).await;
        let mut tx = t.store.read().await.unwrap();
        storage::images::find(&mut tx, made.image).await.unwrap().unwrap().image.pixels
    };
    let pixels = async |order: Order| pixels_by(&engine, order).await;
    assert_eq!(pixels(wanted.clone()).await, image.pixels);
    assert_ne!(pixels(Order { model: Some(other), ..wanted.clone() }).await, image.pixels);
    assert!(pixels(order("a red apple", 7)).await != image.pixels, "the embedded one draws where none is named");

    // What it can't do is said when it is asked.
    for (field, order) in [
        ("size", Order { width: Some(100), ..wanted.clone() }),
        ("start", Order { start: Some(0.3), ..wanted.clone() }),
        ("with", Order { with: vec![colophon::id::WorkId::derived(b"w")], ..wanted.clone() }),
        ("style", Order { style: Some("fluent".into()), ..wanted.clone() }),
        ("sampler", Order { sampler: "best".into(), ..wanted.clone() }),
        ("sampler", Order { sampler: "flow-euler".into(), ..wanted.clone() }),
        ("strength", Order { strength: Some(0.5), ..wanted.clone() }),
        ("guidance", Order { guidance: Some(31.0), ..wanted.clone() }),
        ("sampler", Order { sampler: "ddim".into(), ..order("a red apple", 7) }),
        ("model", Order { model: Some(ModelId::derived(b"none")), ..wanted.clone() }),
    ] {
        let problems = refused(&t, order).await;
        assert!(problems.iter().all(|(name, _)| *name == field), "{field}: {problems:?}");
    }

    // Files that are others than those registered stop it, the picture fails with their name, and the engine goes on.
    let weights = t.models_dir.join("tiny-model-1/unet/diffusion_pytorch_model.safetensors");
    let whole = std::fs::read(&weights).unwrap();
    std::fs::remove_file(&weights).unwrap();
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&weights, changed).unwrap();
    let asked = request_image(&t, &creator(&t).await, wanted.clone(), Some(generate::lease_end(&t))).await.unwrap();
    // What lies in memory was checked when it was loaded; another engine begins with the files.
    let fresh = stock(&t);
    assert!(generate::run(&t, &fresh, &asked.job).await.unwrap().is_none());
    let mut tx = t.store.read().await.unwrap();
    let problem = storage::jobs::find(&mut tx, asked.job.id).await.unwrap().unwrap().problem.unwrap();
    assert!(problem.contains("unet/diffusion_pytorch_model.safetensors") && problem.contains("sha256"), "{problem}");
    drop(tx);
    std::fs::write(&weights, whole).unwrap();
    assert_eq!(pixels_by(&fresh, wanted).await, image.pixels);
    fresh.shutdown();
    engine.shutdown();
    t.finish().await;
}

async fn licences_of_models_decide(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let from = folder(&t, 1);
    // Nothing known: nothing drawn, whatever for.
    let unknown = added(&t, &from, "").await.unwrap();
    let problems = refused(&t, small(unknown, "a red apple", 1)).await;
    assert!(problems[0].0 == "model" && problems[0].1.contains("its licence is unknown"), "{problems:?}");

    // The same files under another card are the same model: what is registered stays.
    let sold = |model| Order { use_: Use::Commercial, ..small(model, "a red apple", 1) };
    let community = added(&t, &folder(&t, 20), "LicenseRef-Stability-AI-Community").await.unwrap();
    let problems = refused(&t, sold(community)).await;
    assert!(problems[0].1.contains("revenue"), "{problems:?}");
    let engine = stock(&t);
    drawn(&t, &engine, small(community, "a red apple", 1)).await;
    let research = added(&t, &folder(&t, 30), "LicenseRef-Stability-AI-NC-Research-Community").await.unwrap();
    assert!(refused(&t, small(research, "a red apple", 1)).await[0].1.contains("non-commercial"));
    let rail = added(&t, &folder(&t, 40), OPEN_RAIL).await.unwrap();
    drawn(&t, &engine, sold(rail)).await;
    engine.shutdown();

    // Whoever may not operate this instance adds nothing; another model of the same name is not overwritten.
    let someone = t.actor("Eve", &[Role::Creator]).await;
    let card = look_through(&from, None).unwrap().card;
    assert!(matches!(register_folder(&t, &someone, &from, &card).await, Err(Error::Forbidden(_))));
    let other = t.folder().join("elsewhere/Tiny Model 1");
    write_tiny_model(&other, 99);
    assert!(matches!(added(&t, &other, OPEN_RAIL).await, Err(Error::Conflict(why)) if why.contains("--name")));
    for name in ["../out", "", ".hidden", "with space", colophon::embedded::MODEL] {
        let named = ModelCard { name: name.into(), ..card.clone() };
        let operator = local_operator(&t).await.unwrap();
        assert!(register_folder(&t, &operator, &from, &named).await.is_err(), "{name}");
    }

    // A card that does not fit the files names the file; the program's own cards can be read, and their licences are in the rule table.
    let mut wrong = card.clone();
    wrong.files[0].sha256 = colophon::digest::sha256_of(b"another");
    let said = look_through(&from, Some(&wrong.to_toml())).unwrap_err().to_string();
    assert!(said.contains(&wrong.files[0].name) && said.contains("sha256"), "{said}");
    assert!(look_through(&from, Some("no-such-card")).unwrap_err().to_string().contains("stable-diffusion-1-5"));
    assert_eq!(look_through(&from, Some("sdxl-turbo")).unwrap().card.title, "SDXL Turbo");
    for card in known_cards().unwrap() {
        assert!(card.names_a_folder() && !card.unknown.is_empty() && !card.sources.is_empty(), "{}", card.name);
        assert_ne!(verdict(&card.licence, Usage::Generate).rule, "unknown", "{}", card.licence);
    }
    t.finish().await;
}

async fn a_lora_has_its_own_card_licence_and_policy(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let base = added(&t, &folder(&t, 1), OPEN_RAIL).await.unwrap();
    let operator = local_operator(&t).await.unwrap();
    let layers = [("mid_block.attentions.0.transformer_blocks.0.attn1.to_q", 16, 16)];
    let file = t.folder().join("watercolour.safetensors");
    std::fs::write(&file, tiny_lora(&layers, false, 5)).unwrap();
    let card = |title: &str, licence: &str| ModelCard {
        name: "adapter".into(),
        title: title.into(),
        version: "1.0.0".into(),
        licence: licence.into(),
        maker: "Ana".into(),
        ..ModelCard::default()
    };
    let lora = register_lora(&t, &operator, base, card("Watercolour", "CC-BY-4.0"), &file).await.unwrap().id;
    let engine = stock(&t);
    let wanted = Order { adapter: Some(lora), strength: Some(0.75), ..small(base, "a red apple", 7) };
    let pixels = async |order: Order| {
        let made = drawn(&t, &engine, order).await;
        let mut tx = t.store.read().await.unwrap();
        storage::images::find(&mut tx, made.image).await.unwrap().unwrap().image
    };
    let with = pixels(wanted.clone()).await;
    assert_eq!((with.adapter, with.replay["strength"].as_f64()), (Some(lora), Some(0.75)));
    assert_ne!(with.pixels, pixels(Order { adapter: None, strength: None, ..wanted.clone() }).await.pixels);
    assert_ne!(with.pixels, pixels(Order { strength: None, ..wanted.clone() }).await.pixels);
    assert!(replay(&t, &engine, with.id, false).await.unwrap().same());
    let mut tx = t.store.read().await.unwrap();
    assert_eq!(adapters(&mut tx, base).await.unwrap().len(), 1);
    assert!(drawn_with(&t, &mut tx, Some(lora)).await.unwrap_err().to_string().contains("is an adapter"));
    drop(tx);

    // It belongs to its model, under its licence, and its name is read by the policy.
    assert!(
        refused(&t, Order { model: None, steps: None, strength: None, ..wanted.clone() }).await[0].1.contains("no adapter of")
    );
    let other = |seed| {
        let file = t.folder().join(format!("{seed}.safetensors"));
        std::fs::write(&file, tiny_lora(&layers, true, seed)).unwrap();
        file
    };
    let closed = register_lora(&t, &operator, base, card("Closed", "CC-BY-NC-4.0"), &other(6)).await.unwrap().id;
    assert_eq!(refused(&t, Order { adapter: Some(closed), ..wanted.clone() }).await[0].0, "adapter");
    let named = register_lora(&t, &operator, base, card("Tā moko portraits", "CC-BY-4.0"), &other(7)).await.unwrap().id;
    match request_image(&t, &creator(&t).await, Order { adapter: Some(named), ..wanted }, None).await {
        Err(Error::Denied(decision)) => assert!(decision.sentence().contains("consent"), "{}", decision.sentence()),
        other => panic!("{:?}", other.map(|r| r.job.id)),
    }
    let wide = [("mid_block.attentions.0.transformer_blocks.0.attn1.to_q", 320, 320)];
    std::fs::write(&file, tiny_lora(&wide, false, 5)).unwrap();
    let said = register_lora(&t, &operator, base, card("Wide", "CC-BY-4.0"), &file).await.unwrap_err().to_string();
    assert!(said.contains("watercolour.safetensors") && said.contains("another model"), "{said}");
    engine.shutdown();
    t.finish().await;
}
