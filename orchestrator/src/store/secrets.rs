//! Secrets that admins set, for commands, git and registries. Values are in Secrets Manager, which this function can write
//! to and not read; a row beside the keys says what there is, so that a launch learns of it in the read that it makes anyway.

use std::fmt;

use anyhow::Context;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};
use aws_sdk_secretsmanager::{
    operation::{
        create_secret::CreateSecretError, delete_secret::DeleteSecretError, put_secret_value::PutSecretValueError,
    },
    types::Tag,
};
use runvoy_api::{
    git_credential::Kind,
    image,
    infra::{KeyRow, Sentinel, TAG, name},
};

use super::{
    item::{self, Item, Read, n, s},
    transaction::{self, Outcome},
};
use crate::app::App;

/// How long AWS keeps what was deleted by mistake, in days: the least that it offers.
const RECOVERY_DAYS: i64 = 7;

/// On a secret's row, its ARN; absent while it is being deleted.
const ARN: &str = "arn";
const KIND: &str = "kind";
const REPOSITORIES: &str = "repositories";
pub const USERNAME: &str = "username";
pub const SET_AT: &str = "set_at";
pub const SET_BY: &str = "set_by";

/// One secret, by what people call it.
pub enum Place<'a> {
    /// By alias.
    Secret(&'a str),
    /// By host.
    Git(&'a str),
    /// By host.
    Registry(&'a str),
}

impl Place<'_> {
    fn row(&self) -> String {
        match self {
            Self::Secret(alias) => Sentinel::secret(alias),
            Self::Git(host) => Sentinel::git(host),
            Self::Registry(host) => Sentinel::registry(host),
        }
    }

    fn name(&self, stack: &str) -> String {
        match self {
            Self::Secret(alias) => name::secret(stack, alias),
            Self::Git(host) => name::git_credential(stack, host),
            Self::Registry(host) => name::registry_credential(stack, host),
        }
    }

    /// What the audit trail calls its being set and deleted.
    pub fn actions(&self) -> (&'static str, &'static str) {
        match self {
            Self::Secret(_) => ("secret.set", "secret.delete"),
            Self::Git(_) => ("git-credential.set", "git-credential.delete"),
            Self::Registry(_) => ("registry-credential.set", "registry-credential.delete"),
        }
    }

    /// The alias or the host.
    pub fn key(&self) -> &str {
        match self {
            Self::Secret(key) | Self::Git(key) | Self::Registry(key) => key,
        }
    }

    /// A registry's ARN, on the row that has them all, as it comes and goes.
    fn among_registries(&self, app: &App, arn: Option<&str>) -> anyhow::Result<Option<TransactWriteItem>> {
        let Self::Registry(host) = self else { return Ok(None) };
        let update = Update::builder()
            .table_name(&app.deployment.api_keys)
            .key(KeyRow::HASH, s(Sentinel::REGISTRIES))
            .expression_attribute_names("#host", *host);
        let update = match arn {
            Some(arn) => update
                .update_expression("SET #host = :arn, #schema = :schema")
                .expression_attribute_names("#schema", KeyRow::SCHEMA)
                .expression_attribute_values(":arn", s(arn))
                .expression_attribute_values(":schema", n(KeyRow::SCHEMA_VERSION)),
            None => update.update_expression("REMOVE #host"),
        };
        Ok(Some(TransactWriteItem::builder().update(update.build()?).build()))
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::Secret(_) => "secret",
            Self::Git(_) => "git credential for",
            Self::Registry(_) => "registry credential for",
        };
        write!(f, "{what} `{}`", self.key().escape_debug())
    }
}

/// The credentials of registries, as the row that has them all tells them.
pub struct Registries(Option<Item>);

impl Registries {
    pub fn from_row(row: Option<&Item>) -> Self {
        Self(row.cloned())
    }

    /// The ARN of the credential that this image is pulled with, if there is one.
    pub fn credential(&self, image: &str) -> Option<String> {
        self.0.as_ref()?.owned(&image::registry(image))
    }
}

/// The ARN on a row, if it can be used.
pub fn arn(row: &Item) -> Option<String> {
    row.owned(ARN)
}

/// What a git credential's row tells of it.
#[derive(Debug)]
pub struct Known {
    pub arn: Option<String>,
    pub kind: Kind,
    /// Patterns; none means all.
    pub repositories: Vec<String>,
}

impl Known {
    pub fn row(kind: Kind, repositories: &[String]) -> anyhow::Result<Item> {
        let repositories = serde_json::to_string(repositories)?;
        Ok(Item::from([(KIND.to_owned(), s(kind.as_str())), (REPOSITORIES.to_owned(), s(repositories))]))
    }

    pub fn from_row(row: &Item) -> Option<Self> {
        let repositories = serde_json::from_str(row.text(REPOSITORIES)?).ok()?;
        Some(Self { arn: arn(row), kind: row.text(KIND)?.parse().ok()?, repositories })
    }
}

