//! What AWS's reasons mean, and what to do about them.

/// What a reason means and what comes next.
#[derive(Debug, PartialEq, Eq)]
pub struct Advice {
    /// One sentence.
    pub means: String,
    /// What to do.
    pub next: String,
}

/// Of whom the advice speaks.
pub struct Place<'a> {
    /// The deployment.
    pub deployment: &'a str,
    /// Its region.
    pub region: &'a str,
    /// The identity that AWS saw.
    pub identity: &'a str,
    /// The command that failed: init or destroy.
    pub command: &'a str,
}

struct Known {
    /// Any of these, in lower case.
    signs: &'static [&'static str],
    means: &'static str,
    next: &'static str,
}

const fn known(signs: &'static [&'static str], means: &'static str, next: &'static str) -> Known {
    Known { signs, means, next }
}

/// The first that fits counts. `{again}`, `{destroy}`, `{action}`, `{identity}` and `{region}` are filled in.
const KNOWN: [Known; 17] = [
    known(
        &["service control policy", "resource control policy"],
        "a policy of your AWS organization forbids {action} in this account",
        "ask whoever manages the organization to allow it, then run `{again}`",
    ),
    known(
        &["permissions boundary"],
        "the permissions boundary of `{identity}` does not allow {action}",
        "have the boundary widened, or use an identity without one, then run `{again}`",
    ),
    known(
        &["service linked role", "service-linked role"],
        "the account lacks the role by which ECS works for you; AWS makes it once per account",
        "`aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com`, then `{again}`",
    ),
    known(
        &["security token included in the request is expired", "expiredtoken"],
        "the credentials ended while AWS was at work with them",
        "sign in again (such as `aws sso login`), then run `{again}`",
    ),
    known(
        &["kmsaccessdenied", "kms key", "kms:"],
        "an encryption key can't be used: it is disabled, gone, or its policy leaves {identity} out",
        "look at the key's policy and state in the KMS console, then run `{again}`",
    ),
    known(
        &["not authorized to perform", "accessdenied", "access denied", "unauthorizedoperation"],
        "`{identity}` may not call {action}",
        "have that permission added, or use an identity that has it, then run `{again}`",
    ),
    known(
        &["bucketalreadyexists", "bucketalreadyownedbyyou", "requested bucket name is not available"],
        "the bucket's name is taken: names of buckets are the same for all of AWS",
        "delete that bucket if it is yours, or choose another name with `--stack-name`",
    ),
    known(
        &["already exists", "alreadyexists", "resourceexistsexception", "resourceconflict"],
        "something of that name is there already, and it belongs to no stack of this deployment",
        "delete it if nobody needs it, then run `{again}`; or choose another name with `--stack-name`",
    ),
    known(
        &["reservedconcurrentexecutions"],
        "the account may run too few functions at a time to reserve any for this one",
        "ask for more: `aws service-quotas request-service-quota-increase --region {region} --service-code lambda --quota-code L-B99A9384 --desired-value 1000`",
    ),
    known(
        &["limitexceeded", "limit exceeded", "maximum number of", "quota", "has been reached", "too many"],
        "the account has reached one of AWS's limits",
        "delete what is not needed, or ask for more in the Service Quotas console (region {region}), then run `{again}`",
    ),
    known(
        &["rate exceeded", "throttl", "toomanyrequests", "requestlimitexceeded"],
        "AWS was asked too much at once, by whatever works in this account",
        "wait a minute, then run `{again}`",
    ),
    known(
        &["insufficient capacity", "insufficientcapacity", "insufficient"],
        "AWS has no capacity for this at the moment",
        "wait a few minutes, then run `{again}`",
    ),
    known(
        &[
            "not supported in",
            "not available in",
            "unsupported availability zone",
            "unrecognized resource type",
            "is not supported in this region",
        ],
        "AWS does not offer this in {region}, or not in that availability zone",
        "choose another `--region`",
    ),
    known(
        &["nosuchkey", "s3 error code"],
        "the code that was uploaded is not where the stack looks for it",
        "`{again}` uploads it again",
    ),
    known(
        &["bucket you tried to delete is not empty"],
        "AWS deletes no bucket that has something in it",
        "`{destroy}` empties and deletes it",
    ),
    known(
        &["did not stabilize", "notstabilized", "exceeded attempts to wait", "timed out", "timeout"],
        "AWS waited for it longer than it ever does",
        "run `{again}`: mostly it works the second time",
    ),
    known(
        &["validation failed", "encountered unsupported property", "properties validation failed", "early validation"],
        "AWS found a mistake in the template before it made anything",
        "use a newer release of runvoy, then run `{again}`",
    ),
];

