//! What an auditor would ask of the rendered templates, asked of every variant.

mod audits;
mod cases;
mod data;
mod names;
mod policies;
mod properties;
mod shape;

pub(super) use audits::accepted;
use serde_json::{Map, Value as Json};
use serde_yaml::Value as Yaml;

use super::{bucket, main, samples};

const STACK: &str = "acme";
const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-west-1";

/// Every main template and the bucket's, by name.
fn templates() -> Vec<(String, Yaml)> {
    let main = samples::variants().into_iter().map(|(name, answers)| (name, main(STACK, &answers).unwrap()));
    let all = main.chain([("bucket", bucket(STACK, &samples::answers()).unwrap())]);
    all.map(|(name, text)| (name.to_owned(), serde_yaml::from_str(&text).unwrap())).collect()
}

fn template(variant: &str) -> Yaml {
    templates().into_iter().find(|(name, _)| name == variant).unwrap_or_else(|| panic!("no variant {variant}")).1
}

/// A part of a template with everything filled in, as AWS would.
fn resolved(template: &Yaml, part: &Yaml) -> Json {
    match part {
        Yaml::Tagged(tagged) => {
            let argument = tagged.value.as_str().unwrap_or_default();
            match tagged.tag.to_string().as_str() {
                "!Sub" => substituted(template, argument).into(),
                "!Ref" => named(template, argument).into(),
                "!GetAtt" => named(template, argument).into(),
                _ => Json::Null,
            }
        }
        Yaml::Mapping(mapping) => {
            let pair = |(key, value): (&Yaml, &Yaml)| (key.as_str().unwrap().to_owned(), resolved(template, value));
            mapping.iter().map(pair).collect::<Map<_, _>>().into()
        }
        Yaml::Sequence(values) => values.iter().map(|value| resolved(template, value)).collect(),
        plain => serde_json::to_value(plain).unwrap(),
    }
}

fn substituted(template: &Yaml, text: &str) -> String {
    let mut parts = text.split("${");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |filled, part| {
        let (name, rest) = part.split_once('}').unwrap();
        filled + &named(template, name) + rest
    })
}

/// What a reference becomes, where policies have some.
fn named(template: &Yaml, reference: &str) -> String {
    let (logical, attribute) = reference.split_once('.').unwrap_or((reference, ""));
    match reference {
        "AWS::Partition" => return "aws".into(),
        "AWS::Region" => return REGION.into(),
        "AWS::AccountId" => return ACCOUNT.into(),
        "AWS::StackName" => return STACK.into(),
        _ => {}
    }
    let resource = &template["Resources"][logical];
    let property = |name: &str| resolved(template, &resource["Properties"][name]);
    let own = |name: &str| property(name).as_str().unwrap_or_default().to_owned();
    match (resource["Type"].as_str().unwrap_or_default(), attribute) {
        ("AWS::IAM::Role", "Arn") => role_arn(logical),
        ("AWS::Logs::LogGroup", "Arn") => {
            format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{}:*", own("LogGroupName"))
        }
        ("AWS::S3::Bucket", "Arn") => format!("arn:aws:s3:::{}", own("BucketName")),
        _ => format!("{logical}-of-{STACK}"),
    }
}

fn role_arn(logical: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{STACK}-{logical}-AbCdEf123456")
}
