//! Restoration of damaged pictures without a learned model: finding the damage, filling it from the rest of the picture, and,
//! apart from that, undoing fading and colour casts. What is found and what is estimated is there for a person to change before
//! it is applied.

pub mod damage;
pub mod fading;
mod field;
pub mod fill;
mod gauss;
mod nonlocal;
mod smooth;
mod stain;

pub use damage::Damage;
pub use fading::Tone;
