//! Errors as people see them: what failed, why, and what to do next.

use std::{
    fmt::Display,
    io::{self, ErrorKind},
};

use crate::{aws::Expired, exit, ui};

/// An error that ends the program: a chain of causes, the next step for the user, and an exit code.
#[derive(Debug)]
pub struct Error {
    cause: anyhow::Error,
    hint: Option<String>,
    exit: u8,
}

/// What every fallible function of the CLI returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that says `message`: lower case, values in backticks.
    pub fn new(message: impl Display) -> Self {
        anyhow::Error::msg(message.to_string()).into()
    }

    /// Says what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Ends the program with `code`.
    pub fn exit(mut self, code: u8) -> Self {
        self.exit = code;
        self
    }

    /// Ends the program with `code`, unless this error has chosen another one than the usual.
    pub fn exit_unless_set(self, code: u8) -> Self {
        if self.exit == exit::FAILED { self.exit(code) } else { self }
    }

    /// Says first what was being done, with the error so far as its cause.
    pub fn context(mut self, what: impl Display) -> Self {
        self.cause = self.cause.context(what.to_string());
        self
    }

    /// The error or cause of this type, if there is one.
    pub fn find<E: Display + std::fmt::Debug + Send + Sync + 'static>(&self) -> Option<&E> {
        self.cause.downcast_ref()
    }

    /// The code that the program ends with.
    pub fn code(&self) -> u8 {
        self.exit
    }

    /// What failed, without its causes.
    pub fn message(&self) -> String {
        self.cause.to_string()
    }

    /// What failed and why, in one line, safe to show.
    pub fn explain(&self) -> String {
        let causes = self.cause.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
        ui::without_keys(&ui::printable(&causes))
    }

    /// What to do next.
    pub fn next_step(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Prints the error on stderr. A closed stdout is not reported: whoever closed it knows.
    pub fn report(&self) {
        if self.find::<ui::OutputClosed>().is_some() {
            return;
        }
        ui::error_line("error:", &self.message());
        let mut said = self.message();
        for cause in self.cause.chain().skip(1).map(ToString::to_string) {
            // Libraries like to repeat their cause in their own text.
            if !said.contains(&cause) {
                ui::error_line("  cause:", &cause);
            }
            said = cause;
        }
        if let Some(hint) = &self.hint {
            ui::error_line("hint:", hint);
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Error {
    fn from(error: E) -> Self {
        let cause = error.into();
        // These can come from anywhere, and the way out is always the same.
        let expired = cause.downcast_ref::<Expired>().map(|_| Expired::HINT);
        let hint = expired.or_else(|| about_files(cause.downcast_ref()?)).map(str::to_owned);
        Self { cause, hint, exit: exit::FAILED }
    }
}

fn about_files(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::NotFound => Some("check the path: without a `/` at its start it begins in the present directory"),
        ErrorKind::PermissionDenied => Some("name another path, or let this user have that one"),
        ErrorKind::IsADirectory => Some("name a file in that directory"),
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => Some("there is a file on this path: name another one"),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some("make room on that disk, or name a path on another"),
        _ => None,
    }
}

/// [`Error`]'s builders, on results.
pub trait ResultExt<T> {
    /// See [`Error::hint`].
    fn hint(self, hint: impl Into<String>) -> Result<T>;
    /// See [`Error::exit`].
    fn exit(self, code: u8) -> Result<T>;
    /// See [`Error::context`].
    fn context(self, what: impl Display) -> Result<T>;
}

impl<T, E: Into<Error>> ResultExt<T> for Result<T, E> {
    fn hint(self, hint: impl Into<String>) -> Result<T> {
        self.map_err(|error| error.into().hint(hint))
    }

    fn exit(self, code: u8) -> Result<T> {
        self.map_err(|error| error.into().exit(code))
    }

    fn context(self, what: impl Display) -> Result<T> {
        self.map_err(|error| error.into().context(what))
    }
}
