use std::fmt::{self, Display};

use crate::proxy::calls::{Caller, is_mutation};
use crate::proxy::name::Name;

/// Which calls a fault is about, and which of those it hits: the first, unless told otherwise.
#[derive(Debug, Clone)]
pub struct Match {
    caller: Caller,
    /// Service and action; any call that changes something, if none.
    call: Option<(String, String)>,
    about: String,
    first: usize,
    times: usize,
}

impl Match {
    /// Calls of the CLI, or of whoever else holds the run's keys: `service` as in the call log, such as `cloudformation`;
    /// `action` such as `ExecuteChangeSet`, or `*`.
    pub fn client(service: &str, action: &str) -> Self {
        Self::by(Caller::Client, Some((service.to_owned(), action.to_owned())))
    }

    /// Calls of deployed functions.
    pub fn function(service: &str, action: &str) -> Self {
        Self { caller: Caller::Function, ..Self::client(service, action) }
    }

    /// Calls of the CLI that change something, of any service.
    pub fn mutation() -> Self {
        Self::by(Caller::Client, None)
    }

    fn by(caller: Caller, call: Option<(String, String)>) -> Self {
        Self { caller, call, about: String::new(), first: 1, times: 1 }
    }

    /// Only those whose detail in the call log contains `text`: a stack, bucket, key, table …
    pub fn about(mut self, text: &str) -> Self {
        text.clone_into(&mut self.about);
        self
    }

    /// Hits from the `first`th such call on, counted from 1 at the time the fault is put up.
    pub fn nth(mut self, first: usize) -> Self {
        self.first = first;
        self
    }

    /// Hits so many of them in a row.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Hits all of them.
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// Whether it is about this call.
    pub(super) fn covers(&self, caller: Caller, name: &Name) -> bool {
        let fits = self.call.as_ref().map_or_else(
            || is_mutation(&name.action),
            |(service, action)| *service == name.service && (action == "*" || *action == name.action),
        );
        fits && self.caller == caller && name.detail.contains(&self.about)
    }

    /// Whether it hits the `count`th call that it is about.
    pub(super) fn hits(&self, count: usize) -> bool {
        count >= self.first && count - self.first < self.times
    }
}

impl Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.call {
            Some((service, action)) => write!(f, "{service} {action}")?,
            None => f.write_str("any mutation")?,
        }
        if !self.about.is_empty() {
            write!(f, " about `{}`", self.about)?;
        }
        write!(f, ", from number {}", self.first)
    }
}
