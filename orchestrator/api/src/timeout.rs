//! How long a command may run.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A command's time limit: whole seconds, at least 1 and at most 24 hours, counted from the command's own start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timeout(u32);

impl Timeout {
    /// What a request without a timeout gets: 1 hour.
    pub const DEFAULT: Self = Self(3600);
    /// The most that a request can ask for: 24 hours.
    pub const MAX: Self = Self(24 * 3600);

    /// The limit in seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }

    fn checked(seconds: i128) -> Result<Self, String> {
        match u32::try_from(seconds) {
            Ok(seconds @ 1..) if seconds <= Self::MAX.0 => Ok(Self(seconds)),
            _ => Err(format!("must be from 1 second to 24 hours, not {seconds} seconds")),
        }
    }
}

impl FromStr for Timeout {
    type Err = String;
    /// Reads `600`, `30s`, `10m`, `1h` and `1h30m`.
    fn from_str(text: &str) -> Result<Self, String> {
        let malformed =
            || format!("must be seconds or a duration such as `10m` or `1h30m`, not `{}`", text.escape_debug());
        if let Ok(seconds) = text.parse::<i64>() {
            return Self::checked(seconds.into());
        }
        let (mut total, mut digits) = (0i128, String::new());
        for c in text.chars() {
            let unit = match c {
                '0'..='9' if digits.len() < 9 => {
                    digits.push(c);
                    continue;
                }
                'h' => 3600,
                'm' => 60,
                's' => 1,
                _ => return Err(malformed()),
            };
            total += digits.parse::<i128>().map_err(|_| malformed())? * unit;
            digits.clear();
        }
        if digits.is_empty() && !text.is_empty() { Self::checked(total) } else { Err(malformed()) }
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}

impl Serialize for Timeout {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl<'de> Deserialize<'de> for Timeout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Timeout;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds or a duration such as `10m`")
            }
            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Timeout, E> {
                Timeout::checked(seconds.into()).map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Timeout, E> {
                Timeout::checked(seconds.into()).map_err(E::custom)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timeout, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, seconds) in [("10m", 600), ("30s", 30), ("1h", 3600), ("600", 600), ("1h30m", 5400), ("24h", 86400)]
        {
            assert_eq!(text.parse::<Timeout>().unwrap().seconds(), seconds, "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "-10", "0", "invalid", "h", "10x", "25h", "1h30", "99999999999999999999", "1e3", "9999999999h"]
        {
            assert!(text.parse::<Timeout>().is_err(), "{text}");
        }
    }
}
