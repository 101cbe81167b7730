//! Home, studio and job: from a sentence to a picture. Views only; nothing here decides or starts anything.

use askama::Template;

use super::look::HeldView;
use super::{Choice, Chrome, Field, ImageCard, RuleLine, Tone, WorkCard, filters};

/// `GET /`
#[derive(Debug, Clone, Template)]
#[template(path = "home.html")]
pub struct HomePage {
    /// Around the page.
    pub chrome: Chrome,
    /// Words already in the prompt box; usually none.
    pub prompt: String,
    /// The newest pictures, newest first; eight fill the row.
    pub latest: Vec<ImageCard>,
    /// What there is.
    pub counts: Counts,
}

/// What the registry holds.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Registered works.
    pub works: u64,
    /// Their authors.
    pub authors: u64,
    /// Different licences among them.
    pub licences: u64,
    /// Images made.
    pub images: u64,
    /// Log entries.
    pub log_entries: u64,
}

impl HomePage {
    /// A filled page.
    pub fn sample() -> Self {
        Self {
            chrome: Chrome::sample("Pictures that say where they come from", "/"),
            prompt: String::new(),
            latest: ImageCard::samples(),
            counts: Counts { works: 7_216, authors: 261, licences: 4, images: 1_204, log_entries: 10_482 },
        }
    }
}

/// `GET /studio` and what `POST /studio` answers when something is amiss.
#[derive(Debug, Clone, Template)]
#[template(path = "studio.html")]
pub struct StudioPage {
    /// Around the page.
    pub chrome: Chrome,
    /// The form as typed.
    pub form: StudioForm,
    /// The policy's answer, when it refused.
    pub refusal: Option<Refusal>,
    /// What is wrong with the whole rather than with one field: a full queue, no model; one sentence.
    pub problem: String,
    /// The works chosen to draw with.
    pub with_cards: Vec<WorkCard>,
    /// What the model can do.
    pub limits: Limits,
    /// Name of the model that will draw.
    pub model: String,
    /// Its page.
    pub model_url: String,
    /// Whether the works it was trained on are on record.
    pub training_known: bool,
}

/// The studio's fields. Names in the form are the names here, but `use_` is sent as `use`.
#[derive(Debug, Clone, Default)]
pub struct StudioForm {
    /// What to draw.
    pub prompt: Field,
    /// Style families the model knows; the first one is usually "any".
    pub style: Vec<Choice>,
    /// What the picture is for: `personal`, `education`, `news`, `commercial`, `logo`, `merch`.
    pub use_: Vec<Choice>,
    /// `png`, `jpeg`, `webp`.
    pub format: Vec<Choice>,
    /// A whole number from 0; empty lets chance choose.
    pub seed: Field,
    /// Denoising steps.
    pub steps: Field,
    /// How strongly the words pull; 1 is not at all.
    pub guidance: Field,
    /// How much of the first work is kept, 0..1.
    pub start: Field,
    /// Log a commitment instead of the words.
    pub private: bool,
    /// Works to draw with: ids or addresses of their pages.
    pub with: Field,
    /// Works to do without.
    pub without: Field,
    /// Models to choose from; empty when there is one alone.
    pub model: Vec<Choice>,
    /// What to draw away from.
    pub negative: Field,
    /// Width and height, as in `512x768`; empty for the model's own.
    pub size: Field,
    /// Adapters of the model; empty when there are none.
    pub adapter: Vec<Choice>,
}

impl StudioForm {
    /// Whether anything under "more" is wrong, so that it must stand open.
    fn more_open(&self) -> bool {
        let fields = [&self.seed, &self.steps, &self.guidance, &self.start, &self.without, &self.negative, &self.size];
        fields.iter().any(|f| !f.problem.is_empty())
            || [&self.without, &self.negative, &self.size].iter().any(|f| !f.value.is_empty())
    }

    /// Whether works are chosen, or wrongly so: their part must stand open.
    fn with_open(&self) -> bool {
        !self.with.value.is_empty() || !self.with.problem.is_empty()
    }
}

/// What the model can do, for the fields' limits.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// Longest prompt, characters.
    pub prompt_chars: u32,
    /// Most denoising steps.
    pub steps_max: u32,
    /// Strongest guidance.
    pub guidance_max: f64,
    /// Largest start, 0..1.
    pub start_max: f64,
    /// Most works to draw with.
    pub works: usize,
}

/// Why the policy said no.
#[derive(Debug, Clone, Default)]
pub struct Refusal {
    /// One sentence: "Colophon will not draw this without consent."
    pub sentence: String,
    /// Every rule that was met, the highest outcome first.
    pub rules: Vec<RuleLine>,
    /// `decision_…`, to quote in an appeal.
    pub decision_id: String,
    /// Hash of the policy bundle that answered, hex.
    pub bundle: String,
}

