//! Roles. CloudFormation has made up their names, and all regions of an account share them.

use super::{super::Site, Found, Leftover, names::elements, ours::Ours};
use crate::{
    aws::Service,
    error::{Result, ResultExt as _},
};

/// The deployment's roles, without those of a deployment of the same name in another region.
pub async fn find(site: Site<'_>, ours: &Ours) -> Found {
    let mut found = Vec::new();
    for name in list(site).await?.iter().filter(|name| ours.has(name)) {
        if !is_elsewhere(&policies(site, name).await?, &site.aws.account, &site.aws.region) {
            found.push(Leftover { what: "role".into(), name: name.clone(), command: removal(name) });
        }
    }
    Ok(found)
}

async fn list(site: Site<'_>) -> Result<Vec<String>> {
    let (mut found, mut marker) = (Vec::new(), None::<String>);
    loop {
        let fields: Vec<_> = marker.iter().map(|marker| ("Marker", marker.as_str())).collect();
        let reply = site.aws.query(Service::Iam, "ListRoles", &fields).await.context("can't list the roles")?;
        found.extend(elements(&reply, "RoleName")?);
        marker = elements(&reply, "Marker")?.into_iter().next().filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(found);
        }
    }
}

/// All that the role's own policies say.
async fn policies(site: Site<'_>, role: &str) -> Result<String> {
    let role = ("RoleName", role);
    let reply =
        site.aws.query(Service::Iam, "ListRolePolicies", &[role]).await.context("can't list a role's policies")?;
    let mut text = String::new();
    for policy in elements(&reply, "member")? {
        let reply = site.aws.query(Service::Iam, "GetRolePolicy", &[role, ("PolicyName", &policy)]).await;
        text += &elements(&reply.context("can't read a role's policy")?, "PolicyDocument")?.concat();
    }
    // AWS gives documents as parts of URLs.
    Ok(text.replace("%3A", ":"))
}

/// Whether policies are about another region and not about ours.
fn is_elsewhere(policies: &str, account: &str, region: &str) -> bool {
    let parts: Vec<_> = policies.split(&format!(":{account}:")).collect();
    let before = parts.len().saturating_sub(1);
    let mut regions = parts.iter().take(before).filter_map(|part| part.rsplit(':').next()).filter(|it| !it.is_empty());
    let all: Vec<_> =
        regions.by_ref().filter(|it| it.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')).collect();
    !all.is_empty() && !all.contains(&region)
}

/// A role can only be deleted without its policies.
fn removal(name: &str) -> String {
    format!(
        "for p in $(aws iam list-role-policies --role-name {name} --query PolicyNames --output text); do \
         aws iam delete-role-policy --role-name {name} --policy-name $p; done; \
         for p in $(aws iam list-attached-role-policies --role-name {name} --query 'AttachedPolicies[].PolicyArn' --output text); \
         do aws iam detach-role-policy --role-name {name} --policy-arn $p; done; aws iam delete-role --role-name {name}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_elsewhere_if_its_policies_are_about_another_region_only() {
        let arn = |region: &str| {
            format!("arn:aws:dynamodb:{region}:123456789012:table/x\", \"arn:aws:iam::123456789012:role/y")
        };
        let elsewhere = |text: &str| is_elsewhere(text, "123456789012", "eu-west-1");
        assert!(elsewhere(&arn("us-east-1")));
        assert!(!elsewhere(&arn("eu-west-1")) && !elsewhere("") && !elsewhere(&arn("")));
        assert!(!elsewhere(&[arn("us-east-1"), arn("eu-west-1")].concat()));
    }
}
