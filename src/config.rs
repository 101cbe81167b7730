//! Settings: read once, from a file, the environment (`COLOPHON_…`) and flags, into one plain struct. Later ones win.
//!
//! `SETTINGS` is the one place where every setting is named and explained; `colophon doctor` prints it with the values in force.
//! Only this module reads the environment.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// One setting, for people.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Name in the file; `COLOPHON_` and the name in capitals in the environment.
    pub name: &'static str,
    /// Used when nothing is set; empty when there is none.
    pub default: &'static str,
    /// What it does, with its unit and range.
    pub doc: &'static str,
    /// Never shown, never logged.
    pub secret: bool,
}

const fn setting(name: &'static str, default: &'static str, doc: &'static str) -> Setting {
    Setting { name, default, doc, secret: false }
}

/// Every setting there is.
pub const SETTINGS: &[Setting] = &[
    setting("data_dir", "data", "folder for the database, the blobs and the keys; made at first start"),
    setting("listen", "127.0.0.1:8080", "address and port the service answers on"),
    Setting {
        name: "database_url",
        default: "",
        doc: "`sqlite://FILE` or `postgres://USER@HOST/NAME`; empty: `colophon.sqlite` in data_dir",
        secret: true,
    },
    setting("public_url", "", "how people reach the service, such as `https://colophon.example`; empty: `http://` and listen"),
    setting("site_name", "Colophon", "name shown on pages and in certificates (organisation), at most 60 characters"),
    setting(
        "log_origin",
        "",
        "name of the transparency log, fixed at first start; empty: host of public_url and `/log/` and the key",
    ),
    setting(
        "witness_policy",
        "",
        "file of witnesses (C2SP tlog-policy): they are asked to sign every head, and its quorum is what publishing waits for; empty: none",
    ),
    setting(
        "time_stamp_policy",
        "1.3.6.1.4.1.32473.1",
        "object identifier of the policy that time stamps are given under; the default is a number for examples (RFC 5612)",
    ),
    setting("models_dir", "", "folder of models; empty: `models` in data_dir, where the embedded model is unpacked"),
    setting("policies_dir", "", "folder of the policy bundle; empty: the bundle inside the program"),
    setting("hub_url", "https://localcontextshub.org", "address of the Local Contexts Hub whose projects works can belong to"),
    Setting {
        name: "hub_key",
        default: "",
        doc: "API key of an account of that Hub; empty: projects are not fetched, only taken as JSON",
        secret: true,
    },
    setting("queue", "200", "pictures that may wait or be drawn; more are answered 429 (1 to 10000)"),
    setting("account_queue", "50", "pictures of one account that may wait or be drawn (1 to 10000)"),
    setting("threads", "1", "threads the engine may use for the embedded model (1 to 64); models of folders use every core"),
    setting("device", "auto", "where to draw: `auto`, `cpu`, `cuda:N` or `metal`; others than `cpu` need a build for them"),
    setting("draws", "all", "which pictures this process draws: `all`, `embedded`, `added` (models of folders) or `none`"),
    setting("model_memory_mib", "0", "memory that models of folders may hold, in MiB; 0: three quarters of the machine's"),
    setting("max_upload_mib", "32", "largest upload, in MiB (1 to 256)"),
    setting("max_import_mib", "2048", "largest archive or list of works to import, in MiB (1 to 1048576)"),
    setting("session_days", "14", "days a sign-in lasts (1 to 90)"),
    setting("log_filter", "info,sqlx=warn,tower_http=info", "which lines are logged, in `tracing` filter syntax"),
    setting("log_format", "text", "`text` for people or `json` for machines"),
];

