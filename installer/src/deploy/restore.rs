//! Rows of an export back into the tables of a new deployment.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use runvoy_api::infra::{API_KEYS, AUDIT, EXECUTIONS, LOCKS, Sentinel, Table};
use serde_json::Value;
use tokio::time::sleep;

use super::{
    destroy::Site,
    export::{self, Manifest, item},
    progress::Step,
};
use crate::{
    aws::explain,
    error::{Error, Result, ResultExt as _},
    exit,
};

/// Keys go last: whoever can use the deployment finds everything else in place.
const ORDER: [Table; 4] = [AUDIT, EXECUTIONS, LOCKS, API_KEYS];
/// The most rows that DynamoDB takes in one call.
const BATCH: usize = 25;
/// How often what DynamoDB has not got round to is sent again.
const TRIES: u32 = 20;

/// An export that was found whole.
pub struct Restore {
    directory: PathBuf,
    manifest: Manifest,
}

/// What a table has of an export, and what else.
#[derive(Debug, Default, PartialEq, Eq)]
struct Compared {
    missing: usize,
    different: usize,
    foreign: usize,
}

impl Restore {
    /// Reads an export and checks all of it. Nothing is changed anywhere.
    ///
    /// # Errors
    /// With exit code 3 if there is none, or if it is not whole.
    pub fn open(directory: &Path) -> Result<Self> {
        let shown = directory.display();
        let Some(manifest) = Manifest::load(directory).exit(exit::PREFLIGHT)? else {
            let hint = "name the directory that `runvoy destroy --export` has made";
            return Err(Error::new(format!("`{shown}` holds no export")).hint(hint).exit(exit::PREFLIGHT));
        };
        export::check(directory, &manifest).exit(exit::PREFLIGHT)?;
        if manifest.exported_at.is_none() {
            let hint = "the command that wrote it goes on with it if it is run again";
            return Err(Error::new(format!("the export in `{shown}` was never finished"))
                .hint(hint)
                .exit(exit::PREFLIGHT));
        }
        Ok(Self { directory: directory.to_owned(), manifest })
    }

    /// Writes the rows that are missing; what came of it. Any number of times.
    ///
    /// # Errors
    /// With exit code 5, before anything is written, if a table holds other rows than these.
    pub async fn run(&self, site: Site<'_>, step: &Step) -> Result<String> {
        step.detail("comparing with what is there");
        let mut wanted = Vec::new();
        for table in &ORDER {
            if let Some(path) = self.file(table) {
                let there = rows(site, table).await?;
                let found = compare(&path, table, &there)?;
                check(site, table, &found)?;
                if found.missing > 0 {
                    wanted.push((table, path, there));
                }
            }
        }
        let mut written = 0;
        for (table, path, there) in wanted {
            written += write(site, table, &path, &there, step).await?;
        }
        Ok(match written {
            0 => "its rows are there already".into(),
            _ => format!("{written} rows of {}, as of {}", self.manifest.place(), self.as_of()),
        })
    }

    fn as_of(&self) -> &str {
        self.manifest.exported_at.as_deref().unwrap_or("an unknown time")
    }

    fn file(&self, table: &Table) -> Option<PathBuf> {
        let entry = self.manifest.tables.iter().find(|entry| entry.table == table.suffix)?;
        Some(self.directory.join(&entry.file.file))
    }
}

/// A table's rows by key.
type Rows = BTreeMap<String, Value>;

async fn rows(site: Site<'_>, table: &Table) -> Result<Rows> {
    let name = table.name(site.deployment);
    let mut pages = site.aws.dynamodb().scan().table_name(&name).consistent_read(true).into_paginator().items().send();
    let mut rows = Rows::new();
    while let Some(row) = pages.next().await {
        let row = item::to_json(&row.map_err(explain).context(format!("can't read the table `{name}`"))?)?;
        if comes_back(table, &row) {
            rows.insert(key(table, &row), row);
        }
    }
    Ok(rows)
}

/// Whether a row means anything in another deployment. Those that name secrets don't: the values went with theirs.
fn comes_back(table: &Table, row: &Value) -> bool {
    let key = row[table.partition]["S"].as_str().unwrap_or_default();
    *table != API_KEYS
        || ![Sentinel::SECRETS, Sentinel::GIT, Sentinel::REGISTRIES].iter().any(|prefix| key.starts_with(prefix))
}

