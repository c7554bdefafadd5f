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
    /// Only AWS's own tools lead out of this.
    Stop,
}

impl Move {
    /// The one right thing to do.
    pub fn from(status: Option<&StackStatus>) -> Self {
        use StackStatus as S;
        match status {
            None | Some(S::DeleteComplete | S::ReviewInProgress) => Self::Create,
            Some(S::CreateFailed | S::RollbackComplete | S::RollbackFailed | S::DeleteFailed) => Self::Recreate,
            Some(
                S::CreateComplete
                | S::UpdateComplete
                | S::UpdateRollbackComplete
                | S::UpdateFailed
                | S::ImportComplete
                | S::ImportRollbackComplete,
            ) => Self::Update,
            Some(status) if status.as_str().ends_with("_IN_PROGRESS") => Self::Wait,
            Some(_) => Self::Stop,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_move() {
        let expected = [
            (Move::Create, &["DELETE_COMPLETE", "REVIEW_IN_PROGRESS"][..]),
            (
                Move::Update,
                &[
                    "CREATE_COMPLETE",
                    "UPDATE_COMPLETE",
                    "UPDATE_ROLLBACK_COMPLETE",
                    "UPDATE_FAILED",
                    "IMPORT_COMPLETE",
                    "IMPORT_ROLLBACK_COMPLETE",
                ],
            ),
            (
                Move::Wait,
                &[
                    "CREATE_IN_PROGRESS",
                    "ROLLBACK_IN_PROGRESS",
                    "DELETE_IN_PROGRESS",
                    "UPDATE_IN_PROGRESS",
                    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
                    "UPDATE_ROLLBACK_IN_PROGRESS",
                    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
                    "IMPORT_IN_PROGRESS",
                    "IMPORT_ROLLBACK_IN_PROGRESS",
                ],
            ),
            (Move::Recreate, &["CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"]),
            (Move::Stop, &["UPDATE_ROLLBACK_FAILED", "IMPORT_ROLLBACK_FAILED"]),
        ];
        let mut known: Vec<_> = StackStatus::values().to_vec();
        for (expected, statuses) in expected {
            for status in statuses {
                assert_eq!(Move::from(Some(&StackStatus::from(*status))), expected, "{status}");
                known.retain(|other| other != status);
            }
        }
        assert_eq!(known, Vec::<&str>::new(), "statuses without a move");
        assert_eq!(Move::from(None), Move::Create);
    }
}
