//! Times in the past, as people write them.

use std::{fmt, str::FromStr};

use runvoy_api::id::{parse_rfc3339, rfc3339};
use time::{Duration, OffsetDateTime};

/// `2h`, `7d`, `2026-01-31`, or a time as RFC 3339 writes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Since(OffsetDateTime);

impl Since {
    /// Since the epoch, as the times of log lines.
    pub fn milliseconds(self) -> i128 {
        self.0.unix_timestamp_nanos() / 1_000_000
    }

    fn parse(text: &str, now: OffsetDateTime) -> Option<Self> {
        let unit = match text.chars().last()? {
            'm' => Some(Duration::MINUTE),
            'h' => Some(Duration::HOUR),
            'd' => Some(Duration::DAY),
            'w' => Some(Duration::WEEK),
            _ => None,
        };
        let at = match unit {
            Some(unit) => now.checked_sub(unit.checked_mul(text[..text.len() - 1].parse::<u16>().ok()?.into())?)?,
            None => parse_rfc3339(text).or_else(|| parse_rfc3339(&format!("{text}T00:00:00Z")))?,
        };
        Some(Self(at))
    }
}

impl FromStr for Since {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let problem = || format!("`{}` is not a time such as `2h`, `7d` or `2026-01-31`", text.escape_debug());
        Self::parse(text, OffsetDateTime::now_utc()).ok_or_else(problem)
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rfc3339(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_write_them() {
        let now = time::macros::datetime!(2026-01-31 12:00 UTC);
        let since = |text| Since::parse(text, now).map(|since| since.to_string());
        for (text, at) in [
            ("2h", "2026-01-31T10:00:00Z"),
            ("30m", "2026-01-31T11:30:00Z"),
            ("7d", "2026-01-24T12:00:00Z"),
            ("1w", "2026-01-24T12:00:00Z"),
            ("2026-01-01", "2026-01-01T00:00:00Z"),
            ("2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z"),
        ] {
            assert_eq!(since(text).as_deref(), Some(at), "{text}");
        }
        for text in ["", "d", "-1d", "yesterday", "99999999d", "2026-13-01", "é"] {
            assert_eq!(since(text), None, "{text}");
        }
    }
}
