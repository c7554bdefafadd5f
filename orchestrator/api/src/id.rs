//! Execution ids.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, PrimitiveDateTime, format_description::BorrowedFormatItem, macros::format_description};

const STAMP: &[BorrowedFormatItem<'static>] = format_description!("[year][month][day][hour][minute][second]");
const RFC3339: &[BorrowedFormatItem<'static>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// `exec_{yyyymmddHHMMSS}_{6 hex}`, in UTC.
///
/// The second in the id is the execution's `started_at`, so the id alone gives the full primary key of its row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExecutionId(String);

/// Text that is no execution id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAnId(String);

impl ExecutionId {
    /// The id of an execution that starts at `now`, told apart from others of that second by `random`.
    pub fn new(now: OffsetDateTime, random: [u8; 3]) -> Self {
        let stamp = now.to_offset(time::UtcOffset::UTC).format(STAMP).expect("a date has every part of the format");
        let [a, b, c] = random;
        Self(format!("exec_{stamp}_{a:02x}{b:02x}{c:02x}"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When the execution was accepted, to the second.
    pub fn started(&self) -> OffsetDateTime {
        parse_stamp(&self.0).expect("checked when the id was made")
    }

    /// [`Self::started`] as the executions table's sort key spells it: RFC 3339 with seconds and `Z`.
    pub fn started_at(&self) -> String {
        rfc3339(self.started())
    }
}

/// A time as the tables and replies spell it: RFC 3339, UTC, whole seconds. All are equally long, so they sort as text.
pub fn rfc3339(at: OffsetDateTime) -> String {
    // At either end of the calendar there is no such time in UTC; hours don't matter there.
    let utc = at.checked_to_offset(time::UtcOffset::UTC).unwrap_or(at);
    utc.format(RFC3339).expect("a date has every part of the format")
}

/// Reads a time that [`rfc3339`] wrote, or any other RFC 3339 time that is in the years 0 to 9999 in UTC, too.
pub fn parse_rfc3339(text: &str) -> Option<OffsetDateTime> {
    let at = OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()?;
    at.checked_to_offset(time::UtcOffset::UTC).filter(|at| at.year() >= 0)
}

fn parse_stamp(id: &str) -> Option<OffsetDateTime> {
    let (stamp, random) = id.strip_prefix("exec_")?.split_once('_')?;
    let hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    if random.len() != 6 || !random.bytes().all(hex) || stamp.len() != 14 {
        return None;
    }
    PrimitiveDateTime::parse(stamp, STAMP).ok().map(PrimitiveDateTime::assume_utc)
}

impl FromStr for ExecutionId {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for ExecutionId {
    type Error = NotAnId;
    fn try_from(text: String) -> Result<Self, NotAnId> {
        match parse_stamp(&text) {
            Some(_) => Ok(Self(text)),
            None => Err(NotAnId(text)),
        }
    }
}

impl From<ExecutionId> for String {
    fn from(id: ExecutionId) -> Self {
        id.0
    }
}

impl fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an execution id (`exec_{{yyyymmddHHMMSS}}_{{6 hex}}`)", self.0.escape_debug())
    }
}

impl std::error::Error for NotAnId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_alone_gives_the_sort_key() {
        let now = time::macros::datetime!(2025-10-26 14:32:10.987 UTC);
        let id = ExecutionId::new(now, [0xa1, 0xb2, 0xc3]);
        assert_eq!(id.as_str(), "exec_20251026143210_a1b2c3");
        assert_eq!(id.started_at(), "2025-10-26T14:32:10Z");
        assert_eq!(id.as_str().parse::<ExecutionId>().unwrap(), id);
    }

    #[test]
    fn times_at_the_ends_of_the_calendar_are_no_trap() {
        assert_eq!(parse_rfc3339("2025-10-26T16:32:10.5+02:00").map(rfc3339).as_deref(), Some("2025-10-26T14:32:10Z"));
        for text in ["9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00+00:01"] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
            let at = OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).unwrap();
            assert!(rfc3339(at).ends_with('Z'));
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for bad in [
            "",
            "exec_",
            "exec_20251026143210_A1B2C3",
            "exec_20251326143210_a1b2c3",
            "exec_20251026143210_a1b2c",
            "exec_20251026143210_a1b2c3x",
            "run_20251026143210_a1b2c3",
            "exec_+0251026143210_a1b2c3",
        ] {
            assert!(bad.parse::<ExecutionId>().is_err(), "{bad}");
        }
    }
}