/// The settings in force.
#[derive(Clone)]
pub struct Settings {
    /// Folder for the database, blobs and keys.
    pub data_dir: PathBuf,
    /// Address the service answers on.
    pub listen: SocketAddr,
    /// `sqlite://…` or `postgres://…`, always filled in.
    pub database_url: String,
    /// Without a slash at its end.
    pub public_url: String,
    /// At most 60 characters.
    pub site_name: String,
    /// As asked for; the log keeps what it was made with.
    pub log_origin: Option<String>,
    /// File of witnesses.
    pub witness_policy: Option<PathBuf>,
    /// Object identifier of the policy that time stamps are given under.
    pub time_stamp_policy: String,
    /// Folder of models.
    pub models_dir: PathBuf,
    /// Folder of the policy bundle, when not the one inside the program.
    pub policies_dir: Option<PathBuf>,
    /// Address of the Local Contexts Hub, without a slash at its end.
    pub hub_url: String,
    /// API key for it. Never shown.
    pub hub_key: Option<String>,
    /// Pictures that may wait.
    pub queue: usize,
    /// Pictures of one account that may wait or be drawn.
    pub account_queue: usize,
    /// Engine threads, at least 1.
    pub threads: usize,
    /// Where to draw.
    pub device: Device,
    /// Which pictures this process draws.
    pub draws: Draws,
    /// Bytes that models of folders may hold.
    pub model_memory: u64,
    /// Largest upload in bytes.
    pub max_upload: usize,
    /// Largest import in bytes.
    pub max_import: u64,
    /// Days a sign-in lasts.
    pub session_days: i64,
    /// `tracing` filter.
    pub log_filter: String,
    /// JSON lines instead of text.
    pub log_json: bool,
    shown: Vec<(Setting, String, Source)>,
}

/// Where to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// On what the program was built for.
    Auto,
    /// On the processor.
    Cpu,
    /// On an NVIDIA device, by number.
    Cuda(usize),
    /// On an Apple device.
    Metal,
}

/// Which pictures a process draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draws {
    /// All.
    All,
    /// Those of the embedded model.
    Embedded,
    /// Those of models of folders.
    Added,
    /// None: other processes do.
    None,
}

/// Three quarters of the memory of this machine, or of what this process may have of it, in bytes; 4 GiB where nobody says.
fn most_memory() -> u64 {
    let total = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kib| kib << 10)
    });
    let allowed = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse::<u64>().ok());
    total.into_iter().chain(allowed).min().unwrap_or(16 << 30) / 4 * 3
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The table above.
    Default,
    /// A settings file.
    File(PathBuf),
    /// A variable.
    Environment,
    /// A command-line flag.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment => f.write_str("environment"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// Why the settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file named can't be read.
    #[error("can't read the settings file `{path}`: {cause}; name another with --config or COLOPHON_CONFIG", path = path.display())]
    File {
        /// That file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Not TOML.
    #[error("the settings file `{path}` is not valid TOML: {cause}", path = path.display())]
    Toml {
        /// That file.
        path: PathBuf,
        /// Line and column.
        cause: Box<toml::de::Error>,
    },
    /// No such setting.
    #[error("there is no setting `{name}` (from {from}); `colophon doctor` lists all of them")]
    Unknown {
        /// As written.
        name: String,
        /// Where.
        from: Source,
    },
    /// A value out of its range.
    #[error("setting `{name}` (from {from}) can't be `{value}`: {expected}")]
    Value {
        /// Which.
        name: &'static str,
        /// Where it was set.
        from: Source,
        /// As written; `(hidden)` for secrets.
        value: String,
        /// What it may be.
        expected: String,
    },
}

/// Whether the environment sets this variable; for those that libraries read.
#[expect(clippy::disallowed_methods, reason = "the other reader of the environment")]
pub fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some()
}