/// Sets a value, new or anew, and notes what is known of it on its row. The audit record comes first: nothing is set
/// that is not on record.
pub async fn set(
    app: &App,
    place: &Place<'_>,
    value: &str,
    known: Item,
    audit: TransactWriteItem,
) -> anyhow::Result<()> {
    transaction::write(&app.dynamodb, vec![audit], None).await?;
    let arn = put_value(app, &place.name(&app.deployment.stack), value).await?;
    let mut row = item::new();
    row.insert(KeyRow::HASH.into(), s(place.row()));
    row.insert(ARN.into(), s(&arn));
    row.extend(known);
    let put = Put::builder().table_name(&app.deployment.api_keys).set_item(Some(row)).build()?;
    let put = TransactWriteItem::builder().put(put).build();
    let items = [put].into_iter().chain(place.among_registries(app, Some(&arn))?).collect();
    transaction::write(&app.dynamodb, items, None).await.context("noting a secret").map(drop)
}

async fn put_value(app: &App, name: &str, value: &str) -> anyhow::Result<String> {
    let tag = Tag::builder().key(TAG).value(&app.deployment.stack).build();
    let create = app.secrets.create_secret().name(name).secret_string(value).tags(tag);
    match create.send().await.map_err(aws_sdk_secretsmanager::error::SdkError::into_service_error) {
        Ok(created) => return created.arn.context("a new secret has an ARN"),
        Err(CreateSecretError::ResourceExistsException(_) | CreateSecretError::InvalidRequestException(_)) => {}
        Err(error) => return Err(error).context("creating a secret"),
    }
    let put = || app.secrets.put_secret_value().secret_id(name).secret_string(value).send();
    let set = match put().await {
        // It waits for its end.
        Err(error) if error.as_service_error().is_some_and(PutSecretValueError::is_invalid_request_exception) => {
            app.secrets.restore_secret().secret_id(name).send().await.context("restoring a secret")?;
            put().await
        }
        set => set,
    };
    set.context("setting a secret's value")?.arn.context("a secret has an ARN")
}

/// Deletes it and returns what was known of it; `None` if there is none. From the first step on nothing can use it, and a second try goes on from there.
pub async fn delete(app: &App, place: &Place<'_>, audit: TransactWriteItem) -> anyhow::Result<Option<Item>> {
    let table = &app.deployment.api_keys;
    let read = app.dynamodb.get_item().table_name(table).key(KeyRow::HASH, s(place.row())).consistent_read(true);
    let Some(row) = read.send().await.context("reading a secret's row")?.item else { return Ok(None) };
    let unusable = Update::builder()
        .table_name(table)
        .key(KeyRow::HASH, s(place.row()))
        .update_expression("REMOVE arn")
        .condition_expression("attribute_exists(api_key_hash)")
        .build()?;
    let items = [TransactWriteItem::builder().update(unusable).build(), audit];
    let items = items.into_iter().chain(place.among_registries(app, None)?).collect();
    if let Outcome::Refused(_) = transaction::write(&app.dynamodb, items, None).await? {
        return Ok(None);
    }
    let name = place.name(&app.deployment.stack);
    let delete = app.secrets.delete_secret().secret_id(name).recovery_window_in_days(RECOVERY_DAYS);
    match delete.send().await.map_err(aws_sdk_secretsmanager::error::SdkError::into_service_error) {
        // Gone, or on its way.
        Ok(_)
        | Err(DeleteSecretError::ResourceNotFoundException(_) | DeleteSecretError::InvalidRequestException(_)) => {}
        Err(error) => return Err(error).context("deleting a secret"),
    }
    let forget = app.dynamodb.delete_item().table_name(table).key(KeyRow::HASH, s(place.row()));
    // Somebody may have set it again meanwhile.
    let forget = forget.condition_expression("attribute_not_exists(arn)").send().await;
    match forget.map_err(aws_sdk_dynamodb::error::SdkError::into_service_error) {
        Err(error) if !error.is_conditional_check_failed_exception() => Err(error).context("forgetting a secret"),
        _ => Ok(Some(row)),
    }
}

/// The rows of those that can be used, whose keys begin with this, by what follows it.
pub async fn list(app: &App, prefix: &str) -> anyhow::Result<Vec<(String, Item)>> {
    let pages = app
        .dynamodb
        .scan()
        .table_name(&app.deployment.api_keys)
        .filter_expression("begins_with(api_key_hash, :prefix) AND attribute_exists(arn)")
        .expression_attribute_values(":prefix", s(prefix))
        .consistent_read(true)
        .into_paginator()
        .items()
        .send();
    let rows = pages.collect::<Result<Vec<_>, _>>().await.context("reading the secrets' names")?;
    let named = |row: Item| Some((row.text(KeyRow::HASH)?.strip_prefix(prefix)?.to_owned(), row));
    let mut rows: Vec<_> = rows.into_iter().filter_map(named).collect();
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(rows)
}
