//! How long the policy takes, on the bundle inside the program: `cargo bench --bench policy`. Prints medians; asserts nothing.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::time::{Duration, Instant};

use colophon::clock::Timestamp;
use colophon::embedded::POLICY_FILES;
use colophon::policy::{Bundle, Facts, decide};

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn time<T>(times: usize, mut run: impl FnMut() -> T) -> Duration {
    let one = |_| {
        let begun = Instant::now();
        let made = run();
        let took = begun.elapsed();
        drop(made);
        took
    };
    median((0..times).map(one).collect())
}

fn main() {
    let files: Vec<(String, String)> = POLICY_FILES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let parse = || Bundle::parse(&files).unwrap_or_else(|problems| panic!("{problems:?}"));
    let bundle = parse();
    let prompts: Vec<String> = ["requests", "near-misses"]
        .iter()
        .flat_map(|file| {
            let (_, text) =
                POLICY_FILES.iter().find(|(name, _)| *name == format!("tests/matching/{file}.toml")).expect("the set is there");
            text.lines().filter_map(|line| line.strip_prefix("prompt = ")).map(|p| p.trim_matches('"').to_owned())
        })
        .collect();
    let today = Timestamp::from_millis(1_790_000_000_000);
    let mut each = Vec::with_capacity(prompts.len() * 20);
    for prompt in prompts.iter().cycle().take(prompts.len() * 20) {
        let facts = Facts { prompt, ..Facts::default() };
        let begun = Instant::now();
        std::hint::black_box(decide(&bundle, &facts, today));
        each.push(begun.elapsed());
    }
    println!("{} names, {} policies, {} cases", bundle.names(), bundle.policies().len(), bundle.cases());
    println!("a decision, over {} prompts: median {:?}", prompts.len(), median(each));
    let changed = |path: &str, with: &str| {
        let mut files = files.clone();
        files.iter_mut().find(|(name, _)| name == path).expect("the file is there").1.push_str(with);
        files
    };
    let names = changed("traditions/kente.toml", "\n[[alias]]\ntext = \"zibbelmuster\"\n");
    let words = changed("traditions/kente.toml", "\n# a remark\n");
    let again = |files: &[(String, String)]| bundle.parse_again(files).unwrap_or_else(|problems| panic!("{problems:?}"));
    println!("reading the whole bundle for the first time: median {:?}", time(20, parse));
    println!("reading it again, names changed: median {:?}", time(20, || again(&names)));
    println!("reading it again, other words changed: median {:?}", time(20, || again(&words)));
    println!("running its cases: median {:?}", time(20, || bundle.check_cases()));
}
