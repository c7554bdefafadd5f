//! The settings that admins change while the deployment runs.

use serde::{Deserialize, Serialize};

use crate::{error::Invalid, image, timeout::Timeout};

/// Reply of `GET /config`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// New executions are refused; those under way go on.
    #[serde(default)]
    pub draining: bool,
    /// Every member reads every log, not only their own.
    #[serde(default)]
    pub shared_logs: bool,
    /// The image of executions that name none; the deployment's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_image: Option<String>,
    /// The timeout of executions that name none; [`Timeout::DEFAULT`] if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_timeout: Option<Timeout>,
    /// How many executions of one user may be under way at once; any number if absent. A user's policy overrides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_running: Option<usize>,
    /// For how many seconds after a command's end its log is not taken for whole; [`Config::LOG_GRACE`] if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_grace: Option<u32>,
}

/// Body of `PATCH /config`: what is absent stays, and `null` takes a setting away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigChange {
    /// See [`Config::draining`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draining: Option<bool>,
    /// See [`Config::shared_logs`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_logs: Option<bool>,
    /// See [`Config::default_image`].
    #[serde(default, deserialize_with = "crate::present", skip_serializing_if = "Option::is_none")]
    pub default_image: Option<Option<String>>,
    /// See [`Config::default_timeout`].
    #[serde(default, deserialize_with = "crate::present", skip_serializing_if = "Option::is_none")]
    pub default_timeout: Option<Option<Timeout>>,
    /// See [`Config::max_running`].
    #[serde(default, deserialize_with = "crate::present", skip_serializing_if = "Option::is_none")]
    pub max_running: Option<Option<usize>>,
    /// See [`Config::log_grace`].
    #[serde(default, deserialize_with = "crate::present", skip_serializing_if = "Option::is_none")]
    pub log_grace: Option<Option<u32>>,
}

impl Config {
    /// CloudWatch shows lines up to this many seconds late. Fargate itself takes most of that time to tell of an end.
    pub const LOG_GRACE: u32 = 15;
    /// The most that can be set.
    pub const MAX_LOG_GRACE: u32 = 300;

    /// The settings after this change.
    pub fn with(self, change: ConfigChange) -> Result<Self, Invalid> {
        if let Some(Some(new)) = &change.default_image {
            image::validate(new).map_err(|invalid| Invalid::new("default_image", invalid.problem))?;
        }
        if change.log_grace.flatten().is_some_and(|seconds| seconds > Self::MAX_LOG_GRACE) {
            return Err(Invalid::new("log_grace", format!("must be at most {} seconds", Self::MAX_LOG_GRACE)));
        }
        Ok(Self {
            draining: change.draining.unwrap_or(self.draining),
            shared_logs: change.shared_logs.unwrap_or(self.shared_logs),
            default_image: change.default_image.unwrap_or(self.default_image),
            default_timeout: change.default_timeout.unwrap_or(self.default_timeout),
            max_running: change.max_running.unwrap_or(self.max_running),
            log_grace: change.log_grace.unwrap_or(self.log_grace),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn absent_stays_and_null_takes_away() {
        let change = |json| serde_json::from_value::<ConfigChange>(json).unwrap();
        let config = Config { max_running: Some(3), shared_logs: true, ..Config::default() };
        let changed = config.clone().with(change(json!({"draining": true}))).unwrap();
        assert_eq!(changed, Config { draining: true, ..config.clone() });
        assert_eq!(config.clone().with(change(json!({"max_running": null}))).unwrap().max_running, None);
        assert!(config.with(change(json!({"default_image": "a b"}))).is_err());
        assert!(serde_json::from_value::<ConfigChange>(json!({"drain": true})).is_err());
    }
}
