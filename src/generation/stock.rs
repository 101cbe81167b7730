//! The models at hand: the engine's own, and those of folders, whose parts are loaded when a request wants them and let go, the one longest
//! unused first, when another would not find room. All of them together never hold more than the budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::Device;

use super::backend::{Backend, BackendError, BackendInfo, Flow, Picture, Step};
use super::candle::Place;
use super::diffusers::FolderModel;
use super::diffusers::painter::{Painter, Part};
use super::request::DrawRequest;
use super::weights::{LoadError, Loaded};

/// Models whose small files are kept open.
const OPEN: usize = 8;

/// Bytes that models of folders hold.
#[derive(Debug, Default)]
pub struct Held {
    now: AtomicU64,
    peak: AtomicU64,
}

impl Held {
    /// Now.
    pub fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// The most so far.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    fn set(&self, bytes: u64) {
        self.now.store(bytes, Ordering::Relaxed);
        self.peak.fetch_max(bytes, Ordering::Relaxed);
    }
}

/// A part in memory.
struct Piece {
    model: usize,
    part: Part,
    bytes: u64,
    used: u64,
}

/// The engine's own model, and those of folders.
pub struct Stock<B> {
    own: B,
    painters: Vec<Painter>,
    parts: Vec<Piece>,
    budget: u64,
    turn: u64,
    held: Arc<Held>,
    pool: Option<Arc<rayon::ThreadPool>>,
    place: Place,
    device: Option<Device>,
}

impl<B: Backend> Stock<B> {
    /// With `budget` bytes for models of folders, which are drawn with in the same place, there on `threads` threads if it is the processor.
    pub fn new(own: B, place: Place, budget: u64, threads: usize) -> Self {
        // On a device everything stays on this thread: candle orders work by it.
        let pool = (place == Place::Cpu).then(|| rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok().map(Arc::new));
        let pool = pool.flatten();
        Self { own, painters: Vec::new(), parts: Vec::new(), budget, turn: 0, held: Arc::default(), pool, place, device: None }
    }

    /// The place of a model's painter. Ids do not change when files do, so everything about it must be the same.
    fn painter(&mut self, model: &Arc<FolderModel>) -> Loaded<usize> {
        if let Some(at) = self.painters.iter().position(|p| p.model() == model) {
            return Ok(at);
        }
        let device = match &self.device {
            Some(device) => device.clone(),
            None => {
                let opened = self.place.device();
                let cause = |e: candle_core::Error| LoadError::Device {
                    device: self.place.name(),
                    cause: super::weights::first_line(&e),
                };
                self.device.insert(opened.map_err(cause)?).clone()
            }
        };
        let painter = Painter::open(model, &device)?;
        if self.painters.len() >= OPEN || self.painters.iter().any(|p| p.model().id == model.id) {
            self.painters.clear();
            self.parts.clear();
            self.held.set(0);
        }
        self.painters.push(painter);
        Ok(self.painters.len() - 1)
    }

    /// Makes room for `bytes`, letting go of what was longest unused, but of `keep`.
    fn make_room(&mut self, bytes: u64, what: impl Fn() -> String, keep: Option<(usize, Part)>) -> Loaded<()> {
        let sum = |parts: &[Piece]| parts.iter().map(|p| p.bytes).sum::<u64>();
        while sum(&self.parts) + bytes > self.budget {
            let oldest =
                self.parts.iter().enumerate().filter(|(_, p)| Some((p.model, p.part)) != keep).min_by_key(|(_, p)| p.used);
            let Some((at, _)) = oldest else {
                let mib = |bytes: u64| bytes.div_ceil(1 << 20);
                return Err(LoadError::Memory { what: what(), needed: mib(bytes), budget: mib(self.budget) });
            };
            let gone = self.parts.swap_remove(at);
            self.painters[gone.model].drop_part(gone.part);
        }
        // What is about to be loaded is held from now on, as far as anybody who looks is concerned.
        self.held.set(sum(&self.parts) + bytes);
        Ok(())
    }

    /// Sees to it that a part is in memory.
    fn load(&mut self, at: usize, part: Part, request: &DrawRequest, keep: Option<(usize, Part)>) -> Loaded<()> {
        self.turn += 1;
        let turn = self.turn;
        if let Some(held) = self.parts.iter_mut().find(|p| (p.model, p.part) == (at, part)) {
            held.used = turn;
            if self.painters[at].holds(part, request) {
                return Ok(());
            }
            self.painters[at].drop_part(part);
            self.parts.retain(|p| (p.model, p.part) != (at, part));
        }
        let bytes = self.painters[at].bytes(part)?;
        let title = self.painters[at].model().title.clone();
        self.make_room(bytes, || format!("{} of “{title}”", name(part)), keep)?;
        self.painters[at].load(part, request).inspect_err(|_| self.held.set(self.parts.iter().map(|p| p.bytes).sum()))?;
        self.parts.push(Piece { model: at, part, bytes, used: turn });
        Ok(())
    }

    fn draw_with(
        &mut self,
        model: &Arc<FolderModel>,
        request: &DrawRequest,
        on_step: &mut (dyn FnMut(Step) -> Flow + Send),
    ) -> Result<Picture, BackendError> {
        let at = self.painter(model)?;
        let mut teller = self.painters[at].tell(request)?;
        let encoders = self.painters[at].encoders(request);
        for part in encoders {
            let bytes = self.painters[at].bytes(*part)?;
            self.make_room(bytes, || format!("{} of “{}”", name(*part), model.title), None)?;
            let asked = self.painters[at].ask(*part, &mut teller, request);
            // Used once: gone again.
            self.held.set(self.parts.iter().map(|p| p.bytes).sum());
            asked?;
        }
        if !encoders.is_empty() {
            self.painters[at].remember(&teller, request)?;
        }
        // The picture to begin from is encoded first: decoder and network need not find room at once.
        let begun = match request.given.as_ref().is_some_and(|given| given.picture.is_some()) {
            true => {
                self.load(at, Part::Decoder, request, None)?;
                self.painters[at].begun_from(request)?
            }
            false => None,
        };
        self.load(at, Part::Network, request, None)?;
        // For previews, where both find room at once.
        match self.load(at, Part::Decoder, request, Some((at, Part::Network))) {
            Ok(()) | Err(LoadError::Memory { .. }) => {}
            Err(e) => return Err(e.into()),
        }
        let latents = self.painters[at].walk(request, begun.as_ref(), on_step)?;
        self.load(at, Part::Decoder, request, None)?;
        self.painters[at].decode(&latents, request)
    }
}

fn name(part: Part) -> &'static str {
    match part {
        Part::Encoder => "the text encoder",
        Part::Second => "the second text encoder",
        Part::Network => "the network",
        Part::Decoder => "the decoder",
    }
}

impl<B: Backend> Backend for Stock<B> {
    fn info(&self) -> &BackendInfo {
        self.own.info()
    }

    fn held(&self) -> Option<Arc<Held>> {
        Some(Arc::clone(&self.held))
    }

    fn draw(&mut self, request: &DrawRequest, on_step: &mut (dyn FnMut(Step) -> Flow + Send)) -> Result<Picture, BackendError> {
        let Some(model) = request.model.clone() else { return self.own.draw(request, on_step) };
        request.validate(&model.offer)?;
        match self.pool.clone() {
            Some(pool) => pool.install(|| self.draw_with(&model, request, on_step)),
            None => self.draw_with(&model, request, on_step),
        }
    }
}

#[cfg(test)]
mod tests;
