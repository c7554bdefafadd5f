//! What one user's commands may be, beyond what their role allows. Rules on the launch, checked against the key's own
//! row as it was just read: a change counts from the next request on.

use serde::{Deserialize, Serialize};

use crate::{argv, error::Invalid, execution::Execution, infra::DEFAULT_TASK_ROLE, repo::Remote, timeout::Timeout};

/// The rules for one user. What is left out is not restricted.
///
/// Patterns of names take `*` for any run of characters; patterns of commands are explained at [`Policy::commands`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The images that may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<String>>,
    /// The locks that may be taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locks: Option<Vec<String>>,
    /// The task roles that commands may run under; [`DEFAULT_TASK_ROLE`] is the usual one. Where this is one name, it is
    /// also what they run under unless they say otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_roles: Option<Vec<String>>,
    /// Nothing runs without a lock.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_lock: bool,
    /// The longest timeout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_timeout: Option<Timeout>,
    /// Units of 1/1024 vCPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cpu: Option<u32>,
    /// MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_memory: Option<u32>,
    /// How many of the user's executions may be under way at once, those that wait for a lock included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_running: Option<usize>,
    /// The commands that may be run, as words: `terraform plan **`. `*` stands for one word, `**` at the end for any
    /// number. They run without a shell, word by word: patterns over a shell's text would be no boundary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<Vec<String>>,
    /// The repositories that may be run from, such as `github.com/acme/*`. With them, nothing runs from an upload, which
    /// could be anything. With `commands`, no repository unless it is here: what is in it decides what they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repositories: Option<Vec<String>>,
    /// The aliases of the secrets that may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Vec<String>>,
    /// The names of the environment variables that may be set. With `commands`, none unless they are here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<Vec<String>>,
}

/// A rule that a launch breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The rule, as the policy spells it.
    pub rule: &'static str,
    /// What it says, and what was asked for.
    pub message: String,
}

impl Refusal {
    fn new(rule: &'static str, message: impl Into<String>) -> Self {
        Self { rule, message: message.into() }
    }
}

impl Policy {
    /// Checks that the rules make sense together.
    pub fn validate(&self) -> Result<(), Invalid> {
        let lists = [
            ("images", &self.images),
            ("locks", &self.locks),
            ("task_roles", &self.task_roles),
            ("env", &self.env),
            ("repositories", &self.repositories),
            ("secrets", &self.secrets),
        ];
        for (name, list) in lists {
            if list.iter().flatten().any(|pattern| pattern.is_empty() || pattern.len() > 512) {
                return Err(Invalid::new(name, "has a pattern that is empty or longer than 512 bytes"));
            }
        }
        let Some(commands) = &self.commands else { return Ok(()) };
        if self.images.is_none() {
            let problem = "needs `images`: in an image of their own anybody can call anything `terraform`";
            return Err(Invalid::new("commands", problem));
        }
        for pattern in commands {
            let first = pattern.split_whitespace().next().unwrap_or_default();
            if first.is_empty() || first.starts_with(['*', '-']) {
                let shown = pattern.escape_debug();
                return Err(Invalid::new("commands", format!("has a pattern without a command's name: `{shown}`")));
            }
        }
        Ok(())
    }

    /// The task role of a command that names none, where this says it.
    pub fn task_role(&self) -> Option<&str> {
        match self.task_roles.as_deref() {
            Some([only]) if !only.contains('*') && only != DEFAULT_TASK_ROLE => Some(only),
            _ => None,
        }
    }

