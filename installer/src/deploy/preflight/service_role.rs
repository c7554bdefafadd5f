//! The role that ECS works under. In an account that never used ECS it doesn't exist, and the first cluster fails on that.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Outcome, xml};
use crate::{
    aws::{Aws, CallError, Service},
    deploy::progress::Step,
    error::{Error, Result, ResultExt as _},
};

const ROLE: &str = "AWSServiceRoleForECS";
const PATH: &str = "/aws-service-role/ecs.amazonaws.com/";
const ECS: &str = "ecs.amazonaws.com";
/// How long a new role takes to show up at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether the role is there; that it is not is no failure, since init makes it.
pub async fn check(aws: &Aws) -> (Outcome, bool) {
    decide(&find(aws).await)
}

fn decide(found: &Result<bool, CallError>) -> (Outcome, bool) {
    match found {
        Ok(true) => (Outcome::Pass(format!("`{ROLE}` exists")), true),
        Ok(false) => (Outcome::Pass(format!("`{ROLE}` does not exist yet: it will be created first")), false),
        Err(error) => (Outcome::unread("iam:ListRoles", error), false),
    }
}

/// By its path, which is the service's own.
async fn find(aws: &Aws) -> Result<bool, CallError> {
    let reply = aws.query(Service::Iam, "ListRoles", &[("PathPrefix", PATH)]).await?;
    read(&reply).ok_or_else(|| CallError {
        code: "UnreadableReply".into(),
        message: "the answer lists no roles, not even none".into(),
        status: 200,
    })
}

fn read(reply: &str) -> Option<bool> {
    Some(!xml::entries(xml::parse(reply)?.root(), "Roles")?.is_empty())
}

/// Creates the role and waits until it can be seen. One that exists already is as good.
pub async fn create_service_linked_role(aws: &Aws, step: &Step) -> Result<()> {
    let hint = format!(
        "`aws iam create-service-linked-role --aws-service-name {ECS}` by somebody who may, then run this again"
    );
    let (start, mut pause) = (Instant::now(), Duration::from_millis(500));
    loop {
        match aws.query(Service::Iam, "CreateServiceLinkedRole", &[("AWSServiceName", ECS)]).await {
            Ok(_) => break,
            Err(error) if exists(&error) => return Ok(()),
            // It may have been made or not: asked again, AWS makes no second one.
            Err(error) if error.is_uncertain() && start.elapsed() < PATIENCE => sleep(pause).await,
            Err(error) => return Err(error).context(format!("can't create the role `{ROLE}`")).hint(hint),
        }
    }
    step.detail("waiting for AWS to show it");
    while !find(aws).await.context(format!("can't see whether the role `{ROLE}` is there"))? {
        if start.elapsed() >= PATIENCE {
            let problem = format!("the role `{ROLE}` did not show up within {} seconds", PATIENCE.as_secs());
            return Err(Error::new(problem).hint(hint));
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
    Ok(())
}

/// Somebody was faster: the code is a general one, so the message has to tell.
fn exists(error: &CallError) -> bool {
    error.code == "InvalidInput" && error.message.contains("has been taken")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str, message: &str) -> CallError {
        CallError { code: code.into(), message: message.into(), status: 400 }
    }

    #[test]
    fn a_missing_role_is_announced_and_an_unseen_one_unknown() {
        assert!(decide(&Ok(true)).1);
        let (outcome, there) = decide(&Ok(false));
        assert!(matches!(outcome, Outcome::Pass(text) if text.contains("will be created")) && !there);
        let (outcome, there) = decide(&Err(error("AccessDenied", "")));
        assert!(matches!(outcome, Outcome::Unknown { .. }) && !there);
    }

    #[test]
    fn only_a_list_tells_whether_the_role_is_there() {
        let list = |roles: &str| read(&format!(r#"<R xmlns="https://iam.amazonaws.com/doc/2010-05-08/">{roles}</R>"#));
        assert_eq!(list("<Roles><member><RoleName>x</RoleName></member></Roles>"), Some(true));
        assert_eq!(list("<Roles/>"), Some(false));
        assert_eq!(list(""), None);
    }

    #[test]
    fn a_role_that_somebody_else_made_is_no_error() {
        let taken =
            "Service role name AWSServiceRoleForECS has been taken in this account, please try a different suffix.";
        assert!(exists(&error("InvalidInput", taken)));
        assert!(!exists(&error("InvalidInput", "Service is not supported")));
    }
}