impl StudioPage {
    /// A form that policy refused and whose seed is no number.
    pub fn sample() -> Self {
        let mut page = Self::sample_empty();
        page.form.prompt = Field::of("portrait of a chief with tā moko, facial tattoo");
        page.form.seed = Field::wrong("twelve", "`twelve` is not a whole number: write digits, or leave it empty for chance.");
        page.form.with = Field::of("work_0000000000SAMP0000000715");
        page.training_known = false;
        page.form.model = vec![
            Choice::new("model_1", "Colophon Mini 2 (128×128)", true),
            Choice::new("model_2", "Stable Diffusion 1.5 (512×512)", false),
        ];
        page.form.adapter = vec![Choice::new("", "none", true), Choice::new("m", "Mere’s hand, by Mere Tāwhai", false)];
        page.with_cards = WorkCard::samples().into_iter().take(1).collect();
        page.refusal = Some(Refusal {
            sentence: "Colophon will not draw this without the consent of those it belongs to.".into(),
            rules: vec![RuleLine::sample()],
            decision_id: "decision_01KAR3V2M8Q6T1Y5B9D4F7H0J2".into(),
            bundle: super::sample_hash("3f2a77d0"),
        });
        page
    }

    /// A form nobody has touched.
    pub fn sample_empty() -> Self {
        let uses = ["personal", "education", "news", "commercial", "logo", "merch"];
        Self {
            chrome: Chrome::sample("Studio", "/studio"),
            form: StudioForm {
                style: ["any", "twemoji", "noto", "fluent", "openclipart"].map(|s| Choice::new(s, s, s == "any")).into(),
                use_: uses.map(|u| Choice::new(u, u, u == "personal")).into(),
                format: ["png", "jpeg", "webp"].map(|f| Choice::new(f, f.to_uppercase(), f == "png")).into(),
                steps: Field::of("14"),
                guidance: Field::of("2.5"),
                start: Field::of("0.3"),
                ..StudioForm::default()
            },
            refusal: None,
            problem: String::new(),
            with_cards: Vec::new(),
            limits: Limits { prompt_chars: 500, steps_max: 50, guidance_max: 10.0, start_max: 0.9, works: 4 },
            model: "Colophon Mini".into(),
            model_url: "/models/model_0000000000SAMP000000000M".into(),
            training_known: true,
        }
    }
}

/// `GET /jobs/{id}`: a picture on its way. Reloads itself without JavaScript, polls with it.
#[derive(Debug, Clone, Template)]
#[template(path = "job.html")]
pub struct JobPage {
    /// Around the page.
    pub chrome: Chrome,
    /// `job_…`
    pub id: String,
    /// `queued`, `running`, `finishing` (signing and logging), `done`, `held`, `failed` or `cancelled`.
    pub state: String,
    /// Denoising steps done.
    pub step: u32,
    /// Denoising steps in all; 0 while not known.
    pub of: u32,
    /// Jobs before this one, while queued.
    pub ahead: u32,
    /// The picture so far as a `data:` URL; empty for none.
    pub preview: String,
    /// What it was asked for.
    pub words: String,
    /// When failed: why, and what to do next.
    pub problem: String,
    /// When it is too near to works: the picture beside them.
    pub held: Option<HeldView>,
    /// When done: `image_…`.
    pub image_id: String,
    /// Seconds until the page reloads itself.
    pub refresh_seconds: u32,
}

impl JobPage {
    fn running(&self) -> bool {
        matches!(self.state.as_str(), "queued" | "running" | "finishing")
    }

    fn sentence(&self) -> String {
        match self.state.as_str() {
            "queued" if self.ahead == 0 => "Waiting for its turn; it is next.".into(),
            "queued" => format!("Waiting for its turn; {} before it.", super::in_words(self.ahead as usize)),
            "running" => format!("Drawing: step {} of {}.", self.step, self.of),
            "finishing" => "Drawn. Signing it and writing it into the log.".into(),
            "done" => "Done.".into(),
            "cancelled" => "Cancelled. Nothing was kept.".into(),
            "held" => "Drawn and held: it is too near to a registered work.".into(),
            _ => "This picture could not be made.".into(),
        }
    }

    fn tone(&self) -> Tone {
        if self.state == "failed" || self.state == "held" { Tone::Refused } else { Tone::Plain }
    }

    /// Half-way.
    pub fn sample() -> Self {
        Self {
            chrome: Chrome::sample("Drawing", "/jobs/job_01KAR3V2M8Q6T1Y5B9D4F7H0J2"),
            id: "job_01KAR3V2M8Q6T1Y5B9D4F7H0J2".into(),
            state: "running".into(),
            step: 9,
            of: 14,
            ahead: 0,
            preview: "/images/image_01KAR000000000000000000014/picture".into(),
            words: "a robot with a kind face".into(),
            problem: String::new(),
            held: None,
            image_id: String::new(),
            refresh_seconds: 2,
        }
    }

    /// Too near to a work.
    pub fn sample_held() -> Self {
        Self { state: "held".into(), preview: String::new(), held: Some(HeldView::sample()), ..Self::sample() }
    }

    /// Failed.
    pub fn sample_failed() -> Self {
        Self {
            state: "failed".into(),
            preview: String::new(),
            problem: "The picture came out too near to a registered work. Try another seed, or a smaller start.".into(),
            ..Self::sample()
        }
    }
}
