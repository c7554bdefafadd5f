//! Releases: what was deployed and seen to work, in order, so that one can go back.
//!
//! A release is a template, its parameters and a zip. All three are in the bucket under their own hashes; a small record
//! that names them is added once the deployment is verified, and names the record to go back to from there. Whoever goes
//! back adds one too, which goes on from where that release came: so the newest record always is what runs, any machine
//! sees what was before it, and a way back that was cut short is one that the newest record does not know of yet.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::Stack;
use runvoy_api::{id::rfc3339, infra::prefix, key::hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::{stack, upload};
use crate::{
    aws::{Aws, explain},
    error::{Error, Result, ResultExt as _},
    exit,
    templates::{self, parameter},
};

/// What the records' keys in the bucket start with.
const RECORDS: &str = "releases/";
/// The layout of records that this code writes.
const SCHEMA: u32 = 1;

/// A release, as its record has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    schema: u32,
    /// Tells releases apart: the hash of template and parameters.
    id: String,
    /// The version of runvoy that made it.
    pub version: String,
    /// Its template's key in the bucket.
    pub template_key: String,
    /// The template's parameters; the zip's key is one of them.
    pub parameters: BTreeMap<String, String>,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// The record of what ran before it; none if nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<String>,
}

/// A release with all that it takes to deploy it again.
pub struct LoadedRelease {
    /// The template.
    pub template: String,
    /// Where CloudFormation reads it.
    pub template_url: String,
    /// Its parameters.
    pub parameters: Vec<(&'static str, String)>,
    /// SHA-256 of the zip.
    pub artifact_sha256: [u8; 32],
}

/// A release that the way back has led to.
pub struct Returned {
    /// Where.
    pub aws: Aws,
    /// The deployment's bucket.
    pub bucket: String,
    /// Which.
    pub release: Release,
}

impl Release {
    /// The release that this `runvoy` makes now.
    pub fn new(template: &str, parameters: &[(&'static str, String)]) -> Self {
        let parameters: BTreeMap<_, _> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Self {
            schema: SCHEMA,
            id: id(template, &parameters),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            template_key: upload::template_key(template),
            parameters,
            created_at: rfc3339(OffsetDateTime::now_utc()),
            before: None,
        }
    }
}

/// What tells releases apart.
fn id(template: &str, parameters: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    hash.update(templates::returned(template));
    for (name, value) in parameters {
        hash.update(format!("\0{name}={value}"));
    }
    hex(&hash.finalize()[..6])
}

/// The id of the release that the stack was made from.
pub async fn deployed(aws: &Aws, stack: &Stack) -> Result<String> {
    let template = stack::template(aws, stack.stack_name().unwrap_or_default()).await?;
    let pair = |parameter: &aws_sdk_cloudformation::types::Parameter| {
        Some((parameter.parameter_key()?.to_owned(), parameter.parameter_value()?.to_owned()))
    };
    Ok(id(&template, &stack.parameters().iter().filter_map(pair).collect()))
}

/// A record's name: when it was written, in seconds since 1970, and which release it is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Record {
    at: i64,
    id: String,
}

impl Record {
    fn parse(key: &str) -> Option<Self> {
        let (at, id) = key.strip_prefix(RECORDS)?.strip_suffix(".json")?.split_once('-')?;
        Some(Self { at: at.parse().ok()?, id: id.to_owned() })
    }

    /// Keys are listed in the order of their text, which with these digits is that of time.
    fn key(&self) -> String {
        format!("{RECORDS}{:010}-{}.json", self.at, self.id)
    }

    /// The record to write `now` for a release. The clock of another machine may have been ahead of ours.
    fn next(newest: Option<&Self>, id: &str, now: i64) -> Self {
        Self { at: newest.map_or(now, |newest| now.max(newest.at + 1)), id: id.to_owned() }
    }

