//! The failure card: what failed first, why, what that means, what is there now, and what to do.

mod advice;
mod cause;
mod existing;

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
};

use aws_sdk_cloudformation::types::StackStatus;
use console::{Style, Term, style};
use serde::Serialize;
use serde_json::Value;

use super::watch::End;
use crate::{
    aws::Aws,
    error::{Error, Result},
    fold::wrap,
    ui,
};
use advice::{Place, advise};
pub use cause::{Cause, Causes, is_consequence};
pub use existing::Existing;

/// Where a stack stands whose changes AWS has refused beforehand: a status of ours.
pub(super) const UNCHANGED: &str = "NOT_CHANGED";
/// The widest that a card gets.
const WIDEST: usize = 100;
const NARROWEST: usize = 40;
const LABEL: usize = 8;

/// All that an admin needs to know of a failed operation on a stack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Card {
    /// The stack.
    pub stack: String,
    /// Where it stands now: AWS's status, or `NOT_CHANGED`.
    pub status: String,
    /// What failed first, in the admin's words.
    pub what: String,
    /// Its logical id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logical: Option<String>,
    /// Its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What AWS said.
    pub reason: String,
    /// What that means.
    pub means: String,
    /// What to do next.
    pub next: String,
    /// What exists now; none if AWS did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exists: Option<Vec<Existing>>,
}

/// The operation that failed.
pub(super) struct Operation<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// Its id, under which AWS knows it even when it is gone.
    pub id: &'a str,
    /// The deployment.
    pub deployment: &'a str,
    /// Its resources in the admin's words.
    pub descriptions: &'a BTreeMap<String, String>,
}

impl Operation<'_> {
    /// Success if the stack came to rest in one of the states that were `wanted`, else the card.
    pub(super) async fn expect(&self, aws: &Aws, end: End, wanted: &[StackStatus]) -> Result<()> {
        if wanted.contains(&end.status) {
            return Ok(());
        }
        let cause = match end.cause {
            None => Cause::of_stack(aws, self.id).await,
            known => known,
        };
        Err(self.failed(aws, end.status.as_str(), cause, end.reason).await)
    }

    /// The error with the card in it.
    pub(super) async fn failed(&self, aws: &Aws, status: &str, cause: Option<Cause>, reason: Option<String>) -> Error {
        let exists = existing::list(aws, self.id, self.descriptions).await;
        let card = self.card(aws, status, cause, reason, exists);
        let (title, next) = (card.title(), card.next.clone());
        Error::from(card).context(title).hint(next)
    }

    fn card(
        &self,
        aws: &Aws,
        status: &str,
        cause: Option<Cause>,
        reason: Option<String>,
        exists: Option<Vec<Existing>>,
    ) -> Card {
        let reason = cause.as_ref().map(|cause| cause.reason.clone()).or(reason);
        let reason = reason.filter(|reason| !reason.is_empty());
        let reason = reason.unwrap_or_else(|| "AWS gave no reason".to_owned());
        // What can't be deleted is for the command that deletes. A failed creation that is gone again is not.
        let command = if status == "DELETE_FAILED" { "destroy" } else { "init" };
        let place = Place { deployment: self.deployment, region: &aws.region, identity: &aws.identity, command };
        let advice = advise(&reason, &place);
        Card {
            stack: self.stack.to_owned(),
            status: status.to_owned(),
            what: cause.as_ref().map_or("the stack as a whole".to_owned(), |cause| cause.describe(self.descriptions)),
            logical: cause.as_ref().map(|cause| cause.logical.clone()),
            kind: cause.map(|cause| cause.kind),
            reason,
            means: advice.means,
            next: advice.next,
            exists,
        }
    }
}

impl Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.reason)
    }
}

impl std::error::Error for Card {}

impl Card {
    /// Shows it on stderr.
    pub fn show(&self) {
        let width = Term::stderr().size_checked().map_or(WIDEST, |(_, columns)| usize::from(columns));
        ui::note(self.render(width));
    }

    fn title(&self) -> String {
        let Self { stack, status, .. } = self;
        if status == UNCHANGED {
            return format!("AWS refused the changes to stack `{stack}`, and nothing was changed");
        }
        format!("stack `{stack}` failed and is now `{status}`")
    }

    fn render(&self, width: usize) -> String {
        let width = width.clamp(NARROWEST, WIDEST) - 1;
        let title = self.title();
        let mark = style("✗").for_stderr().red().bold();
        let mut lines: Vec<String> = Vec::new();
        for (i, line) in wrap(&title, width - 2).into_iter().enumerate() {
            let line = style(line).for_stderr().bold();
            lines.push(if i == 0 { format!("{mark} {line}") } else { format!("  {line}") });
        }
        let plain = Style::new().for_stderr();
        let rows = [
            ("what", self.what.as_str(), plain.clone()),
            ("reason", &self.reason, plain.clone().red()),
            ("means", &self.means, plain.clone()),
            ("exists", &existing::describe(self.exists.as_deref()), plain.clone()),
            ("next", &self.next, plain.cyan()),
        ];
        for (label, text, colour) in rows {
            for (i, line) in wrap(text, width - LABEL - 2).into_iter().enumerate() {
                let label = style(format!("{:<LABEL$}", if i == 0 { label } else { "" })).for_stderr().dim();
                lines.push(format!("  {label}{}", colour.apply_to(line)));
            }
        }
        lines.join("\n")
    }
}

/// Shows the card that an error carries, if it does.
pub fn show(error: &Error) {
    if let Some(card) = error.find::<Card>() {
        card.show();
    }
}

/// The card as data.
pub fn json(card: &Card) -> Value {
    serde_json::to_value(card).unwrap_or_default()
}

#[cfg(test)]
mod tests;
