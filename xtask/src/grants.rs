//! What the functions may do against what they did: after a run of all tests, no grant is left that nothing needed.

use std::collections::HashSet;

use anyhow::{Result, ensure};
use runvoy_api::infra::{API_FUNCTION, API_GRANTS, EVENTS_FUNCTION, EVENTS_GRANTS, Function, Grant};
use runvoy_sandbox::Layout;
use runvoy_sandbox::proxy::{Record, Use};

const FUNCTIONS: [(Function, &[Grant]); 2] = [(API_FUNCTION, API_GRANTS), (EVENTS_FUNCTION, EVENTS_GRANTS)];

/// Forgets what earlier runs used.
pub fn forget(layout: &Layout) -> Result<()> {
    match std::fs::remove_file(layout.used_grants()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Fails if a grant was never used, or if a function, or ECS for its task, was refused something.
pub fn check(layout: &Layout) -> Result<()> {
    let record = Record::read(&layout.used_grants())?;
    let (unused, refused) = (unused(&record), refused(&record));
    ensure!(unused.is_empty(), "no test needs these grants of the functions' roles:\n  {}", unused.join("\n  "));
    ensure!(refused.is_empty(), "the deployments' roles were refused what they asked for:\n  {}", refused.join("\n  "));
    Ok(())
}

fn unused(record: &HashSet<Use>) -> Vec<String> {
    let each = |(function, grants): (Function, &'static [Grant])| grants.iter().map(move |grant| (function, grant));
    let mut unused = Vec::new();
    for (function, grant) in FUNCTIONS.into_iter().flat_map(each) {
        let is_used = |wanted: &dyn Fn(&str, usize) -> bool| {
            record.iter().any(|line| match line {
                Use::Used { policy, sid, action, resource } => {
                    policy == function.suffix && sid == grant.sid && wanted(action, *resource)
                }
                Use::Denied { .. } => false,
            })
        };
        let actions = grant.actions.iter().filter(|action| !is_used(&|used, _| used == **action));
        unused.extend(actions.map(|action| format!("{}, {}: {action}", function.suffix, grant.sid)));
        let resources = (0..grant.resources.len()).filter(|at| !is_used(&|_, used| used == *at));
        unused.extend(resources.map(|at| format!("{}, {}: {}", function.suffix, grant.sid, grant.resources[at])));
    }
    unused
}

fn refused(record: &HashSet<Use>) -> Vec<String> {
    let names = [API_FUNCTION.logical, EVENTS_FUNCTION.logical, "TaskExecution"];
    let ours = |role: &str| names.iter().any(|name| role.contains(&format!("-{name}Role-")));
    let line = |line: &Use| match line {
        Use::Denied { role, action, resource } if ours(role) => Some(format!("{role}: {action} on {resource}")),
        _ => None,
    };
    record.iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everything() -> HashSet<Use> {
        let mut all = HashSet::new();
        for (function, grants) in FUNCTIONS {
            for grant in grants {
                for action in grant.actions {
                    all.extend((0..grant.resources.len()).map(|resource| Use::Used {
                        policy: function.suffix.to_owned(),
                        sid: grant.sid.to_owned(),
                        action: (*action).to_owned(),
                        resource,
                    }));
                }
            }
        }
        all
    }

    #[test]
    fn what_nothing_needs_is_named() {
        let all = everything();
        assert_eq!(unused(&all), [""; 0]);
        let is_stop = |line: &Use| matches!(line, Use::Used { policy, action, .. } if policy == "api" && action == "ecs:StopTask");
        let less = all.iter().filter(|line| !is_stop(line)).cloned().collect();
        assert_eq!(unused(&less), ["api, WatchAndStopTasks: ecs:StopTask"]);
        let second_role = |line: &Use| matches!(line, Use::Used { sid, resource: 1, .. } if sid == "PassTaskRoles");
        let less = all.into_iter().filter(|line| !second_role(line)).collect();
        assert_eq!(unused(&less).len(), 2);
    }

    #[test]
    fn refusals_count_only_for_the_functions() {
        let denied =
            |role: &str| Use::Denied { role: role.into(), action: "s3:GetObject".into(), resource: "*".into() };
        assert_eq!(refused(&[denied("f-Role-1")].into()), [""; 0]);
        assert_eq!(refused(&[denied("acme-ApiFunctionRole-1")].into()).len(), 1);
    }
}
