//! Whether both functions run the code that was uploaded.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use runvoy_api::{
    infra::{API_FUNCTION, EVENTS_FUNCTION, name, prefix},
    key::hex,
};
use serde::Deserialize;

use super::{PATIENCE, Patience};
use crate::{
    aws::{Aws, Service},
    deploy::progress::Step,
    error::{Error, Result, ResultExt as _},
};

/// What Lambda says about a function (`GetFunctionConfiguration`).
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Configuration {
    code_sha256: String,
    state: Option<String>,
    state_reason: Option<String>,
    last_update_status: Option<String>,
    last_update_status_reason: Option<String>,
}

/// Where a function stands.
#[derive(Debug, PartialEq)]
enum Standing {
    Ready,
    /// It may become ready.
    NotYet(String),
    /// It never will.
    Broken(String),
}

/// Waits until both functions are ready and run the zip with this hash.
pub(super) async fn check(aws: &Aws, deployment: &str, sha256: &[u8; 32], step: &Step) -> Result<()> {
    let functions = [API_FUNCTION, EVENTS_FUNCTION].map(|function| format!("{deployment}-{}", function.suffix));
    let [api, events] = &functions;
    tokio::try_join!(one(aws, deployment, api, sha256, step), one(aws, deployment, events, sha256, step)).map(drop)
}

async fn one(aws: &Aws, deployment: &str, function: &str, sha256: &[u8; 32], step: &Step) -> Result<()> {
    let mut patience = Patience::new(PATIENCE);
    loop {
        let problem = match look(aws, function, sha256).await? {
            Standing::Ready => return Ok(()),
            Standing::NotYet(problem) => problem,
            Standing::Broken(problem) => return Err(Error::new(problem).hint("run the same command again")),
        };
        let (bucket, key) = (name::bucket(deployment, &aws.account, &aws.region), hex(sha256));
        let problem = Error::new(problem).hint(format!(
            "if somebody changed it by hand, this takes it back: `aws lambda update-function-code --region {} \
             --function-name {function} --s3-bucket {bucket} --s3-key {}{key}.zip`",
            aws.region,
            prefix::ARTIFACTS
        ));
        patience.wait(step, problem).await?;
    }
}

async fn look(aws: &Aws, function: &str, sha256: &[u8; 32]) -> Result<Standing> {
    let path = format!("/2015-03-31/functions/{function}/configuration");
    let reply = match aws.rest(Service::Lambda, Method::GET, &path, None).await {
        Ok(reply) => reply,
        Err(error) if matches!(error.status, 0 | 404 | 429 | 500..) => return Ok(Standing::NotYet(error.to_string())),
        Err(error) => return Err(error).context(format!("can't look at the function `{function}`")),
    };
    let configuration: Configuration = serde_json::from_value(reply)?;
    Ok(configuration.standing(function, &STANDARD.encode(sha256)))
}

impl Configuration {
    /// By Lambda's state machine: <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>. A function that was
    /// idle for long is `Inactive`, and wakes up when it is called.
    fn standing(self, function: &str, wanted: &str) -> Standing {
        let because = |reason: Option<String>| reason.map_or(String::new(), |reason| format!(": {reason}"));
        match (self.state.as_deref(), self.last_update_status.as_deref()) {
            (Some("Failed"), _) => {
                Standing::Broken(format!("the function `{function}` can't run{}", because(self.state_reason)))
            }
            (_, Some("Failed")) => {
                let reason = because(self.last_update_status_reason);
                Standing::Broken(format!("the function `{function}` could not be updated{reason}"))
            }
            (Some("Pending"), _) | (_, Some("InProgress")) => {
                Standing::NotYet(format!("the function `{function}` is being set up"))
            }
            _ if self.code_sha256 != wanted => {
                Standing::NotYet(format!("the function `{function}` runs other code than was uploaded"))
            }
            _ => Standing::Ready,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(json: serde_json::Value) -> Standing {
        serde_json::from_value::<Configuration>(json).unwrap().standing("f", "hash")
    }

    #[test]
    fn a_function_is_ready_when_it_runs_the_uploaded_code() {
        use serde_json::json;
        let ready = json!({"CodeSha256": "hash", "State": "Active", "LastUpdateStatus": "Successful", "Timeout": 3});
        assert_eq!(standing(ready), Standing::Ready);
        assert_eq!(standing(json!({"CodeSha256": "hash", "State": "Inactive"})), Standing::Ready);
        let not_yet = [
            json!({"CodeSha256": "other", "State": "Active", "LastUpdateStatus": "Successful"}),
            json!({"CodeSha256": "hash", "State": "Pending"}),
            json!({"CodeSha256": "hash", "State": "Active", "LastUpdateStatus": "InProgress"}),
        ];
        for json in not_yet {
            assert!(matches!(standing(json.clone()), Standing::NotYet(_)), "{json}");
        }
        let failed = json!({"CodeSha256": "hash", "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "no role"});
        let Standing::Broken(problem) = standing(failed) else { panic!("not broken") };
        assert!(problem.ends_with("no role"), "{problem}");
        assert!(matches!(standing(json!({"CodeSha256": "hash", "State": "Failed"})), Standing::Broken(_)));
    }
}
