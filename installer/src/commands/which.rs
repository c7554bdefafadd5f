//! Executions as people name them.

use std::str::FromStr;

use runvoy_api::{
    execution::ExecutionList,
    id::{ExecutionId, NotAnId},
};

use crate::{
    client::{Client, encode},
    error::{Error, Result},
    ui,
};

const PREFIX: &str = "exec_";
/// An id without its prefix: 14 digits of a time, `_`, 6 hex digits.
const LENGTH: usize = 21;
/// Where the hex digits begin.
const TAIL: usize = 15;
/// As many as the API gives at once.
const PAGE: usize = 100;
/// How many pages are searched at most.
const PAGES: usize = 10;
/// How many of several that are meant are shown.
const SHOWN: usize = 5;

/// An execution: by its id, by as much of it as tells it from others, or `last` for the user's newest one.
#[derive(Debug, Clone, PartialEq)]
pub enum Which {
    /// The user's newest one.
    Last,
    /// This one.
    Id(ExecutionId),
    /// The one whose id begins like this, or whose last six digits do; without `exec_`.
    Part(String),
}

impl FromStr for Which {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let part = text.strip_prefix(PREFIX).unwrap_or(text);
        let spelled = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c) || c == b'_';
        match text {
            "last" => Ok(Self::Last),
            _ if (1..LENGTH).contains(&part.len()) && part.bytes().all(spelled) => Ok(Self::Part(part.to_owned())),
            _ => text.parse().map(Self::Id),
        }
    }
}

impl Which {
    /// The id that is meant.
    pub async fn resolve(self, client: &Client) -> Result<ExecutionId> {
        match self {
            Self::Id(id) => Ok(id),
            Self::Last => {
                let list: ExecutionList = client.get("/executions?limit=1").await?;
                let none = || Error::new("you have no executions yet").hint("start one: `runvoy exec 'echo hello'`");
                list.executions.into_iter().next().map(|newest| newest.execution_id).ok_or_else(none)
            }
            Self::Part(part) => {
                // One's own are meant first.
                let mut found = search(client, &part, "").await?;
                if found.is_empty() {
                    found = search(client, &part, "&all=true").await?;
                }
                only(&part, found)
            }
        }
    }
}

/// Those that are meant, among the newest ones.
async fn search(client: &Client, part: &str, whose: &str) -> Result<Vec<ExecutionId>> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    for _ in 0..PAGES {
        let cursor_of = cursor.map(|cursor| format!("&cursor={}", encode(&cursor))).unwrap_or_default();
        let list: ExecutionList = client.get(&format!("/executions?limit={PAGE}{whose}{cursor_of}")).await?;
        let ids = list.executions.into_iter().map(|execution| execution.execution_id);
        let ids: Vec<_> = ids.collect();
        // Newest first, and ids sort by time: once they are past a time, no more will begin with it.
        let past = ids.last().is_none_or(|id| rest(id) < part && !rest(id).starts_with(part));
        found.extend(ids.into_iter().filter(|id| is_meant(id, part)));
        cursor = list.cursor;
        if past || cursor.is_none() {
            break;
        }
    }
    Ok(found)
}

fn rest(id: &ExecutionId) -> &str {
    id.as_str().trim_start_matches(PREFIX)
}

fn is_meant(id: &ExecutionId, part: &str) -> bool {
    rest(id).starts_with(part) || rest(id)[TAIL..].starts_with(part)
}

fn only(part: &str, mut found: Vec<ExecutionId>) -> Result<ExecutionId> {
    let part = ui::printable(part);
    match found.len() {
        0 => Err(Error::new(format!(
            "no execution's id begins with `{part}`, nor do the last six digits of a recent one"
        ))
        .hint("`runvoy list --all` shows them")),
        1 => Ok(found.remove(0)),
        several => {
            let more = if several > SHOWN { " …" } else { "" };
            let shown = found.iter().take(SHOWN).map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
            Err(Error::new(format!("`{part}` may be {several} executions")).hint(format!("one of {shown}{more}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_parts_of_them_are_told_from_anything_else() {
        let id = "exec_20251026143210_a1b2c3";
        assert_eq!(id.parse(), Ok(Which::Id(id.parse().unwrap())));
        assert_eq!("last".parse(), Ok(Which::Last));
        for (text, part) in [("exec_2025", "2025"), ("20251026143210_a", "20251026143210_a"), ("a1b2c3", "a1b2c3")] {
            assert_eq!(text.parse(), Ok(Which::Part(part.into())));
        }
        for text in ["", "exec_", "../users", "LAST", "exec_20251026143210_a1b2c34", "20251026143210_a1b2c3", "é"] {
            assert!(text.parse::<Which>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_part_is_a_beginning_or_the_beginning_of_the_tail() {
        let id = "exec_20251026143210_a1b2c3".parse().unwrap();
        for part in ["2", "20251026143210_a1", "a", "a1b2c3"] {
            assert!(is_meant(&id, part), "{part}");
        }
        for part in ["0251026143210", "1b2c3", "20251026143211"] {
            assert!(!is_meant(&id, part), "{part}");
        }
    }
}
