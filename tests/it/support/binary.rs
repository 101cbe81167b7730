//! The built program, run as a person runs it: in a folder of its own, its environment free of our settings, its words looked through
//! for panics and secrets each time.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime};

/// What a run of the program said and how it ended.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Both outputs.
    pub fn said(&self) -> String {
        format!("{}{}", self.out, self.err)
    }

    /// The output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }

    /// Fails unless it ended so and said all of these.
    #[track_caller]
    pub fn expect(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.said().contains(word), "`{word}` is missing: {self:?}");
        }
        self
    }
}

/// A folder to work in, with a data folder `data`.
pub struct Scene(tempfile::TempDir);

impl Scene {
    /// Nothing in it.
    pub fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a data folder as the first start leaves it. It is made once for a run of the tests and copied.
    pub fn founded() -> Self {
        let scene = Self::empty();
        copy(&template(), &scene.data());
        scene
    }

    /// A name in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// The program, about to be run here.
    pub fn command(&self) -> Command {
        command(self.0.path())
    }

    /// Starts the service on a free port and waits until it says that it is ready.
    pub fn serve(&self) -> Child {
        self.start(&[], &["--listen", "127.0.0.1:0", "serve"], "is ready on http://127.0.0.1:")
    }

    /// Starts what runs until it is stopped, with settings in the environment, and waits until it says `ready`.
    pub fn start(&self, environment: &[(&str, &str)], args: &[&str], ready: &str) -> Child {
        let mut command = self.command();
        command.arg("--data-dir").arg(self.data()).args(args).envs(environment.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.find(|line| line.as_ref().is_ok_and(|l| l.contains(ready)));
        assert!(ready.is_some(), "it ended before it was ready");
        // Its further words are read and forgotten, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        child
    }

    /// Runs it on the data folder.
    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_with(&[], args)
    }

    /// The same with settings in the environment.
    pub fn run_with(&self, environment: &[(&str, &str)], args: &[&str]) -> Ran {
        let mut command = self.command();
        command.arg("--data-dir").arg(self.data()).args(args).envs(environment.iter().copied());
        let ran = finished(command.output().unwrap());
        self.look_through(&ran, environment);
        ran
    }

    /// No panic and no secret stands in what was said.
    pub fn look_through(&self, ran: &Ran, environment: &[(&str, &str)]) {
        let said = ran.said();
        assert!(!said.contains("panicked") && !said.contains("RUST_BACKTRACE"), "{said}");
        assert!(!said.contains("PRIVATE KEY"), "{said}");
        for (_, value) in environment {
            // USER:PASSWORD@ in an address.
            if let Some((_, password)) = value.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')?.0.split_once(':')) {
                assert!(!said.contains(password), "a password is shown: {said}");
            }
        }
        for entry in fs::read_dir(self.data().join("keys")).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "key") {
                let pem = fs::read_to_string(&path).unwrap();
                for line in pem.lines().filter(|line| !line.starts_with("-----") && line.len() > 20) {
                    assert!(!said.contains(line), "{} is shown: {said}", path.display());
                }
            }
        }
    }
}

/// The program in this folder, with none of our settings around.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_colophon"));
    command.current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("COLOPHON_")) {
            command.env_remove(name);
        }
    }
    command
}

fn finished(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A data folder after its first start.
#[expect(clippy::disallowed_methods, reason = "one template for each run of the tests, removed by a later one")]
fn template() -> PathBuf {
    let run = std::env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| std::process::id().to_string());
    let home = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let template = home.join(format!("founded-{run}"));
    // Each test may be a process of its own: one makes it, the others wait.
    let lock = fs::File::create(home.join("founded.lock")).unwrap();
    lock.lock().unwrap();
    if !template.exists() {
        for entry in fs::read_dir(home).unwrap() {
            let entry = entry.unwrap();
            let age = SystemTime::now().duration_since(entry.metadata().unwrap().modified().unwrap()).unwrap_or_default();
            if entry.file_name().to_string_lossy().starts_with("founded-") && age > Duration::from_secs(3600) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let fresh = tempfile::tempdir_in(home).unwrap();
        let data = fresh.path().join("data");
        let ran = finished(command(fresh.path()).arg("--data-dir").arg(&data).arg("audit").output().unwrap());
        let _ = writeln!(std::io::stderr(), "{}", ran.said());
        ran.expect(0, &["The log is sound"]);
        // As a service has done a few seconds later.
        let made = finished(command(fresh.path()).arg("--data-dir").arg(&data).args(["likeness", "make"]).output().unwrap());
        made.expect(0, &["6708 works and 0 images are found by picture"]);
        fs::rename(&data, &template).unwrap();
    }
    template
}

/// Copies a data folder. Blobs and models, which nobody writes into, are linked.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let still = from.components().any(|part| part.as_os_str() == "blobs" || part.as_os_str() == "models");
        if from.is_dir() {
            copy(&from, &to);
        } else if !(still && fs::hard_link(&from, &to).is_ok()) {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// Puts other bytes in a file's place. Linked files are shared, so never written into.
pub fn replace(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}
