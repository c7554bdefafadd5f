use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::name::Name;

/// Who made a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Caller {
    /// The CLI, or whoever else holds the run's keys.
    Client,
    /// One of the deployed functions.
    Function,
    /// Nobody we know: the call was refused.
    Stranger,
}

/// One AWS call, without its body and credentials.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// Its place in the order in which calls came in, from 1.
    pub seq: u64,
    /// When it came in.
    pub at: String,
    /// Who made it.
    pub caller: Caller,
    /// Such as `dynamodb`.
    pub service: String,
    /// Such as `TransactWriteItems`.
    pub action: String,
    /// What it was about: a table, stack, bucket, family, log stream.
    pub detail: String,
    /// The reply's HTTP status; none as long as it is under way, and if its caller hung up while it was held before its effect.
    pub status: Option<u16>,
    /// How long it took.
    pub millis: Option<u64>,
    /// The scripted fault that it met.
    pub fault: Option<&'static str>,
}

impl Call {
    /// Whether it is of a kind that changes something.
    pub fn is_mutation(&self) -> bool {
        is_mutation(&self.action)
    }
}

/// AWS's actions that only read say so in their first word; those that a service makes up have no word but a method.
pub(super) fn is_mutation(action: &str) -> bool {
    let words =
        ["Get", "List", "Describe", "Head", "Simulate", "Query", "Scan", "BatchGet", "TransactGet", "Filter", "Lookup"];
    let more = ["Validate", "Estimate", "Search", "Detect", "GET ", "HEAD "];
    !words.iter().chain(&more).any(|word| action.starts_with(word))
}

/// All calls of a run, in memory and in a file of JSON lines, which are written as calls end.
pub(super) struct CallLog {
    inner: Mutex<Inner>,
}

struct Inner {
    calls: Vec<(Call, Instant)>,
    file: File,
}

impl CallLog {
    pub fn new(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("can't write `{}`", path.display()))?;
        Ok(Self { inner: Mutex::new(Inner { calls: Vec::new(), file }) })
    }

    /// A call has come in.
    pub fn begin(self: &Arc<Self>, caller: Caller, name: Name, fault: Option<&'static str>) -> Entry {
        let mut inner = self.lock();
        let seq = inner.calls.len() as u64 + 1;
        let at = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        let Name { service, action, detail } = name;
        let call = Call { seq, at, caller, service, action, detail, status: None, millis: None, fault };
        inner.calls.push((call, Instant::now()));
        Entry { log: self.clone(), seq, written: false }
    }

    fn end(&self, seq: u64, status: Option<u16>) {
        let mut inner = self.lock();
        let Inner { calls, file } = &mut *inner;
        let Some((call, began)) = usize::try_from(seq - 1).ok().and_then(|index| calls.get_mut(index)) else { return };
        call.status = status;
        call.millis = u64::try_from(began.elapsed().as_millis()).ok();
        if let Ok(mut line) = serde_json::to_vec(call) {
            line.push(b'\n');
            // A full disk must not fail the call itself.
            let _ = file.write_all(&line);
        }
    }

    pub fn since(&self, seq: u64) -> Vec<Call> {
        self.lock().calls.iter().map(|(call, _)| call).filter(|call| call.seq > seq).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call in the log that is under way. Dropped without an end, it has come to none: its caller hung up.
pub(super) struct Entry {
    log: Arc<CallLog>,
    seq: u64,
    written: bool,
}

impl Entry {
    /// Its reply is on its way, or would be. Only the first end counts.
    pub fn end(&mut self, status: u16) {
        self.write(Some(status));
    }

    fn write(&mut self, status: Option<u16>) {
        if !self.written {
            self.written = true;
            self.log.end(self.seq, status);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.write(None);
    }
}
