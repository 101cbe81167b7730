//! Training the pixel network: from a bank of works' pictures to weights. Numbers in, numbers out: files, works' terms and the log are the
//! callers' business.
//!
//! Everything follows from the settings and the number of a step: which works, which words, which noise. So two runs give equal weights,
//! and one that was stopped and resumed gives what it would have given. Each replica is one thread with its share of the batch; their
//! gradients are summed in a fixed order. candle's optimisers know neither groups nor clipping, so both stand in `optimiser`.

mod adapter;
pub mod bank;
pub mod checkpoint;
mod example;
mod optimiser;
pub mod settings;
mod trainer;

pub use adapter::AdapterSettings;
pub use bank::{Bank, Item, is_held_out};
pub use settings::TrainSettings;
pub use trainer::{Losses, Trainer};

#[cfg(test)]
mod tests;