    /// Checks a launch, and tells how its command is to be run where it must not go through a shell.
    pub fn check<'a>(
        &self,
        execution: &'a Execution,
        env: impl Iterator<Item = &'a String>,
    ) -> Result<Option<String>, Refusal> {
        let refuse =
            |rule, what: String| Err(Refusal::new(rule, format!("your policy's `{rule}` does not allow {what}")));
        if !allows(self.images.as_ref(), &execution.image) {
            return refuse("images", format!("the image `{}`", execution.image));
        }
        let role = execution.task_role.as_deref().unwrap_or(DEFAULT_TASK_ROLE);
        if !allows(self.task_roles.as_ref(), role) {
            return refuse("task_roles", format!("the task role `{role}`"));
        }
        match &execution.lock_name {
            None if self.require_lock => return refuse("require_lock", "a run without a lock".to_owned()),
            Some(lock) if !allows(self.locks.as_ref(), lock) => return refuse("locks", format!("the lock `{lock}`")),
            _ => {}
        }
        let limits = [
            ("max_timeout", self.max_timeout.map(Timeout::seconds), execution.timeout_seconds, "seconds"),
            ("max_cpu", self.max_cpu, execution.cpu, "units of CPU"),
            ("max_memory", self.max_memory, execution.memory, "MiB of memory"),
        ];
        for (rule, most, asked, unit) in limits {
            if let Some(most) = most.filter(|most| asked > *most) {
                return refuse(rule, format!("{asked} {unit}: at most {most}"));
            }
        }
        let nothing = Vec::new();
        let unless_listed = |list: &'_ Option<Vec<String>>| match list {
            None if self.commands.is_some() => Some(nothing.clone()),
            list => list.clone(),
        };
        let (names, repositories) = (unless_listed(&self.env), unless_listed(&self.repositories));
        if let Some(name) = env.chain(execution.secrets.keys()).find(|name| !allows(names.as_ref(), name)) {
            return refuse("env", format!("the variable `{name}`"));
        }
        if execution.upload.is_some() && repositories.is_some() {
            return refuse("repositories", "an upload, which could be anything".to_owned());
        }
        let remote = execution.repo.as_deref().and_then(|url| Remote::parse(url).ok());
        if let Some(remote) = remote.filter(|remote| !allows(repositories.as_ref(), &remote.name)) {
            return refuse("repositories", format!("the repository `{}`", remote.name));
        }
        if let Some(alias) = execution.secrets.values().find(|alias| !allows(self.secrets.as_ref(), alias)) {
            return refuse("secrets", format!("the secret `{alias}`"));
        }
        self.commands.as_deref().map(|patterns| without_shell(patterns, &execution.command)).transpose()
    }
}

fn without_shell(patterns: &[String], command: &str) -> Result<String, Refusal> {
    let words = argv::split(command).map_err(|problem| {
        Refusal::new("commands", format!("your policy's `commands` run without a shell, so the command {problem}"))
    })?;
    if !patterns.iter().any(|pattern| matches_words(pattern, &words)) {
        let known = patterns.join("`, `");
        let message = format!("your policy's `commands` do not allow `{}`: only `{known}`", words.join(" "));
        return Err(Refusal::new("commands", message));
    }
    Ok(argv::without_shell(&words))
}

fn matches_words(pattern: &str, words: &[String]) -> bool {
    let pattern: Vec<&str> = pattern.split_whitespace().collect();
    let (pattern, open) = match pattern.split_last() {
        Some((&"**", rest)) => (rest, true),
        _ => (&*pattern, false),
    };
    let long_enough = if open { words.len() >= pattern.len() } else { words.len() == pattern.len() };
    long_enough && pattern.iter().zip(words).all(|(pattern, word)| *pattern == "*" || pattern == word)
}

fn allows(patterns: Option<&Vec<String>>, name: &str) -> bool {
    patterns.is_none_or(|patterns| patterns.iter().any(|pattern| matches(pattern, name)))
}

