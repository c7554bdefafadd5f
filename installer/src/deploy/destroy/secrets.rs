//! Secrets that the API has made: no template knows of them.

use serde_json::json;

use super::Site;
use crate::{
    aws::Service,
    error::{Result, ResultExt as _},
};

/// How often a deletion is tried whose outcome is not known.
const TRIES: usize = 5;

/// The names of all secrets under this prefix, those too that only wait for their end.
pub async fn under(site: Site<'_>, prefix: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut token = None;
    loop {
        let mut body = json!({
            "Filters": [{ "Key": "name", "Values": [prefix] }], "IncludePlannedDeletion": true, "MaxResults": 100,
        });
        if let Some(token) = token {
            body["NextToken"] = token;
        }
        let mut page = site.aws.json(Service::SecretsManager, "secretsmanager.ListSecrets", &body).await;
        let page = page.as_mut().map_err(|error| error.clone()).context("can't list the secrets")?;
        let secrets = page["SecretList"].as_array().map(Vec::as_slice).unwrap_or_default();
        let all = secrets.iter().filter_map(|secret| secret["Name"].as_str());
        // AWS does not mind upper and lower case in filters.
        names.extend(all.filter(|name| name.starts_with(prefix)).map(str::to_owned));
        token = match page["NextToken"].take() {
            serde_json::Value::String(next) if !next.is_empty() => Some(next.into()),
            _ => return Ok(names),
        };
    }
}

/// Those that were made while the deployment ran: users', git's and registries'.
pub async fn find(site: Site<'_>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for kind in ["user", "git", "registry"] {
        found.extend(under(site, &format!("{}/{kind}/", site.deployment)).await?);
    }
    Ok(found)
}

/// Deletes them at once and for good: with a recovery window, their names would stay taken for weeks.
pub async fn remove(site: Site<'_>, names: &[String]) -> Result<usize> {
    for name in names {
        let body = json!({ "SecretId": name, "ForceDeleteWithoutRecovery": true });
        let mut tries = 1;
        // Deleting one that is gone already is no error, so a lost reply is simply asked for again.
        while let Err(error) = site.aws.json(Service::SecretsManager, "secretsmanager.DeleteSecret", &body).await {
            if error.code == "ResourceNotFoundException" {
                break;
            }
            tries += 1;
            if !error.is_uncertain() || tries > TRIES {
                return Err(error).context(format!("can't delete the secret `{name}`"));
            }
        }
    }
    Ok(names.len())
}
