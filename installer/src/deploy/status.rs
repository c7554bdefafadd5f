//! CloudFormation's stack statuses, and what each asks for.

use aws_sdk_cloudformation::types::StackStatus;

/// What a stack's status asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// There is none, or only its name: create it.
    Create,
    /// It works: change it.
    Update,
    /// Something is under way: see it through, then look again.
    Wait,
    /// It never worked and can only be deleted; then create it.
    Recreate,
    /// A failed update could not be undone: undo the rest, then change it.
    FinishRollback,
    /// Only AWS's own tools lead out of this.
    Stop,
}

/// A status as AWS documents it ("Understand CloudFormation stack creation events", "Stack status codes").
pub struct Row {
    /// The status.
    pub status: StackStatus,
    /// What it means.
    pub means: &'static str,
    /// What `init` does about it.
    pub action: Move,
    /// The same in words.
    pub does: &'static str,
}

impl Row {
    /// The row of a status, unless AWS has added it since.
    pub fn of(status: &StackStatus) -> Option<&'static Self> {
        STATUSES.iter().find(|row| row.status == *status)
    }
}

const fn row(status: StackStatus, means: &'static str, action: Move, does: &'static str) -> Row {
    Row { status, means, action, does }
}

/// Every status there is.
pub static STATUSES: [Row; 23] = {
    use Move::*;
    use StackStatus as S;
    [
        row(
            S::ReviewInProgress,
            "only a name: nothing was executed yet",
            Create,
            "uses the change set of an interrupted run, removes our others, creates; refuses if someone else's change set waits there",
        ),
        row(S::CreateInProgress, "being created", Wait, "follows the running creation; makes no second one"),
        row(S::CreateComplete, "created", Update, "compares, and updates only what differs"),
        row(
            S::CreateFailed,
            "creation failed and nothing was undone",
            Recreate,
            "deletes what is left (data is retained), then creates",
        ),
        row(
            S::RollbackInProgress,
            "a failed creation is being undone",
            Wait,
            "follows it to its end and shows why the creation failed; deletes and creates if it was another's",
        ),
        row(S::RollbackComplete, "a failed creation was undone", Recreate, "deletes what is left, then creates"),
        row(
            S::RollbackFailed,
            "a failed creation could not be undone",
            Recreate,
            "deletes what is left (data is retained), then creates",
        ),
        row(
            S::DeleteInProgress,
            "being deleted",
            Wait,
            "waits until it is gone, then creates and adopts the data that was kept",
        ),
        row(S::DeleteComplete, "deleted", Create, "creates, and adopts the data that was kept"),
        row(
            S::DeleteFailed,
            "something could not be deleted",
            Recreate,
            "deletes the rest, then creates; if what is stuck holds data, changes nothing and names `runvoy destroy`",
        ),
        row(S::UpdateInProgress, "being updated", Wait, "follows the running update, then compares"),
        row(
            S::UpdateCompleteCleanupInProgress,
            "updated; what was replaced is being removed",
            Wait,
            "follows it to its end, then compares",
        ),
        row(S::UpdateComplete, "updated", Update, "compares, and updates only what differs"),
        row(S::UpdateFailed, "an update failed and nothing was undone", Update, "updates from there"),
        row(
            S::UpdateRollbackInProgress,
            "a failed update is being undone",
            Wait,
            "follows it to its end and shows why the update failed; updates if it was another's",
        ),
        row(
            S::UpdateRollbackCompleteCleanupInProgress,
            "a failed update was undone; its leftovers are being removed",
            Wait,
            "follows it to its end and shows why the update failed; updates if it was another's",
        ),
        row(S::UpdateRollbackComplete, "a failed update was undone", Update, "updates"),
        row(
            S::UpdateRollbackFailed,
            "a failed update could not be undone",
            FinishRollback,
            "continues the rollback, waits for it, then updates; if it fails again, names what is stuck and how to skip it",
        ),
        row(S::ImportInProgress, "adopting resources", Wait, "follows it to its end, then compares"),
        row(S::ImportComplete, "resources were adopted", Update, "compares, and updates only what differs"),
        row(
            S::ImportRollbackInProgress,
            "a failed adoption is being undone",
            Wait,
            "follows it to its end, then updates",
        ),
        row(
            S::ImportRollbackFailed,
            "a failed adoption could not be undone",
            Stop,
            "changes nothing and says what to do: AWS offers no call that leads out of it, so its support or deleting the stack does",
        ),
        row(S::ImportRollbackComplete, "a failed adoption was undone", Update, "updates"),
    ]
};

impl Move {
    /// The one right thing to do. A status that AWS adds one day is left alone, unless it says that something runs.
    pub fn from(status: Option<&StackStatus>) -> Self {
        let Some(status) = status else { return Self::Create };
        match Row::of(status) {
            Some(row) => row.action,
            None if status.as_str().ends_with("_IN_PROGRESS") => Self::Wait,
            None => Self::Stop,
        }
    }
}

/// Whether a stack is what it was last told to be. Not so after a rollback: there, the last template may be the failed one.
pub fn is_sound(status: Option<&StackStatus>) -> bool {
    matches!(status, Some(StackStatus::CreateComplete | StackStatus::UpdateComplete | StackStatus::ImportComplete))
}

#[cfg(test)]
mod tests {
    use std::{env, fmt::Write as _, fs};

    use super::*;

    #[test]
    fn every_status_that_aws_knows_has_one_row() {
        let mut rows: Vec<_> = STATUSES.iter().map(|row| row.status.as_str()).collect();
        let mut known = StackStatus::values().to_vec();
        rows.sort_unstable();
        known.sort_unstable();
        assert_eq!(rows, known);
    }

    #[test]
    fn what_runs_is_waited_for_and_nothing_else_is() {
        for row in &STATUSES {
            let runs = row.status.as_str().ends_with("_IN_PROGRESS") && row.status != StackStatus::ReviewInProgress;
            assert_eq!(row.action == Move::Wait, runs, "{}", row.status);
        }
        assert_eq!(Move::from(None), Move::Create);
        assert_eq!(Move::from(Some(&StackStatus::from("NEW_IN_PROGRESS"))), Move::Wait);
        assert_eq!(Move::from(Some(&StackStatus::from("NEW_FAILED"))), Move::Stop);
    }

    #[test]
    fn only_a_stack_that_works_can_be_left_as_it_is() {
        for row in &STATUSES {
            assert!(!is_sound(Some(&row.status)) || row.action == Move::Update, "{}", row.status);
            assert!(!is_sound(Some(&row.status)) || !row.status.as_str().contains("ROLLBACK"), "{}", row.status);
        }
        assert!(!is_sound(None));
    }

    /// `UPDATE_SNAPSHOTS=1` writes the page anew.
    #[test]
    fn the_docs_have_the_same_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/stack-statuses.md");
        let mut page = String::from(
            "# From any stack status\n\
             `runvoy init` looks at each of its two stacks first, and does the one right thing. This table is the one in\n\
             `installer/src/deploy/status.rs`; a test keeps the two the same.\n\n\
             | status | the stack | `runvoy init` |\n|---|---|---|\n",
        );
        for row in &STATUSES {
            writeln!(page, "| `{}` | {} | {} |", row.status, row.means, row.does).unwrap();
        }
        page.push_str("\nWhere there is no stack at all, it creates one. Nothing is ever deleted that holds data.\n");
        if env::var_os("UPDATE_SNAPSHOTS").is_some() {
            fs::write(path, &page).unwrap();
        }
        assert_eq!(fs::read_to_string(path).unwrap_or_default(), page);
    }
}
