use std::collections::BTreeMap;

/// What a script says about the account and its caller.
#[derive(Debug, Clone)]
pub(in crate::proxy) struct Account {
    /// The role that the caller has assumed.
    pub role: Option<String>,
    /// What that role may not do.
    pub denied: Vec<String>,
    quotas: BTreeMap<String, f64>,
}

/// The quotas of a fresh account that matter here.
impl Default for Account {
    fn default() -> Self {
        let quotas = [("L-F678F1CE", 5.0), ("L-3032A538", 6.0), ("L-36FBB829", 6.0), (LAMBDA_CONCURRENCY, 10.0)];
        let quotas = quotas.map(|(code, value)| (code.to_owned(), value)).into();
        Self { role: None, denied: Vec::new(), quotas }
    }
}

/// Concurrent executions of all functions.
pub(in crate::proxy) const LAMBDA_CONCURRENCY: &str = "L-B99A9384";

impl Account {
    pub fn quota(&self, code: &str) -> Option<f64> {
        self.quotas.get(code).copied()
    }

    pub(super) fn assume(&mut self, role: &str, denied: &[&str]) {
        self.role = Some(role.to_owned());
        self.denied = denied.iter().map(|action| (*action).to_owned()).collect();
    }

    pub(super) fn set_quota(&mut self, code: &str, value: f64) {
        self.quotas.insert(code.to_owned(), value);
    }
}
