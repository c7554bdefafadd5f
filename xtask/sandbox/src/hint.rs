use std::fmt::{self, Display};

/// What failed, and what to do about it.
#[derive(Debug)]
pub struct Hinted {
    message: String,
    hint: String,
}

impl Hinted {
    /// A failure with nothing beneath it.
    pub fn error(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self { message: message.into(), hint: hint.into() })
    }

    /// The hint that goes with an error, if any: the outermost one.
    pub fn of(error: &anyhow::Error) -> Option<&str> {
        error.downcast_ref::<Self>().map(|hinted| hinted.hint.as_str())
    }
}

impl Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Hinted {}

/// Puts a message and a hint on top of an error.
pub trait WithHint<T> {
    /// The error stays beneath as the cause.
    fn with_hint(self, message: impl Into<String>, hint: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> WithHint<T> for Result<T, E> {
    fn with_hint(self, message: impl Into<String>, hint: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| error.into().context(Hinted { message: message.into(), hint: hint.into() }))
    }
}
