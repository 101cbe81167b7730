//! A backend without a model, for tests: deterministic pixels from the request, in as many steps as the real one would take.

use super::backend::{Backend, BackendError, BackendInfo, Flow, Picture, Step};
use super::config::{ModelConfig, NetworkSizes, PictureSizes};
use super::pixel::Sizes;
use super::request::DrawRequest;
use super::scheduler::euler;
use crate::digest::blake3_of;

/// Paints squares in colours that follow from everything in the request.
#[derive(Debug, Clone)]
pub struct FakeBackend {
    info: BackendInfo,
}

impl FakeBackend {
    /// With the sizes of the shipped model.
    pub fn new() -> Self {
        Self { info: BackendInfo { name: "fake", device: "none".into(), config: Self::config() } }
    }

    /// The sizes of the shipped model, and two of its styles.
    pub fn config() -> ModelConfig {
        ModelConfig {
            architecture: "fake".into(),
            network: NetworkSizes::Pixels(Sizes {
                side: 128,
                patch: 16,
                width: 256,
                depth: 8,
                heads: 4,
                hidden: 576,
                local: 64,
                head: 512,
                text_slots: 12,
                works: 4,
                vocabulary: 3_243,
            }),
            works_per_prompt: 4,
            image: [128, 128],
            sizes: PictureSizes::Usual,
            steps: 20,
            guidance: 2.0,
            guidance_most: 10.0,
            start: 0.3,
            strides: false,
            negative: false,
            samplers: Vec::new(),
            styles: vec!["fluent".into(), "twemoji".into()],
        }
    }

    /// Eight by eight squares; `salt` tells previews from the picture.
    fn paint(&self, request: &DrawRequest, salt: usize) -> Picture {
        let works: Vec<_> = request.references.iter().map(|r| (r.work, blake3_of(&r.rgb))).collect();
        let adapter = request.adapter.as_ref().map(|a| a.model);
        let given = request.given.as_ref().map(|g| {
            let hash = |plane: &Option<std::sync::Arc<[u8]>>| plane.as_ref().map(|bytes| blake3_of(bytes));
            (hash(&g.picture), hash(&g.mask), hash(&g.sketch), g.strength)
        });
        let works = (works, adapter, given);
        let what = (&request.prompt, &request.style, request.seed, request.steps, request.guidance, request.start, works, salt);
        let [width, height] = self.info.config.image;
        let colours: Vec<[u8; 32]> = (0..6).map(|part| blake3_of(format!("{part} {what:?}").as_bytes()).0).collect();
        let colours = colours.concat();
        let pixel = |at: u32| ((at / width) * 8 / height * 8 + (at % width) * 8 / width) as usize * 3;
        let mut rgb: Vec<u8> = (0..width * height).flat_map(|at| colours[pixel(at)..][..3].to_vec()).collect();
        if let Some(given) = &request.given {
            given.keep(&mut rgb);
        }
        Picture { rgb, width, height }
    }
}

impl Default for FakeBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend for FakeBackend {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn draw(&mut self, request: &DrawRequest, on_step: &mut (dyn FnMut(Step) -> Flow + Send)) -> Result<Picture, BackendError> {
        request.validate(&self.info.config)?;
        let of = euler(request.steps, request.start).len() - 1;
        for step in 0..of {
            let preview = (step > 0 && step % 4 == 0).then(|| self.paint(request, step));
            if on_step(Step { step, of, preview }) == Flow::Cancel {
                return Err(BackendError::Cancelled);
            }
        }
        Ok(self.paint(request, of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_request_same_bytes_and_every_part_counts() {
        let config = FakeBackend::config();
        let request = DrawRequest::new("red apple", 1, &config);
        let mut fake = FakeBackend::new();
        let mut paint = |request: &DrawRequest| fake.draw(request, &mut |_| Flow::Continue).unwrap().rgb;
        let first = paint(&request);
        assert_eq!(first.len(), config.rgb_len());
        assert_eq!(first, paint(&request));
        assert_ne!(first, paint(&DrawRequest { seed: 2, ..request.clone() }));
        assert_ne!(first, paint(&DrawRequest { guidance: 3.0, ..request.clone() }));
        assert_ne!(first, paint(&DrawRequest { style: Some("fluent".into()), ..request }));
    }

    #[test]
    fn steps_are_counted_and_cancel_is_heard() {
        let request = DrawRequest::new("red apple", 1, &FakeBackend::config());
        let mut seen = Vec::new();
        let result = FakeBackend::new().draw(&request, &mut |step| {
            seen.push((step.step, step.of, step.preview.is_some()));
            if step.step == 4 { Flow::Cancel } else { Flow::Continue }
        });
        assert_eq!(result, Err(BackendError::Cancelled));
        assert_eq!(seen, [(0, 14, false), (1, 14, false), (2, 14, false), (3, 14, false), (4, 14, true)]);
    }
}
