//! The bell: rung when a job was queued or a statement staged, so that workers need not ask all the time. Nothing is lost when nobody
//! listens: what was rung for is in the database.

use tokio::sync::watch;

/// Rung by actions, heard by workers.
#[derive(Debug)]
pub struct Bell(watch::Sender<u64>);

impl Default for Bell {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Bell {
    /// Wakes everyone who listens.
    pub fn ring(&self) {
        self.0.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Hears every ring from now on.
    pub fn listen(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
