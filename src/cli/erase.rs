//! `colophon erase …`: erases what is private, for good; says what is gone, what stays, and why.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Subcommand;

use super::{complain, say};
use crate::actions::Instance;
use crate::actions::erase::{Erased, Erasing, erase};
use crate::actions::sign_in::local_operator;
use crate::id::{ImageId, InputId};

/// What to erase.
#[derive(Debug, Subcommand)]
pub(super) enum Erase {
    /// The private words of an image, and what was handed in for it alone; the commitment stays, and says nothing any more
    Image {
        /// The image
        id: ImageId,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// A picture, sketch or mask that was handed in
    Input {
        /// What was handed in
        id: InputId,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Everything private of an account, which is disabled; its public name stays in the log
    Account {
        /// Its name
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

pub(super) async fn run(what: Erase, instance: &Instance, json: bool) -> anyhow::Result<ExitCode> {
    let (asked, yes, erasing) = match what {
        Erase::Image { id, yes } => (format!("the private words and sketches of `{id}`"), yes, Erasing::Image(id)),
        Erase::Input { id, yes } => (format!("`{id}`"), yes, Erasing::Input(id)),
        Erase::Account { name, yes } => (format!("everything private of the account `{name}`"), yes, Erasing::Account(name)),
    };
    if !yes && !confirmed(&asked)? {
        complain("Nothing was erased.");
        return Ok(ExitCode::FAILURE);
    }
    let actor = local_operator(instance).await?;
    let erased = erase(instance, &actor, erasing).await?;
    if json {
        say(&serde_json::to_string(&erased)?);
    } else {
        tell(&erased);
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks whoever sits there.
fn confirmed(asked: &str) -> anyhow::Result<bool> {
    anyhow::ensure!(
        std::io::stdin().is_terminal(),
        "this erases {asked} for good, and nobody is there to be asked: say `--yes` to do it"
    );
    complain(&format!("This erases {asked} for good; nobody can bring it back. Type `yes` to go on:"));
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim() == "yes")
}

fn tell(erased: &Erased) {
    say(&format!("Erased of `{}` on {}:", erased.id, erased.erased_at.day()));
    erased.gone.iter().for_each(|line| say(&format!("  {line}")));
    say("What stays:");
    erased.stays.iter().for_each(|line| say(&format!("  {line}")));
    if !erased.waits.is_empty() {
        say("What is still to be done, and will be by itself:");
        erased.waits.iter().for_each(|line| say(&format!("  {line}")));
    }
}