impl Settings {
    /// Reads the file (given, or `colophon.toml` in the working folder when there is one), then the environment, then `flags`.
    #[expect(clippy::disallowed_methods, reason = "the one reader of the environment")]
    pub fn load(file: Option<&Path>, flags: &[(&'static str, String)]) -> Result<Self, ConfigError> {
        let named = file.map(Path::to_owned).or_else(|| std::env::var_os("COLOPHON_CONFIG").map(PathBuf::from));
        let environment = SETTINGS
            .iter()
            .filter_map(|s| std::env::var(format!("COLOPHON_{}", s.name.to_uppercase())).ok().map(|v| (s.name, v)))
            .collect::<Vec<_>>();
        let path = named.clone().unwrap_or_else(|| PathBuf::from("colophon.toml"));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if named.is_none() && e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(cause) => return Err(ConfigError::File { path, cause }),
        };
        Self::from_parts(&path, &text, &environment, flags)
    }

    /// The same from values in memory.
    pub fn from_parts(
        path: &Path,
        text: &str,
        environment: &[(&'static str, String)],
        flags: &[(&'static str, String)],
    ) -> Result<Self, ConfigError> {
        let table: toml::Table =
            toml::from_str(text).map_err(|cause| ConfigError::Toml { path: path.to_owned(), cause: Box::new(cause) })?;
        let mut values: BTreeMap<&'static str, (String, Source)> =
            SETTINGS.iter().map(|s| (s.name, (s.default.to_owned(), Source::Default))).collect();
        for (name, value) in table {
            let from = Source::File(path.to_owned());
            let Some(known) = SETTINGS.iter().find(|s| s.name == name) else {
                return Err(ConfigError::Unknown { name, from });
            };
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            values.insert(known.name, (value, from));
        }
        for (list, from) in [(environment, Source::Environment), (flags, Source::Flag)] {
            for (name, value) in list {
                values.insert(name, (value.clone(), from.clone()));
            }
        }
        let read = Values(values);
        let data_dir = PathBuf::from(read.text("data_dir"));
        let listen: SocketAddr = read.parse("listen", "an address and a port such as 127.0.0.1:8080")?;
        let or = |name, fallback: PathBuf| Some(read.text(name)).filter(|t| !t.is_empty()).map_or(fallback, PathBuf::from);
        let filled = |name| Some(read.text(name).to_owned()).filter(|t| !t.is_empty());
        let database_url =
            filled("database_url").unwrap_or_else(|| format!("sqlite://{}", data_dir.join("colophon.sqlite").display()));
        if !["sqlite:", "postgres://", "postgresql://"].iter().any(|p| database_url.starts_with(p)) {
            return Err(read.refuse("database_url", "expected `sqlite://FILE` or `postgres://USER@HOST/NAME`"));
        }
        let public_url =
            filled("public_url").map_or_else(|| format!("http://{listen}"), |url| url.trim_end_matches('/').to_owned());
        if !public_url.starts_with("http://") && !public_url.starts_with("https://") {
            return Err(read.refuse("public_url", "expected an address that starts with http:// or https://"));
        }
        let hub_url = read.text("hub_url").trim_end_matches('/').to_owned();
        if !hub_url.starts_with("http://") && !hub_url.starts_with("https://") {
            return Err(read.refuse("hub_url", "expected an address that starts with http:// or https://"));
        }
        let site_name = read.text("site_name").trim().to_owned();
        if site_name.is_empty() || site_name.chars().count() > 60 || site_name.chars().any(char::is_control) {
            return Err(read.refuse("site_name", "expected 1 to 60 printable characters"));
        }
        let log_origin = filled("log_origin");
        if log_origin.as_deref().is_some_and(|o| o.contains(['+', '\n']) || o.contains(char::is_whitespace)) {
            return Err(read.refuse("log_origin", "a log's name holds no space and no `+`"));
        }
        Ok(Self {
            listen,
            database_url,
            public_url,
            site_name,
            log_origin,
            witness_policy: filled("witness_policy").map(PathBuf::from),
            time_stamp_policy: filled("time_stamp_policy").unwrap_or_default(),
            models_dir: or("models_dir", data_dir.join("models")),
            policies_dir: filled("policies_dir").map(PathBuf::from),
            hub_url,
            hub_key: filled("hub_key"),
            queue: read.range("queue", 1, 10_000)?,
            account_queue: read.range("account_queue", 1, 10_000)?,
            threads: read.range("threads", 1, 64)?,
            device: match read.text("device") {
                "auto" => Device::Auto,
                "cpu" => Device::Cpu,
                "metal" => Device::Metal,
                text => match text.strip_prefix("cuda:").and_then(|n| n.parse().ok()).filter(|n| *n < 64) {
                    Some(number) => Device::Cuda(number),
                    None => return Err(read.refuse("device", "expected `auto`, `cpu`, `metal` or `cuda:N` with N from 0 to 63")),
                },
            },
            draws: match read.text("draws") {
                "all" => Draws::All,
                "embedded" => Draws::Embedded,
                "added" => Draws::Added,
                "none" => Draws::None,
                _ => return Err(read.refuse("draws", "expected `all`, `embedded`, `added` or `none`")),
            },
            model_memory: match read.range("model_memory_mib", 0, 1 << 24)? {
                0 => most_memory(),
                mib => (mib as u64) << 20,
            },
            max_upload: read.range("max_upload_mib", 1, 256)? << 20,
            max_import: (read.range("max_import_mib", 1, 1 << 20)? as u64) << 20,
            session_days: i64::try_from(read.range("session_days", 1, 90)?).unwrap_or(14),
            log_filter: read.text("log_filter").to_owned(),
            log_json: match read.text("log_format") {
                "json" => true,
                "text" => false,
                _ => return Err(read.refuse("log_format", "expected `text` or `json`")),
            },
            shown: SETTINGS
                .iter()
                .map(|s| (*s, if s.secret { redact(read.text(s.name)) } else { read.text(s.name).to_owned() }, read.from(s.name)))
                .collect(),
            data_dir,
        })
    }

    /// Every setting with its value and where that came from; secrets hidden.
    pub fn shown(&self) -> &[(Setting, String, Source)] {
        &self.shown
    }

    /// The database without its password.
    pub fn database_shown(&self) -> String {
        redact(&self.database_url)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.shown.iter().map(|(s, value, _)| (s.name, value))).finish()
    }
}

/// Hides the user and password of a URL, and all of what is none.
fn redact(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(start), Some(at)) if at > start => format!("{}(hidden)@{}", &url[..start + 3], &url[at + 1..]),
        _ if url.is_empty() || url.contains("://") => url.to_owned(),
        _ => "(hidden)".to_owned(),
    }
}

struct Values(BTreeMap<&'static str, (String, Source)>);

impl Values {
    fn text(&self, name: &'static str) -> &str {
        self.0.get(name).map_or("", |(value, _)| value)
    }

    fn from(&self, name: &'static str) -> Source {
        self.0.get(name).map_or(Source::Default, |(_, from)| from.clone())
    }

    fn refuse(&self, name: &'static str, expected: impl Into<String>) -> ConfigError {
        let secret = SETTINGS.iter().any(|s| s.name == name && s.secret);
        let value = if secret { redact(self.text(name)) } else { self.text(name).to_owned() };
        ConfigError::Value { name, from: self.from(name), value, expected: expected.into() }
    }

    fn parse<T: std::str::FromStr>(&self, name: &'static str, expected: &str) -> Result<T, ConfigError> {
        self.text(name).parse().map_err(|_| self.refuse(name, format!("expected {expected}")))
    }

    fn range(&self, name: &'static str, low: usize, high: usize) -> Result<usize, ConfigError> {
        let expected = format!("a whole number from {low} to {high}");
        let n: usize = self.parse(name, &expected)?;
        if (low..=high).contains(&n) { Ok(n) } else { Err(self.refuse(name, format!("expected {expected}"))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, env: &[(&'static str, &str)]) -> Result<Settings, ConfigError> {
        let env: Vec<_> = env.iter().map(|(n, v)| (*n, (*v).to_owned())).collect();
        Settings::from_parts(Path::new("colophon.toml"), text, &env, &[])
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let s = load("queue = 3\nlisten = \"127.0.0.1:1\"", &[("queue", "5")]).unwrap();
        assert_eq!((s.queue, s.listen.port()), (5, 1));
        assert!(s.database_url.starts_with("sqlite://data"));
    }

    #[test]
    fn errors_name_the_setting_and_what_it_may_be() {
        let text = |r: Result<Settings, ConfigError>| r.unwrap_err().to_string();
        assert!(text(load("colour = 1", &[])).contains("no setting `colour`"));
        assert!(text(load("", &[("queue", "many")])).contains("a whole number from 1 to 10000"));
        assert!(text(load("", &[("database_url", "mysql://me:secret@host/x")])).contains("`sqlite://FILE`"));
        assert!(text(load("", &[("device", "cuda:x")])).contains("`cuda:N`"));
        assert!(text(load("draws = \"some\"", &[])).contains("`embedded`"));
        assert!(!text(load("", &[("database_url", "mysql://me:secret@host/x")])).contains("secret"));
        assert!(text(load("listen = ", &[])).contains("not valid TOML"));
    }

    #[test]
    fn no_secret_in_debug() {
        let s = load("", &[("database_url", "postgres://me:secret@host/x")]).unwrap();
        assert!(!format!("{s:?}").contains("secret"));
        assert_eq!(s.database_shown(), "postgres://(hidden)@host/x");
    }
}
