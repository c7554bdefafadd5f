//! What is used of the functions' grants, over all sandboxes of a test run: a file of JSON lines that only grows.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::iam::Decision;

/// A line of the record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// A grant allowed a call.
    Used {
        /// Name of its policy.
        policy: String,
        /// Id of its statement.
        sid: String,
        /// Its action.
        action: String,
        /// Which of the statement's resources, counted from 0.
        resource: usize,
    },
    /// Nothing allowed it.
    Denied {
        /// Whose call it was.
        role: String,
        /// What it asked for.
        action: String,
        /// And of what.
        resource: String,
    },
}

/// The open record of one sandbox.
pub struct Record {
    inner: Mutex<(HashSet<Use>, File)>,
}

impl Record {
    /// Goes on with the file.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.with_context(|| format!("can't write `{}`", path.display()))?;
        Ok(Self { inner: Mutex::new((HashSet::new(), file)) })
    }

    /// The record so far; empty if there is none.
    pub fn read(path: &Path) -> Result<HashSet<Use>> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text.with_context(|| format!("can't read `{}`", path.display()))?,
        };
        text.lines().map(|line| serde_json::from_str(line).context("the record of used grants is broken")).collect()
    }

    /// Whether it was; what allowed it is in use.
    pub(super) fn allowed(&self, decision: Decision<'_>) -> bool {
        let Decision::Allowed(grant) = decision else { return false };
        self.write(Use::Used {
            policy: grant.policy.to_owned(),
            sid: grant.sid.to_owned(),
            action: grant.action.to_owned(),
            resource: grant.resource,
        });
        true
    }

    pub(super) fn denied(&self, role: &str, action: &str, resource: &str) {
        let [role, action, resource] = [role, action, resource].map(str::to_owned);
        self.write(Use::Denied { role, action, resource });
    }

    /// One write a line: other processes append to the same file.
    fn write(&self, line: Use) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, file) = &mut *inner;
        if known.contains(&line) {
            return;
        }
        if let Ok(mut text) = serde_json::to_vec(&line) {
            text.push(b'\n');
            // A full disk must not fail the call itself; a grant that is missing in the record fails the run.
            let _ = file.write_all(&text);
        }
        known.insert(line);
    }
}