/// What this reason means; the plain truth where it is an unknown one.
pub fn advise(reason: &str, place: &Place<'_>) -> Advice {
    let lower = reason.to_ascii_lowercase();
    let found = KNOWN.iter().find(|known| known.signs.iter().any(|sign| lower.contains(sign)));
    let (means, next) = found
        .map_or(("AWS's reason is all that is known", "fix that, then run `{again}`: it goes on from here"), |known| {
            (known.means, known.next)
        });
    let Place { deployment, region, identity, command } = place;
    let again = format!("runvoy {command} --stack-name {deployment} --region {region}");
    let destroy = format!("runvoy destroy --stack-name {deployment} --region {region}");
    let action = action(reason).map_or("that".to_owned(), |action| format!("`{action}`"));
    let fill = |text: &str| {
        text.replace("{again}", &again)
            .replace("{destroy}", &destroy)
            .replace("{action}", &action)
            .replace("{identity}", identity)
            .replace("{region}", region)
    };
    Advice { means: fill(means), next: fill(next) }
}

/// The IAM action that a refusal names.
fn action(reason: &str) -> Option<&str> {
    let (_, rest) = reason.split_once("not authorized to perform")?;
    let word = rest.trim_start_matches([':', ' ']).split_whitespace().next()?;
    let word = word.trim_matches(['`', '\'', '"', ',', '.']);
    word.contains(':').then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place {
        deployment: "acme",
        region: "eu-west-1",
        identity: "arn:aws:iam::123456789012:user/ann",
        command: "init",
    };

    fn means(reason: &str) -> String {
        advise(reason, &PLACE).means
    }

    #[test]
    fn a_refusal_names_action_and_identity() {
        let reason = "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: iam:CreateRole on resource: x \
                      because no identity-based policy allows the iam:CreateRole action (Service: Iam, Status Code: 403)";
        assert_eq!(means(reason), "`arn:aws:iam::123456789012:user/ann` may not call `iam:CreateRole`");
        let by_organization = format!("{reason} with an explicit deny in a service control policy");
        assert!(means(&by_organization).contains("organization forbids `iam:CreateRole`"));
    }

    #[test]
    fn common_reasons_are_told_apart() {
        let reasons = [
            (
                "Unable to assume the service linked role. Please verify that the ECS service linked role exists.",
                "lacks the role",
            ),
            ("acme-api already exists in stack arn:aws:…", "there already"),
            ("acme-code (Service: S3, Error Code: BucketAlreadyExists)", "names of buckets"),
            ("The maximum number of VPCs has been reached. (Error Code: VpcLimitExceeded)", "AWS's limits"),
            (
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution",
                "too few functions",
            ),
            ("Rate exceeded (Service: Lambda, Status Code: 429)", "too much at once"),
            ("The bucket you tried to delete is not empty (Service: S3, Status Code: 409)", "something in it"),
            ("Error occurred while GetObject. S3 Error Code: NoSuchKey.", "not where the stack looks"),
            (
                "Resource handler returned message: \"Exceeded attempts to wait\" (HandlerErrorCode: NotStabilized)",
                "longer than it ever",
            ),
            ("You are not authorized to use the KMS key", "encryption key"),
            ("something new", "all that is known"),
        ];
        for (reason, expected) in reasons {
            assert!(means(reason).contains(expected), "{reason}: {}", means(reason));
        }
    }

    #[test]
    fn every_advice_ends_in_something_to_do() {
        for known in &KNOWN {
            let advice = advise(known.signs[0], &PLACE);
            let text = format!("{} {}", advice.means, advice.next);
            assert!(!text.contains('{'), "{text}");
            assert!(
                advice.next.contains("runvoy") || advice.next.contains("aws ") || advice.next.contains("--"),
                "{text}"
            );
        }
    }
}
