//! The policy check: the same code for the live check in the page and for a picture that is asked for.

use super::{Instance, Result};
use crate::policy::{Decision, Facts, Use, decide};

/// What the policy in force says of these words. Nothing is kept.
pub fn check_policy(instance: &Instance, prompt: &str, negative: &str, style: Option<&str>, use_: Use) -> Result<Decision> {
    let facts = Facts { prompt, negative, style, use_, consents: &[] };
    Ok(decide(&instance.policies, &facts, instance.clock.now()))
}