fn key(table: &Table, row: &Value) -> String {
    format!("{}{}", row[table.partition], table.sort.map_or(&Value::Null, |sort| &row[sort]))
}

fn compare(path: &Path, table: &Table, there: &Rows) -> Result<Compared> {
    let (mut found, mut known) = (Compared::default(), 0);
    for row in export::read(path)? {
        let row = row?;
        if !comes_back(table, &row) {
            continue;
        }
        match there.get(&key(table, &row)) {
            None => found.missing += 1,
            Some(same) => {
                known += 1;
                found.different += usize::from(*same != row);
            }
        }
    }
    found.foreign = there.len() - known;
    Ok(found)
}

/// Two histories are never mixed. Where nothing is missing, the restored deployment has simply been used since.
fn check(site: Site<'_>, table: &Table, found: &Compared) -> Result<()> {
    if found.missing == 0 || (found.different == 0 && found.foreign == 0) {
        return Ok(());
    }
    let name = table.name(site.deployment);
    let problem = format!("the table `{name}` holds rows that are not those of the export, and is left as it is");
    let hint = "restore into a deployment of another `--stack-name`, or export and destroy this one first";
    Err(Error::new(problem).hint(hint).exit(exit::REFUSED))
}

async fn write(site: Site<'_>, table: &Table, path: &Path, there: &Rows, step: &Step) -> Result<usize> {
    let name = table.name(site.deployment);
    let (mut batch, mut written) = (Vec::new(), 0);
    for row in export::read(path)? {
        let row = row?;
        if !comes_back(table, &row) || there.contains_key(&key(table, &row)) {
            continue;
        }
        let put = PutRequest::builder().set_item(Some(item::from_json(&row)?)).build()?;
        batch.push(WriteRequest::builder().put_request(put).build());
        written += 1;
        if batch.len() == BATCH {
            send(site, &name, std::mem::take(&mut batch)).await?;
            step.detail(&format!("{name}: {written} rows"));
        }
    }
    if !batch.is_empty() {
        send(site, &name, batch).await?;
    }
    Ok(written)
}

async fn send(site: Site<'_>, table: &str, batch: Vec<WriteRequest>) -> Result<()> {
    let mut left = batch;
    for attempt in 0..TRIES {
        let request = site.aws.dynamodb().batch_write_item().request_items(table, left);
        let reply = request.send().await.map_err(explain).context(format!("can't write to the table `{table}`"))?;
        left = reply.unprocessed_items.unwrap_or_default().remove(table).unwrap_or_default();
        if left.is_empty() {
            return Ok(());
        }
        sleep(Duration::from_millis(50 << attempt.min(6))).await;
    }
    let problem = format!("DynamoDB takes no more rows for the table `{table}`");
    Err(Error::new(problem).hint("run the same command again: it goes on from there"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_missing_different_and_foreign_is_told_apart() {
        let lock = |name: &str, fence: &str| json!({ "lock_name": { "S": name }, "fence": { "N": fence } });
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for row in [lock("a", "1"), lock("b", "1"), lock("c", "1")] {
            writeln!(file, "{row}").unwrap();
        }
        let there: Rows = [lock("a", "1"), lock("b", "2"), lock("z", "1")].map(|row| (key(&LOCKS, &row), row)).into();
        let found = compare(file.path(), &LOCKS, &there).unwrap();
        assert_eq!(found, Compared { missing: 1, different: 1, foreign: 1 });
        let mut keys = tempfile::NamedTempFile::new().unwrap();
        for name in ["user#a@example.com", "secret#db", "git#github.com", "registry#ghcr.io", "registry#"] {
            writeln!(keys, "{}", json!({ "api_key_hash": { "S": name } })).unwrap();
        }
        assert_eq!(
            compare(keys.path(), &API_KEYS, &Rows::new()).unwrap().missing,
            1,
            "secrets have no values any more"
        );
        assert_eq!(compare(file.path(), &LOCKS, &Rows::new()).unwrap(), Compared { missing: 3, ..Compared::default() });
    }
}
