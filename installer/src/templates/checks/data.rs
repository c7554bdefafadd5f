//! What holds data is kept, encrypted, restorable and nobody else's. The sandbox's engine takes no notice of most of it.

use super::*;

fn of_kind<'a>(template: &'a Yaml, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Yaml)> {
    let all = template["Resources"].as_mapping().unwrap().iter();
    all.filter(move |(_, resource)| resource["Type"] == kind).map(|(logical, one)| (logical.as_str().unwrap(), one))
}

#[test]
fn what_holds_data_stays() {
    for (variant, template) in templates() {
        for (logical, resource) in template["Resources"].as_mapping().unwrap() {
            let name = format!("{variant}: {}", logical.as_str().unwrap());
            let policies = [&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]].map(Yaml::as_str);
            let holds_data = resource["Metadata"]["runvoy"]["data"] == true;
            match (holds_data, resource["Type"].as_str().unwrap()) {
                // AWS deletes no bucket that has something in it: `destroy` empties it, and says so before.
                (true, "AWS::S3::Bucket") => assert_eq!(policies, [Some("Delete"), Some("Retain")], "{name}"),
                (true, _) => assert_eq!(policies, [Some("RetainExceptOnCreate"), Some("Retain")], "{name}"),
                (false, "AWS::S3::Bucket") => assert_eq!(policies, [Some("Delete"), Some("Delete")], "{name}"),
                (false, kind) => {
                    assert_eq!(policies, [None, None], "{name}");
                    assert_ne!(kind, "AWS::DynamoDB::Table", "{name}");
                }
            }
        }
    }
}

#[test]
fn tables_can_be_restored_and_are_encrypted() {
    for (variant, template) in templates() {
        let tables: Vec<_> = of_kind(&template, "AWS::DynamoDB::Table").collect();
        assert_eq!(tables.len(), if variant == "bucket" { 0 } else { runvoy_api::infra::TABLES.len() });
        for (logical, table) in tables {
            let properties = &table["Properties"];
            assert_eq!(properties["BillingMode"], "PAY_PER_REQUEST", "{variant}: {logical}");
            assert_eq!(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true, "{logical}");
            assert_eq!(properties["SSESpecification"]["SSEEnabled"], true, "{variant}: {logical}");
        }
    }
}

#[test]
fn buckets_are_private_encrypted_and_spoken_to_by_tls_only() {
    for (variant, template) in templates() {
        for (logical, bucket) in of_kind(&template, "AWS::S3::Bucket") {
            let name = format!("{variant}: {logical}");
            let properties = &bucket["Properties"];
            let access = properties["PublicAccessBlockConfiguration"].as_mapping().unwrap();
            assert!(access.len() == 4 && access.values().all(|blocked| *blocked == true), "{name}");
            assert_eq!(properties["OwnershipControls"]["Rules"][0]["ObjectOwnership"], "BucketOwnerEnforced", "{name}");
            let rule = &properties["BucketEncryption"]["ServerSideEncryptionConfiguration"][0];
            assert_eq!(rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256", "{name}");
            let policy = of_kind(&template, "AWS::S3::BucketPolicy")
                .map(|(_, policy)| resolved(&template, &policy["Properties"]["PolicyDocument"]["Statement"][0]))
                .find(|statement| {
                    statement["Resource"].to_string().contains(&named(&template, &format!("{logical}.Arn")))
                });
            let statement = policy.unwrap_or_else(|| panic!("{name} has no policy"));
            assert_eq!((&statement["Effect"], &statement["Principal"]), (&"Deny".into(), &"*".into()), "{name}");
            assert_eq!(statement["Condition"]["Bool"]["aws:SecureTransport"], "false", "{name}");
            assert_eq!(statement["Resource"].as_array().unwrap().len(), 2, "{name}: the bucket and what is in it");
        }
    }
}

#[test]
fn only_uploads_expire() {
    let template = template("bucket");
    let rules = &template["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"];
    let expiring = rules.as_sequence().unwrap().iter().filter(|rule| rule.get("ExpirationInDays").is_some());
    let prefixes: Vec<_> = expiring.map(|rule| rule["Prefix"].as_str().unwrap()).collect();
    assert_eq!(prefixes, [runvoy_api::infra::prefix::UPLOADS]);
}

#[test]
fn logs_are_kept_as_long_as_was_chosen_and_queues_are_encrypted() {
    for (name, answers) in samples::variants() {
        let template = template(name);
        for (logical, group) in of_kind(&template, "AWS::Logs::LogGroup") {
            let days = if logical == "ExecutionLogGroup" { answers.log_retention_days } else { 30 };
            assert_eq!(group["Properties"]["RetentionInDays"], u64::from(days), "{name}: {logical}");
        }
        for (logical, queue) in of_kind(&template, "AWS::SQS::Queue") {
            assert_eq!(queue["Properties"]["SqsManagedSseEnabled"], true, "{name}: {logical}");
            // The most that SQS keeps: two weeks to look at what went wrong.
            assert_eq!(queue["Properties"]["MessageRetentionPeriod"], 1_209_600, "{name}: {logical}");
        }
    }
}

#[test]
fn the_secret_is_made_up_by_aws() {
    let template = template("public");
    let secret = &template["Resources"]["JwtSecret"]["Properties"];
    let made_up = &secret["GenerateSecretString"];
    assert_eq!((&made_up["PasswordLength"], &made_up["ExcludePunctuation"]), (&64.into(), &true.into()));
    assert!(secret.get("SecretString").is_none());
}
