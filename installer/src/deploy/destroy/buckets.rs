//! A deployment's buckets, and what is in them.

use aws_sdk_s3::{
    error::ProvideErrorMetadata as _,
    operation::list_object_versions::ListObjectVersionsOutput,
    types::{Delete, ObjectIdentifier},
};
use runvoy_api::infra::name;
use serde::Serialize;

use super::Site;
use crate::{
    aws::{Aws, explain},
    deploy::progress::Step,
    error::{Error, Result, ResultExt as _},
    templates,
};

/// A bucket and how much is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What a plain list shows.
    pub objects: usize,
    /// All versions of all objects, the present ones too.
    pub versions: usize,
    /// What hides deleted objects.
    pub delete_markers: usize,
    /// Of all versions.
    pub bytes: u64,
}

/// The bucket for code and uploads.
pub fn code(site: Site<'_>) -> String {
    name::bucket(site.deployment, &site.aws.account, &site.aws.region)
}

/// The bucket for the log viewer's page.
pub fn viewer(site: Site<'_>) -> String {
    templates::viewer::bucket(site.deployment, &site.aws.account, &site.aws.region)
}

/// The deployment's buckets that are there.
pub async fn find(site: Site<'_>) -> Result<Vec<Bucket>> {
    let (code, viewer) = (code(site), viewer(site));
    let (code, viewer) = tokio::try_join!(measure(site.aws, &code), measure(site.aws, &viewer))?;
    Ok(code.into_iter().chain(viewer).collect())
}

/// Whether there is such a bucket.
pub async fn exists(aws: &Aws, bucket: &str) -> Result<bool> {
    Ok(page(aws, bucket, None).await?.is_some())
}

async fn measure(aws: &Aws, bucket: &str) -> Result<Option<Bucket>> {
    let mut sum = Bucket { name: bucket.to_owned(), ..Bucket::default() };
    let mut place = None;
    loop {
        let Some(page) = page(aws, bucket, place.as_ref()).await? else { return Ok(None) };
        sum.versions += page.versions().len();
        sum.objects += page.versions().iter().filter(|version| version.is_latest() == Some(true)).count();
        sum.delete_markers += page.delete_markers().len();
        let sizes = page.versions().iter().filter_map(|version| u64::try_from(version.size()?).ok());
        sum.bytes += sizes.sum::<u64>();
        if page.is_truncated() != Some(true) {
            return Ok(Some(sum));
        }
        place = Some((page.next_key_marker, page.next_version_id_marker));
    }
}

/// A key and a version of it: what comes after them is the next page.
type Place = (Option<String>, Option<String>);

/// The versions from a place on, a thousand at most; none if there is no such bucket.
async fn page(aws: &Aws, bucket: &str, after: Option<&Place>) -> Result<Option<ListObjectVersionsOutput>> {
    let (key, version) = after.cloned().unwrap_or_default();
    let request = aws.s3().list_object_versions().bucket(bucket).set_key_marker(key).set_version_id_marker(version);
    match request.send().await {
        Ok(page) => Ok(Some(page)),
        Err(error) if error.code() == Some("NoSuchBucket") => Ok(None),
        Err(error) => Err(explain(error)).context(format!("can't list the bucket `{bucket}`")),
    }
}

/// Deletes everything in the bucket, all versions and delete markers too; how much that was.
pub async fn empty(aws: &Aws, bucket: &str, step: &Step) -> Result<usize> {
    let mut removed = 0;
    // What is deleted is not listed any more, so the next page is always the first.
    while let Some(page) = page(aws, bucket, None).await? {
        let versions = page.versions().iter().map(|version| (version.key(), version.version_id()));
        let markers = page.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
        let mut objects = Vec::new();
        for (key, version) in versions.chain(markers) {
            let id = ObjectIdentifier::builder().set_key(key.map(str::to_owned));
            objects.push(id.set_version_id(version.map(str::to_owned)).build()?);
        }
        if objects.is_empty() {
            break;
        }
        removed += objects.len();
        delete_objects(aws, bucket, objects).await?;
        step.detail(&format!("{removed} versions and delete markers"));
    }
    Ok(removed)
}

async fn delete_objects(aws: &Aws, bucket: &str, objects: Vec<ObjectIdentifier>) -> Result<()> {
    let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build()?;
    let reply = aws.s3().delete_objects().bucket(bucket).delete(delete).send().await.map_err(explain);
    let reply = reply.context(format!("can't empty the bucket `{bucket}`"))?;
    match reply.errors().first() {
        None => Ok(()),
        Some(error) => {
            let (key, reason) = (error.key().unwrap_or_default(), error.message().unwrap_or("AWS gave no reason"));
            Err(Error::new(reason).context(format!("can't delete `{key}` from the bucket `{bucket}`")))
        }
    }
}

/// Deletes a bucket that is empty, if it is there.
pub async fn delete(aws: &Aws, bucket: &str) -> Result<()> {
    if !exists(aws, bucket).await? {
        return Ok(());
    }
    match aws.s3().delete_bucket().bucket(bucket).send().await {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some("NoSuchBucket") => Ok(()),
        Err(error) => Err(explain(error)).context(format!("can't delete the bucket `{bucket}`")),
    }
}