/// `*` stands for any run of characters, everything else for itself.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(start) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upload::UploadRef;
    use serde_json::json;

    fn execution(command: &str) -> Execution {
        serde_json::from_value(json!({
            "execution_id": "exec_20251026143210_a1b2c3", "status": "starting", "user_email": "a@example.com",
            "command": command, "image": "team/tool:1", "lock_name": "prod/db", "started_at": "2025-10-26T14:32:10Z",
            "cpu": 1024, "memory": 2048, "timeout_seconds": 3600,
            "repo": "git@github.com:acme/infra.git", "secrets": {"DB": "db-prod"}
        }))
        .unwrap()
    }

    fn policy(json: serde_json::Value) -> Policy {
        serde_json::from_value(json).unwrap()
    }

    fn rule(rules: serde_json::Value, command: &str, env: &[&str]) -> Option<&'static str> {
        let env: Vec<String> = env.iter().map(|name| (*name).to_owned()).collect();
        policy(rules).check(&execution(command), env.iter()).err().map(|refusal| refusal.rule)
    }

    #[test]
    fn each_rule_refuses_by_its_name() {
        let cases = [
            (json!({}), None),
            (json!({"images": ["team/*"], "locks": ["prod/*"], "require_lock": true, "max_timeout": "1h"}), None),
            (json!({"images": ["alpine", "team/tool:2"]}), Some("images")),
            (json!({"images": []}), Some("images")),
            (json!({"locks": ["staging*"]}), Some("locks")),
            (json!({"max_timeout": "59m"}), Some("max_timeout")),
            (json!({"max_cpu": 512}), Some("max_cpu")),
            (json!({"max_memory": 1024}), Some("max_memory")),
            (json!({"task_roles": ["deploy", "ops*"]}), Some("task_roles")),
            (json!({"task_roles": ["default"]}), None),
            (json!({"env": ["STAGE"]}), Some("env")),
            (json!({"env": ["ST*", "PATH", "DB"]}), None),
            (json!({"env": ["STAGE", "PATH"]}), Some("env")),
            (json!({"repositories": ["github.com/acme/*"], "secrets": ["db-*"]}), None),
            (json!({"repositories": ["github.com/other/*"]}), Some("repositories")),
            (json!({"repositories": []}), Some("repositories")),
            (json!({"secrets": ["other"]}), Some("secrets")),
        ];
        for (rules, expected) in cases {
            assert_eq!(rule(rules.clone(), "true", &["STAGE", "PATH"]), expected, "{rules}");
        }
        let unlocked = Execution { lock_name: None, ..execution("true") };
        let refusal = policy(json!({"require_lock": true})).check(&unlocked, [].iter()).unwrap_err();
        assert_eq!(refusal.rule, "require_lock");
    }

    #[test]
    fn one_task_role_is_everybodys() {
        let role = |rules| policy(rules).task_role().map(str::to_owned);
        assert_eq!(role(json!({"task_roles": ["deploy"]})).as_deref(), Some("deploy"));
        for rules in
            [json!({}), json!({"task_roles": ["a", "b"]}), json!({"task_roles": ["a*"]}), json!({"task_roles": []})]
        {
            assert_eq!(role(rules.clone()), None, "{rules}");
        }
        let deploys = Execution { task_role: Some("deploy".into()), ..execution("true") };
        assert!(policy(json!({"task_roles": ["deploy"]})).check(&deploys, [].iter()).is_ok());
        assert!(policy(json!({"task_roles": ["default"]})).check(&deploys, [].iter()).is_err());
    }

    #[test]
    fn commands_are_words_not_shell_text() {
        let known = json!(["github.com/acme/infra"]);
        let commands = ["terraform plan **", "make *", "true"];
        let rules = || json!({"images": ["*"], "env": ["DB"], "repositories": known, "commands": commands});
        for allowed in ["true", "terraform plan", "terraform plan -out 'a b'", "make 'x; y'"] {
            assert_eq!(rule(rules(), allowed, &[]), None, "{allowed}");
        }
        for refused in [
            "false",
            "true x",
            "terraform apply",
            "make",
            "make a b",
            "true; id",
            "true $(id)",
            "true\nid",
            "make `id`",
        ] {
            assert_eq!(rule(rules(), refused, &[]), Some("commands"), "{refused}");
        }
        // A variable such as PATH or LD_PRELOAD would make another command of it.
        assert_eq!(rule(rules(), "true", &["PATH"]), Some("env"));
        // Code that nobody vouches for would, too.
        let mut unlisted = rules();
        unlisted.as_object_mut().unwrap().remove("repositories");
        assert_eq!(rule(unlisted, "true", &[]), Some("repositories"));
        let upload = UploadRef { sha256: "0a".repeat(32), size: 1 };
        let uploaded = Execution { repo: None, upload: Some(upload), ..execution("true") };
        assert_eq!(policy(rules()).check(&uploaded, [].iter()).unwrap_err().rule, "repositories");
        let make = execution("make 'it'\"'s\"");
        let run = policy(rules()).check(&make, [].iter()).unwrap();
        assert_eq!(run.as_deref(), Some(r"exec 'make' 'it'\''s'"));
    }

    #[test]
    fn rules_that_protect_nothing_are_refused() {
        for rules in
            [json!({"commands": ["true"]}), json!({"images": ["*"], "commands": ["* x"]}), json!({"locks": [""]})]
        {
            assert!(policy(rules.clone()).validate().is_err(), "{rules}");
        }
        assert!(serde_json::from_value::<Policy>(json!({"image": ["alpine"]})).is_err(), "a typo restricts nothing");
    }

    #[test]
    fn stars_match_runs() {
        for (pattern, name, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXcYb", false),
            ("a*a", "a", false),
            ("prod/*", "prodx", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
