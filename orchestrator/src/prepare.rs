//! What a container does before the command's: bring its code, or the command itself where that is long.
//!
//! It runs `executor-image/scripts/prepare.sh` on a volume that both containers share.

use std::time::Duration;

use runvoy_api::{execution::Execution, infra::prepare_env as env};
use serde::{Deserialize, Serialize};

use crate::{app::App, observe::TaskView, store::uploads};

/// How long an object's address is good for: an image is pulled before it is used.
const ADDRESS_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The longest address that the function signs, with its session's token, in characters.
const ADDRESS_CHARACTERS: usize = 2048;

/// The container's work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepare {
    environment: Vec<(String, String)>,
    /// Objects that it fetches, each with the variable that its address goes to. An address is as good as a key, so none
    /// is on record: it is signed when the task is asked for.
    objects: Vec<(String, String)>,
}

impl Prepare {
    /// What the execution's code takes, if it has any.
    pub fn of(execution: &Execution) -> Option<Self> {
        let mut prepare = Self::default();
        if let Some(repo) = &execution.repo {
            prepare.set(env::REPO, repo);
            execution.git_ref.iter().for_each(|name| prepare.set(env::REF, name));
            for (name, asked) in [(env::SUBMODULES, execution.submodules), (env::LFS, execution.lfs)] {
                if asked {
                    prepare.set(name, "true");
                }
            }
        }
        if let Some(upload) = &execution.upload {
            prepare.fetch(env::UPLOAD_URL, &uploads::key(&execution.user_email, upload));
            prepare.set(env::UPLOAD_SHA256, &upload.sha256);
        }
        execution.path.iter().for_each(|path| prepare.set(env::PATH, path));
        (prepare != Self::default()).then_some(prepare)
    }

    /// With the command that was put at this key.
    pub fn with_command(mut self, key: &str, sha256: &str) -> Self {
        self.fetch(env::COMMAND_URL, key);
        self.set(env::COMMAND_SHA256, sha256);
        self
    }

    fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    fn fetch(&mut self, name: &str, key: &str) {
        self.objects.push((name.to_owned(), key.to_owned()));
    }

    /// Its variables, objects' addresses included.
    pub fn variables(&self, app: &App) -> anyhow::Result<Vec<(String, String)>> {
        let address = |(name, key): &(String, String)| {
            anyhow::Ok((name.clone(), uploads::presigned_get(app, key, ADDRESS_LIFETIME)?))
        };
        let addresses: Vec<_> = self.objects.iter().map(address).collect::<Result<_, _>>()?;
        Ok([self.environment.clone(), addresses].concat())
    }

    /// Its variables with the longest addresses that there may be.
    pub fn longest(&self) -> Vec<(String, String)> {
        let address = |(name, _): &(String, String)| (name.clone(), "x".repeat(ADDRESS_CHARACTERS));
        [self.environment.clone(), self.objects.iter().map(address).collect()].concat()
    }
}

/// Why there was nothing to run, if there was not. The script's exit codes are its own; its log has the details.
pub fn failure(task: &TaskView) -> Option<String> {
    let container = task.prepare()?;
    let words = match container.exit_code {
        Some(0) => return None,
        Some(10) => "git can't read the repository: it does not exist, or no credential for it is set",
        Some(11) => "the repository has no such branch, tag or commit",
        Some(12) => "the repository's host does not have the key that is on record for it",
        Some(13) => "the repository's host can't be reached",
        Some(14) => "the repository's submodules can't be fetched",
        Some(15) => "the repository's large files can't be fetched",
        Some(16) => "the upload can't be downloaded",
        Some(17) => "the upload is not the one that was announced",
        Some(18) => "the upload was refused: it leads out of its directory, is too large, or is no tar.gz",
        Some(19) => "it took longer than 10 minutes",
        Some(20 | 28) => "the task's disk is full: run it with more `--disk`",
        Some(21) => "the git credential can't be used: an admin must set it again",
        Some(22) => "the command can't be downloaded",
        Some(23) => "the command is not the one that was announced",
        Some(24) => "there is no such `path` in the code",
        Some(127) => {
            "the image that prepares it has no /bin/sh: an admin names another by `runvoy init --executor-image`"
        }
        Some(137) => "it was killed, probably for want of memory: run it with more `--memory`",
        Some(code) => return Some(format!("the code could not be prepared: exit code {code}")),
        None => {
            let reason = container.reason.as_deref().filter(|reason| !reason.is_empty());
            let reason = reason.map_or_else(|| "ECS gave no reason".to_owned(), crate::ending::in_words);
            return Some(format!("the code could not be prepared: {reason}"));
        }
    };
    Some(format!("the code could not be prepared: {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn execution(more: serde_json::Value) -> Execution {
        let mut execution = json!({
            "execution_id": "exec_20251026143210_a1b2c3", "status": "starting", "user_email": "a@example.com",
            "command": "true", "image": "alpine", "started_at": "2025-10-26T14:32:10Z", "cpu": 1024, "memory": 2048,
            "timeout_seconds": 60
        });
        execution.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(execution).unwrap()
    }

    #[test]
    fn an_address_is_on_no_record() {
        let upload = json!({"sha256": "0a".repeat(32), "size": 5});
        let prepare = Prepare::of(&execution(json!({"upload": upload, "path": "prod"}))).unwrap();
        let variables = prepare.variables(&App::for_tests()).unwrap();
        let url = &variables.iter().find(|(name, _)| name == env::UPLOAD_URL).unwrap().1;
        let signature = url.split("X-Amz-Signature=").nth(1).unwrap();
        assert!(!serde_json::to_string(&prepare).unwrap().contains(signature));
        assert!(url.len() < ADDRESS_CHARACTERS / 2, "{url}");
        assert!(variables.contains(&(env::PATH.to_owned(), "prod".to_owned())));
    }

    #[test]
    fn what_needs_nothing_has_none() {
        assert_eq!(Prepare::of(&execution(json!({}))), None);
        let repo = json!({"repo": "https://github.com/acme/infra", "ref": "main", "lfs": true});
        let variables = Prepare::of(&execution(repo)).unwrap().longest();
        let names: Vec<_> = variables.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, [env::REPO, env::REF, env::LFS]);
    }

    #[test]
    fn every_code_of_the_script_has_words() {
        let script = include_str!("../../executor-image/scripts/prepare.sh");
        let codes = script.split("fail ").skip(1).filter_map(|rest| rest.split(' ').next()?.parse::<i32>().ok());
        // These two are counted on from the codes of what they are about.
        for code in codes.chain([17, 23]) {
            let task = serde_json::from_value(json!({"containers": [{"name": "prepare", "exitCode": code}]})).unwrap();
            let reason = failure(&task).unwrap();
            assert!(!reason.contains("exit code"), "{code}: {reason}");
        }
    }
}
