//! A launch's first step: everything that decides on it, in one consistent read.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use runvoy_api::{
    config::Config,
    execution::ExecutionRequest,
    infra::{KeyRow, LOCKS, Sentinel},
    policy::Policy,
    repo::Remote,
};

use crate::{
    app::App,
    error::{ApiError, Result},
    origin::Origin,
    store::{
        idempotency::{Attempt, First},
        item::{Item, Read, s},
        keys::Caller,
        locks, secrets, settings,
    },
};

/// What a client asks for.
pub struct Ask<'a> {
    pub origin: &'a Origin,
    pub key_hash: &'a str,
    pub request: &'a ExecutionRequest,
    pub attempt: Option<&'a Attempt>,
}

/// What one read tells.
pub struct Seen {
    pub caller: Caller,
    pub config: Config,
    /// Since when the deployment is being removed, if it is.
    pub destroyed_since: Option<String>,
    pub policy: Option<Policy>,
    pub lock: locks::Seen,
    pub first: Option<First>,
    /// The ARNs of the secrets that are asked for and there, by alias.
    pub secrets: BTreeMap<String, String>,
    /// The credential of the repository's host, if it is for this repository.
    pub git: Option<secrets::Known>,
    pub registries: secrets::Registries,
}

pub async fn read(app: &App, ask: &Ask<'_>) -> Result<Seen> {
    let keys = |keys: Vec<Item>| {
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        keys.map_err(|error| ApiError::from(anyhow::Error::new(error)))
    };
    let one = |name: &str, value: &str| Item::from([(name.to_owned(), s(value))]);
    let deployment = &app.deployment;
    let remote = ask.request.repo.as_deref().and_then(|url| Remote::parse(url).ok());
    // A read that names a row twice is refused.
    let aliases: BTreeSet<&String> = ask.request.secrets.values().collect();
    let mut hashes = vec![ask.key_hash.to_owned(), Sentinel::CONFIG.to_owned(), Sentinel::REGISTRIES.to_owned()];
    hashes.extend(aliases.iter().map(|alias| Sentinel::secret(alias)));
    hashes.extend(remote.iter().map(|remote| Sentinel::git(&remote.host)));
    let api_keys = keys(hashes.iter().map(|hash| one(KeyRow::HASH, hash)).collect())?;
    let mut request = app.dynamodb.batch_get_item().request_items(&deployment.api_keys, api_keys);
    if let Some(lock) = &ask.request.lock {
        request = request.request_items(&deployment.locks, keys(vec![one(LOCKS.partition, lock)])?);
    }
    if let Some(attempt) = ask.attempt {
        request = request.request_items(&deployment.executions, keys(vec![attempt.key()])?);
    }
    let reply = request.send().await.context("reading key, settings and lock")?;
    if reply.unprocessed_keys().is_some_and(|keys| !keys.is_empty()) {
        return Err(anyhow::anyhow!("DynamoDB left a part of the read undone").into());
    }
    let rows = reply.responses.unwrap_or_default();
    let of = |table: &str| rows.get(table).map(Vec::as_slice).unwrap_or_default();
    let key_row = |hash: &str| of(&deployment.api_keys).iter().find(|row| row.text(KeyRow::HASH) == Some(hash));
    let attempted = of(&deployment.executions).first().zip(ask.attempt);
    let caller = key_row(ask.key_hash).and_then(Caller::from_row).ok_or_else(ApiError::unauthorized)?;
    let settings = key_row(Sentinel::CONFIG);
    let mut config = settings::from_row(settings)?.0;
    config.draining |= settings.is_some_and(|row| row.flag(Sentinel::DRAINING));
    let arn = |alias: &String| Some((alias.clone(), secrets::arn(key_row(&Sentinel::secret(alias))?)?));
    let git = remote.and_then(|remote| {
        let known = secrets::Known::from_row(key_row(&Sentinel::git(&remote.host))?)?;
        (known.arn.is_some() && remote.is_among(&known.repositories)).then_some(known)
    });
    Ok(Seen {
        secrets: aliases.into_iter().filter_map(arn).collect(),
        git,
        registries: secrets::Registries::from_row(key_row(Sentinel::REGISTRIES)),
        policy: caller.policy()?,
        caller,
        config,
        destroyed_since: settings.and_then(|row| row.owned(Sentinel::DRAINING_SINCE)),
        lock: locks::Seen::from_row(of(&deployment.locks).first()),
        first: attempted.and_then(|(row, attempt)| attempt.first(row, app.now())),
    })
}
