//! Which changes AWS takes in which status of a stack. The engine takes more.

/// What is asked of a stack.
pub(super) struct Asked<'a> {
    pub action: &'a str,
    /// `CREATE`, `UPDATE` or `IMPORT`, of a change set.
    pub kind: &'a str,
    pub name: &'a str,
    pub id: &'a str,
    /// As the caller sees it; none if there is no such stack.
    pub status: Option<&'a str>,
    /// Whether a deletion is to leave behind what it stumbles over.
    pub lets_go: bool,
}

/// The statuses in which a stack can be updated.
const UPDATABLE: [&str; 7] = [
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
    // What was kept on a failure can be mended.
    "CREATE_FAILED",
    "UPDATE_FAILED",
];

impl Asked<'_> {
    /// Code and message of the refusal. A stack that does not exist is the engine's to refuse.
    pub fn refusal(&self) -> Option<(&'static str, String)> {
        let Self { action, kind, name, id, .. } = self;
        let status = self.status.filter(|status| *status != "DELETE_COMPLETE")?;
        let creates = *action == "CreateStack" || (*action == "CreateChangeSet" && *kind == "CREATE");
        let reviewed = status == "REVIEW_IN_PROGRESS";
        let busy =
            ["UPDATE_", "IMPORT_"].iter().any(|verb| status.starts_with(verb)) && status.ends_with("_IN_PROGRESS");
        let state = |possible: bool| {
            (!possible).then(|| ("ValidationError", format!("{action} cannot be called from current stack status")))
        };
        match *action {
            _ if creates && reviewed && *action == "CreateChangeSet" => None,
            _ if creates => Some(("AlreadyExistsException", format!("Stack [{name}] already exists"))),
            "ExecuteChangeSet" if reviewed => None,
            "CreateChangeSet" | "UpdateStack" | "ExecuteChangeSet" if !UPDATABLE.contains(&status) => {
                Some(("ValidationError", format!("Stack:{id} is in {status} state and can not be updated.")))
            }
            "DeleteStack" if busy => {
                Some(("ValidationError", format!("Stack [{id}] cannot be deleted while in status {status}")))
            }
            "DeleteStack" if self.lets_go && status != "DELETE_FAILED" => {
                Some(("ValidationError", format!("Stack [{id}] is not in the DELETE_FAILED state")))
            }
            "ContinueUpdateRollback" => state(status == "UPDATE_ROLLBACK_FAILED"),
            "CancelUpdateStack" => state(status == "UPDATE_IN_PROGRESS"),
            "RollbackStack" => state(matches!(status, "CREATE_FAILED" | "UPDATE_FAILED")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(action: &str, kind: &str, status: &str) -> bool {
        Asked { action, kind, name: "s", id: "arn", status: Some(status), lets_go: false }.refusal().is_some()
    }

    #[test]
    fn only_after_a_failure_a_deletion_may_let_go() {
        let refused = |status| {
            let asked =
                Asked { action: "DeleteStack", kind: "", name: "s", id: "arn", status: Some(status), lets_go: true };
            asked.refusal().is_some()
        };
        assert!(refused("CREATE_COMPLETE") && !refused("DELETE_FAILED"));
    }

    #[test]
    fn a_stack_takes_what_its_status_allows() {
        for (action, kind, status) in [
            ("CreateChangeSet", "CREATE", "ROLLBACK_COMPLETE"),
            ("CreateChangeSet", "UPDATE", "UPDATE_IN_PROGRESS"),
            ("ExecuteChangeSet", "", "UPDATE_ROLLBACK_FAILED"),
            ("UpdateStack", "", "REVIEW_IN_PROGRESS"),
            ("DeleteStack", "", "UPDATE_ROLLBACK_IN_PROGRESS"),
            ("ContinueUpdateRollback", "", "UPDATE_ROLLBACK_COMPLETE"),
            ("CancelUpdateStack", "", "UPDATE_COMPLETE"),
            ("RollbackStack", "", "CREATE_COMPLETE"),
        ] {
            assert!(refused(action, kind, status), "{action} {kind} {status}");
        }
        for (action, kind, status) in [
            ("CreateChangeSet", "CREATE", "REVIEW_IN_PROGRESS"),
            ("CreateChangeSet", "CREATE", "DELETE_COMPLETE"),
            ("CreateChangeSet", "UPDATE", "UPDATE_FAILED"),
            ("ExecuteChangeSet", "", "REVIEW_IN_PROGRESS"),
            ("DeleteStack", "", "CREATE_IN_PROGRESS"),
            ("DeleteStack", "", "DELETE_FAILED"),
            ("ContinueUpdateRollback", "", "UPDATE_ROLLBACK_FAILED"),
            ("CancelUpdateStack", "", "UPDATE_IN_PROGRESS"),
        ] {
            assert!(!refused(action, kind, status), "{action} {kind} {status}");
        }
    }
}
