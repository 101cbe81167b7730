//! A model folder that is not as its card says: each fault is named with the file and with what to do.

use std::path::{Path, PathBuf};

use colophon::actions::Instance;
use colophon::clock::SystemClock;
use colophon::config::Settings;
use colophon::embedded;
use colophon::jobs::start_engine;

use crate::support::database::Kind;
use crate::support::{TestInstance, model, run};

fn unpacked(folder: &Path) -> PathBuf {
    let models = folder.join("models");
    let dir = models.join(embedded::MODEL);
    std::fs::create_dir_all(&dir).unwrap();
    for (name, bytes) in embedded::MODEL_FILES {
        std::fs::write(dir.join(name), bytes).unwrap();
    }
    models
}

fn engine_problem(models: &Path) -> Option<String> {
    let folder = models.to_str().unwrap().to_owned();
    let settings = Settings::from_parts("test".as_ref(), "", &[], &[("models_dir", folder)]).unwrap();
    match start_engine(&settings, 1, std::sync::Arc::new(SystemClock)) {
        Ok(engine) => {
            engine.shutdown();
            None
        }
        Err(e) => Some(e.to_string()),
    }
}

#[test]
fn weights_that_are_missing_cut_short_or_changed_are_named() {
    let scratch = tempfile::tempdir().unwrap();
    let models = unpacked(scratch.path());
    let path = models.join(embedded::MODEL).join("weights.safetensors");
    assert_eq!((Instance::model_problems(&models), engine_problem(&models)), (vec![], None));

    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for (bytes, words) in [
        (None, "can't be read"),
        (Some(&whole[..0]), "damaged or was replaced"),
        (Some(&whole[..whole.len() - 1]), "damaged or was replaced"),
        (Some(&whole[..1000]), "damaged or was replaced"),
        (Some(&flipped[..]), "damaged or was replaced"),
    ] {
        match bytes {
            None => std::fs::remove_file(&path).unwrap(),
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
        }
        let problem = engine_problem(&models).expect("no engine without its weights");
        let shown = path.display().to_string();
        assert!(problem.contains(words) && problem.contains(&shown) && problem.contains("start again to unpack"), "{problem}");
        assert_eq!(Instance::model_problems(&models), [problem], "`doctor` says the same");
    }
    std::fs::write(&path, whole).unwrap();
    assert_eq!(engine_problem(&models), None);
}

#[test]
fn a_card_that_lies_does_not_get_past_the_loader() {
    let scratch = tempfile::tempdir().unwrap();
    let models = unpacked(scratch.path());
    let dir = models.join(embedded::MODEL);
    let (path, card) = (dir.join("weights.safetensors"), dir.join("model.toml"));
    let (whole, text) = (std::fs::read(&path).unwrap(), std::fs::read_to_string(&card).unwrap());
    let there = colophon::digest::sha256_of(&whole).to_string();
    // The card names the hash of the damaged file, so only the reader of tensors can find it out.
    for bytes in [b"".to_vec(), whole[..1000].to_vec(), whole[..whole.len() - 1].to_vec(), vec![0xff; 4096], b"{}".repeat(100)] {
        std::fs::write(&path, &bytes).unwrap();
        std::fs::write(&card, text.replace(&there, &colophon::digest::sha256_of(&bytes).to_string())).unwrap();
        let problem = engine_problem(&models).expect("such weights can't be loaded");
        assert!(problem.contains("weights"), "{problem}");
    }
}

#[test]
fn an_instance_does_not_open_on_a_broken_model_folder() {
    run(Kind::Sqlite, |kind| async move {
        let mut t = TestInstance::new(kind).await;
        let own = t.settings.models_dir.clone();
        let before = t.all_tables().await;
        for (name, bytes, words) in [
            ("vocab.json", None, "can't be read"),
            ("vocab.json", Some(&b"[]"[..]), "damaged or was replaced"),
            ("config.json", Some(b"{}"), "damaged or was replaced"),
            ("model.toml", None, "is missing"),
            ("model.toml", Some(b"name = 7"), "can't be read"),
            ("model.toml", Some(b"\xff\xfe"), "model.toml"),
        ] {
            t.settings.models_dir = t.folder().join("spoiled");
            let _ = std::fs::remove_dir_all(&t.settings.models_dir);
            let path = model::write_small(&t.settings.models_dir).join(name);
            match bytes {
                None => std::fs::remove_file(&path).unwrap(),
                Some(bytes) => std::fs::write(&path, bytes).unwrap(),
            }
            let problem = t.try_beside().await.map(drop).unwrap_err().to_string();
            assert!(problem.contains(words) && problem.contains(path.to_str().unwrap()), "{name}: {problem}");
        }
        // Works that are not as the card says are found when they would be registered.
        t.settings.models_dir = t.folder().join("spoiled");
        std::fs::remove_dir_all(&t.settings.models_dir).unwrap();
        let path = model::write_small(&t.settings.models_dir);
        let card = std::fs::read_to_string(path.join("model.toml")).unwrap();
        let weights = colophon::digest::sha256_of(&std::fs::read(path.join("weights.safetensors")).unwrap()).to_string();
        std::fs::write(path.join("weights.safetensors"), b"a new model").unwrap();
        let other = colophon::digest::sha256_of(b"a new model").to_string();
        std::fs::write(path.join("model.toml"), card.replace(&weights, &other)).unwrap();
        std::fs::write(path.join("works.zip"), b"PK").unwrap();
        let problem = t.try_beside().await.map(drop).unwrap_err().to_string();
        assert!(problem.contains("works.zip") && problem.contains("damaged or was replaced"), "{problem}");
        t.settings.models_dir = own;
        t.restart().await;
        crate::support::database::same(&before, &t.all_tables().await);
        t.finish().await;
    });
}
