//! `colophon model …`: whether the files of a model are what they should be.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::{Common, say};
use crate::generation::diffusers::compare::{Way, check, compare};

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Model {
    /// Load every part of a model in the folder layout of diffusers: each tensor's shape and numbers are checked
    Check {
        /// Folder with `model_index.json`
        folder: PathBuf,
        /// Compare with what another implementation answered: a record as `tests/parity/make.py` writes it
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
        /// Greatest difference, by the greatest number of an answer
        #[arg(long, default_value_t = 1e-3)]
        within: f64,
        /// All products in f32, also where the processor has a faster way that is right to five places
        #[arg(long)]
        plain: bool,
        /// Threads to compute on
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
        threads: u16,
    },
}

pub(super) fn run(common: &Common, command: &Model) -> anyhow::Result<ExitCode> {
    let Model::Check { folder, against, within, plain, threads } = command;
    let way = Way { plain: *plain, threads: usize::from(*threads) };
    let Some(record) = against else {
        for (part, numbers) in check(folder, way)? {
            match common.json {
                true => say(&json!({ "part": part, "numbers": numbers }).to_string()),
                false => say(&format!("{part}: whole, {numbers} numbers")),
            }
        }
        return Ok(ExitCode::SUCCESS);
    };
    let all = compare(folder, record, way)?;
    anyhow::ensure!(!all.is_empty(), "`{}` records nothing of this model; make it with tests/parity/make.py", record.display());
    let mut far = 0;
    for one in &all {
        let near = one.relative <= *within;
        far += usize::from(!near);
        let took = one.took.as_secs_f64();
        match common.json {
            true => {
                say(&json!({ "name": one.name, "shape": one.shape, "relative": one.relative, "near": near, "seconds": took })
                    .to_string())
            }
            false => say(&format!(
                "{} {:.1e}  {:.3} s  {:?}  {}",
                if near { "ok " } else { "FAR" },
                one.relative,
                took,
                one.shape,
                one.name
            )),
        }
    }
    if !common.json {
        say(&format!("{} answers, {far} further than {within:e}", all.len()));
    }
    Ok(if far == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