    /// Where the way back leads from what is `deployed`, if this record is the newest one.
    fn back<'a>(&'a self, before: Option<&'a Self>, deployed: &str) -> Option<&'a Self> {
        match before {
            // It was begun, and is not on record yet.
            Some(before) if deployed == before.id => Some(before),
            before if deployed == self.id => before,
            // What was never seen to work is replaced by the newest that was.
            _ => Some(self),
        }
    }
}

/// Puts a release that works on record, unless it is the newest one there; whether that was necessary.
pub async fn record(aws: &Aws, bucket: &str, release: &Release) -> Result<bool> {
    let newest = newest(aws, bucket).await?;
    if newest.as_ref().is_some_and(|newest| newest.id == release.id) {
        return Ok(false);
    }
    let release = Release { before: newest.as_ref().map(Record::key), ..release.clone() };
    write(aws, bucket, newest.as_ref(), &release).await
}

impl Returned {
    /// Puts it on record. From then on the way back leads further, so whoever asked for it has to know by then.
    pub async fn record(&self) -> Result<()> {
        let Self { aws, bucket, release } = self;
        let newest = newest(aws, bucket).await?;
        if newest.as_ref().is_none_or(|newest| newest.id != release.id) {
            write(aws, bucket, newest.as_ref(), release).await?;
        }
        Ok(())
    }
}

async fn write(aws: &Aws, bucket: &str, newest: Option<&Record>, release: &Release) -> Result<bool> {
    let record = Record::next(newest, &release.id, OffsetDateTime::now_utc().unix_timestamp());
    upload::record(aws, bucket, &record.key(), &serde_json::to_vec(release)?).await
}

/// Whether this release is the newest one on record: what runs has been seen to work, if nothing was changed since.
pub async fn is_recorded(aws: &Aws, bucket: &str, release: &Release) -> Result<bool> {
    Ok(newest(aws, bucket).await?.is_some_and(|newest| newest.id == release.id))
}

/// The newest record. They are listed in the order of their keys, which is that of time.
async fn newest(aws: &Aws, bucket: &str) -> Result<Option<Record>> {
    let mut newest = None;
    let mut pages = aws.s3().list_objects_v2().bucket(bucket).prefix(RECORDS).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(explain).context(format!("can't list the releases in the bucket `{bucket}`"))?;
        newest = page.contents().iter().filter_map(|object| Record::parse(object.key()?)).chain(newest).max();
    }
    Ok(newest)
}

/// The release that the way back leads to from the one with the id `deployed`.
pub async fn previous(aws: &Aws, bucket: &str, deployed: &str) -> Result<Release> {
    let none = || {
        Error::new("there is no earlier release to go back to: this is the first one that was seen to work")
            .hint("`runvoy init --update` changes the deployment")
            .exit(exit::PREFLIGHT)
    };
    let newest = newest(aws, bucket).await?.ok_or_else(none)?;
    let release = read(aws, bucket, &newest).await?;
    let before = release.before.as_deref().and_then(Record::parse);
    match newest.back(before.as_ref(), deployed) {
        Some(record) if *record == newest => Ok(release),
        record => read(aws, bucket, record.ok_or_else(none)?).await,
    }
}

async fn read(aws: &Aws, bucket: &str, record: &Record) -> Result<Release> {
    let key = record.key();
    let broken = |problem: &str| Error::new(format!("the record `{key}` {problem}")).exit(exit::PREFLIGHT);
    let text = get(aws, bucket, &key).await?.ok_or_else(|| broken("is gone from the bucket"))?;
    let release: Release = serde_json::from_slice(&text).map_err(|error| broken(&format!("can't be read: {error}")))?;
    if release.schema > SCHEMA {
        return Err(broken("was made by a newer release of runvoy").hint("use that one"));
    }
    Ok(release)
}

/// Fetches what a release consists of, and checks that all of it is there and whole.
pub async fn load(aws: &Aws, bucket: &str, release: &Release) -> Result<LoadedRelease> {
    let key = &release.template_key;
    let lost = |what: &str| {
        Error::new(format!("the release of {} can't be deployed again: {what}", release.created_at))
            .hint("`runvoy init --update` deploys a new one instead")
            .exit(exit::PREFLIGHT)
    };
    let template = get(aws, bucket, key).await?.and_then(|bytes| String::from_utf8(bytes).ok());
    let template = template.filter(|template| upload::template_key(template) == *key);
    let template =
        template.ok_or_else(|| lost(&format!("its template `{key}` is gone from the bucket, or damaged")))?;
    let named = |(name, value): (&String, &String)| {
        let known = [parameter::ARTIFACT_BUCKET, parameter::ARTIFACT_KEY, parameter::VIEWER_URL];
        let known = known.into_iter().find(|known| known == name);
        let known = known.ok_or_else(|| lost(&format!("this runvoy does not know its parameter `{name}`")))?;
        Ok((known, value.clone()))
    };
    let artifact = release.parameters.get(parameter::ARTIFACT_KEY).map(String::as_str).unwrap_or_default();
    let artifact_sha256 = artifact_hash(artifact).ok_or_else(|| lost(&format!("`{artifact}` names no code")))?;
    if !upload::exists(aws, bucket, artifact).await? {
        return Err(lost(&format!("its code `{artifact}` is gone from the bucket")));
    }
    Ok(LoadedRelease {
        template,
        template_url: upload::url(aws, bucket, key),
        parameters: release.parameters.iter().map(named).collect::<Result<_>>()?,
        artifact_sha256,
    })
}

/// The hash that a zip's key carries.
fn artifact_hash(key: &str) -> Option<[u8; 32]> {
    let digits = key.strip_prefix(prefix::ARTIFACTS)?.strip_suffix(".zip")?;
    let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
    bytes?.try_into().ok()
}

async fn get(aws: &Aws, bucket: &str, key: &str) -> Result<Option<Vec<u8>>> {
    let cant = || format!("can't read `{key}` from the bucket `{bucket}`");
    match aws.s3().get_object().bucket(bucket).key(key).send().await {
        Ok(object) => Ok(Some(object.body.collect().await.context(cant())?.to_vec())),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => Ok(None),
        Err(error) => Err(explain(error)).context(cant()),
    }
}

#[cfg(test)]
mod tests;
