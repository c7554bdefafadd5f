//! The real binary against a server with scripted replies.

mod access;
mod admin;
mod admin_secrets;
mod code;
mod complete;
mod configure;
mod exec;
mod history;
mod json;
#[cfg(target_os = "linux")]
mod keyring;
mod open;
mod outputs;
mod oversight;
mod profile;
mod project;
mod replies;
mod server;
mod startup;
mod terminal;
mod usage;
mod weather;

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use server::Server;

/// A key of the right form, made of one digit.
fn key(digit: char) -> String {
    format!("sk_live_{}", digit.to_string().repeat(64))
}

/// A person's machine: an empty home, an empty environment.
struct Machine {
    home: tempfile::TempDir,
    env: Vec<(String, String)>,
}

/// What one run of the program left behind.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Machine {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), env: Vec::new() }
    }

    /// Configured for this server, by environment.
    fn using(server: &Server) -> Self {
        Self::new().env("RUNVOY_ENDPOINT", &server.url).env("RUNVOY_API_KEY", &key('a'))
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// With this text in the config file, readable by its owner only.
    fn config(self, text: &str) -> Self {
        fs::create_dir_all(self.config_path().parent().unwrap()).unwrap();
        fs::write(self.config_path(), text).unwrap();
        self.config_mode(0o600)
    }

    fn config_mode(self, mode: u32) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(self.config_path(), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    fn config_path(&self) -> PathBuf {
        self.home.path().join(".runvoy/config.yaml")
    }

    /// With this text in a file below its home, where every command runs.
    fn file(self, path: &str, text: &str) -> Self {
        let path = self.home.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runvoy"));
        command.args(args).env_clear().env("HOME", self.home.path()).current_dir(self.home.path());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).spawn().unwrap()
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    fn run_with_stdin(&self, args: &[&str], stdin: &str) -> Ran {
        use std::io::Write as _;
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        // It may leave without reading.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        child.wait_with_output().unwrap().into()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let ran = Self {
            code: output.status.code().expect("not ended by a signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("sk_live_aaaa"), "a key on stderr: {}", ran.stderr);
        ran
    }
}

impl Ran {
    #[track_caller]
    fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    fn stdout(self, text: &str) -> Self {
        assert_eq!(self.stdout, text, "stderr: {}", self.stderr);
        self
    }

    #[track_caller]
    fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no `{text}` in stderr: {}", self.stderr);
        self
    }

    #[track_caller]
    fn never_says(self, text: &str) -> Self {
        assert!(!self.stderr.contains(text), "`{text}` in stderr: {}", self.stderr);
        self
    }
}
