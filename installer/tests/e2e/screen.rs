//! `init` on a terminal of a test's own.

use std::{collections::BTreeSet, num::NonZeroU16, process::Command, time::Duration};

use runvoy_sandbox::{
    Pty,
    proxy::script::{Effect, Fault, Match},
};

use crate::{
    site::{ARCHITECTURE, Site, artifact, between},
    world,
};

pub const PATIENCE: Duration = Duration::from_secs(180);
pub const INTERRUPT: &str = "\x03";
pub const ENTER: &str = "\r";
pub const DOWN: &str = "\x1b[B";
pub const UP: &str = "\x1b[A";

/// Every choice as a flag: nothing is left to ask but whether to go ahead.
pub const CHOICES: [&str; 8] = [
    "--network=public",
    "--spot=false",
    "--task-permissions=read-only",
    "--log-retention-days=7",
    "--alarm-email=none",
    "--viewer=function-url",
    "--admin-email=admin@example.com",
    "--region=us-east-1",
];

/// `init` on a terminal.
pub struct Screen(pub Pty);

impl Screen {
    pub fn new(command: Command, columns: u16, rows: u16) -> Self {
        Self(Pty::spawn(command, columns, rows).unwrap())
    }

    /// With nothing to ask.
    pub fn install(site: &Site<'_>, columns: u16, rows: u16) -> Self {
        let artifact = artifact(1).display().to_string();
        let fixed = ["init", "--no-probe", "--stack-name", site.name, "--artifact", &artifact];
        let architecture = ["--architecture", ARCHITECTURE];
        Self::new(site.command(&[&fixed[..], &architecture, &CHOICES].concat()), columns, rows)
    }

    /// Waits for text.
    #[track_caller]
    pub fn shows(&mut self, text: &str) -> &mut Self {
        self.0.wait_for(|screen| screen.contents().contains(text), PATIENCE).unwrap();
        self
    }

    #[track_caller]
    pub fn types(&mut self, text: &str) -> &mut Self {
        self.0.type_text(text).unwrap();
        self
    }

    /// Answers a prompt, once it reads keys or a secret.
    #[track_caller]
    pub fn answer(&mut self, question: &str, keys: &str) -> &mut Self {
        let asked =
            |screen: &vt100::Screen| screen.contents().lines().rev().take(14).any(|line| line.starts_with(question));
        self.0.wait_for(asked, PATIENCE).unwrap();
        world::until("it reads", || (!self.0.echoes().unwrap()).then_some(()));
        self.types(keys)
    }

    #[track_caller]
    pub fn ends(&mut self, code: i32) -> &mut Self {
        let status = self.0.wait(PATIENCE).unwrap();
        assert_eq!(status.code(), Some(code), "{}", self.0.screen());
        let hidden = self.text().rfind("\x1b[?25l");
        assert!(hidden.is_none() || hidden < self.text().rfind("\x1b[?25h"), "the cursor is left hidden");
        assert!(!self.0.reads_keys().unwrap_or_default(), "the terminal is left raw");
        self
    }

    /// All that was ever written.
    pub fn text(&self) -> String {
        let bytes: Vec<u8> = self.0.output().iter().flat_map(|chunk| chunk.bytes.clone()).collect();
        String::from_utf8(bytes).unwrap()
    }

    /// The lines that a terminal of this size had to wrap at any time.
    pub fn wrapped(&self, columns: u16, rows: u16) -> BTreeSet<String> {
        let size = |size| NonZeroU16::new(size).unwrap();
        let mut terminal = vt100::Parser::new(size(rows), size(columns), 0);
        let mut wrapped = BTreeSet::new();
        for chunk in self.0.output() {
            terminal.process(&chunk.bytes);
            let mut line = None;
            for (row, text) in (0..).zip(terminal.screen().rows(0, columns)) {
                let goes_on = terminal.screen().row_wrapped(row);
                match &mut line {
                    None if goes_on => line = Some(text),
                    None => {}
                    Some(line) => *line += &text,
                }
                if !goes_on {
                    wrapped.extend(line.take());
                }
            }
        }
        wrapped
    }

    /// The command that the program says goes on from here.
    #[track_caller]
    pub fn resume(&self) -> String {
        let text = console::strip_ansi_codes(&self.text()).replace("\r\n", "\n");
        let (_, hint) = text.rsplit_once("\nhint:").unwrap_or_else(|| panic!("no hint in {text}"));
        // It may be folded between words.
        let hint = hint.split_whitespace().collect::<Vec<_>>().join(" ");
        between(&hint, "`", "` goes on from there").to_owned()
    }
}

/// The printed command as a shell runs it.
pub fn shell(site: &Site<'_>, line: &str) -> Command {
    in_shell(site.command(&[]), line)
}

/// The same, where and as this command would run.
pub fn in_shell(command: Command, line: &str) -> Command {
    let directory = std::path::Path::new(env!("CARGO_BIN_EXE_runvoy")).parent().unwrap();
    let mut shell = Command::new("sh");
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    shell.arg("-c").arg(format!("exec {line}")).env("PATH", path).current_dir(command.get_current_dir().unwrap());
    shell
}

/// Holds the call that begins with the main stack, once AWS has begun.
pub fn hold(site: &Site<'_>) -> Fault {
    let matching = Match::client("cloudformation", "ExecuteChangeSet").about(site.name).nth(2);
    site.sandbox.script().on(matching, Effect::HoldAfter)
}
