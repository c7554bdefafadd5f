//! What a call is called and what it is about, as far as its head and body tell.

use http::request::Parts;
use serde_json::Value;

use super::form::Form;
use super::gate::Credential;

/// A call's name in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub service: String,
    pub action: String,
    pub detail: String,
}

impl Name {
    /// Reads it off a request. S3's bodies are not needed: its calls are named by method, path and query.
    pub fn of(service: &str, head: &Parts, body: &[u8]) -> Self {
        let (action, detail) = if let Some(target) = header(head, "x-amz-target") {
            let action = target.rsplit('.').next().unwrap_or(target).to_owned();
            (action, json_detail(body))
        } else if service == "s3" {
            (s3_action(head), head.uri.path().trim_matches('/').to_owned())
        } else if service == "lambda" {
            lambda_name(head)
        } else if let Some((_, action)) = head.uri.path().rsplit_once("/operation/") {
            (action.to_owned(), String::new())
        } else {
            let form = Form::parse(body);
            let action = form.get("Action").unwrap_or_else(|| format!("{} {}", head.method, head.uri.path()));
            let about = FORM_FIELDS.iter().find_map(|field| form.get(field)).unwrap_or_default();
            let about = if action == "DeleteStack" { about + &deletion(&form) } else { about };
            (action, about)
        };
        Self { service: service.to_owned(), action, detail }
    }

    /// For a call that is refused before anything of it is trusted.
    pub fn refused<B>(request: &http::Request<B>) -> Self {
        let service = Credential::of(request).map_or("unknown", |credential| credential.service).to_owned();
        let action = format!("{} {}", request.method(), request.uri().path());
        Self { service, action, detail: String::new() }
    }
}

fn header<'a>(head: &'a Parts, name: &str) -> Option<&'a str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}

/// The fields of the query protocol that say what a call is about, most telling first.
const FORM_FIELDS: [&str; 11] = [
    "StackName",
    "ChangeSetName",
    "RoleName",
    "PolicySourceArn",
    "AWSServiceName",
    "PolicyArn",
    "QueueName",
    "QueueNamePrefix",
    "TopicArn",
    "VpcId",
    "Filter.1.Value.1",
];

/// How a stack is to be deleted, where it is not just that.
fn deletion(form: &Form) -> String {
    let kept = form.members("RetainResources").join(",");
    let kept = if kept.is_empty() { kept } else { format!(" RetainResources={kept}") };
    let mode = form.get("DeletionMode").map(|mode| format!(" DeletionMode={mode}"));
    kept + &mode.unwrap_or_default()
}

/// The same of the JSON protocols.
const FIELDS: [&str; 15] = [
    "TableName",
    "logStreamName",
    "logGroupName",
    "SecretId",
    "taskDefinition",
    "taskDefinitions",
    "family",
    "tasks",
    "task",
    "cluster",
    "Rule",
    "Name",
    "FunctionName",
    "QuotaCode",
    "ServiceCode",
];

fn json_detail(body: &[u8]) -> String {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return String::new() };
    if let Some(items) = body["TransactItems"].as_array() {
        let tables = items.iter().flat_map(|item| item.as_object().into_iter().flatten());
        return tables
            .map(|(verb, item)| format!("{verb} {}", text(&item["TableName"])))
            .collect::<Vec<_>>()
            .join(", ");
    }
    if let Some(tables) = body["RequestItems"].as_object() {
        return tables.keys().cloned().collect::<Vec<_>>().join(", ");
    }
    FIELDS.iter().map(|field| &body[*field]).find(|value| !value.is_null()).map(text).unwrap_or_default()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        _ => String::new(),
    }
}

/// S3's sub-resources, as they stand in the query and in the action.
const SUB_RESOURCES: [(&str, &str); 14] = [
    ("uploads", "MultipartUpload"),
    ("uploadId", "MultipartUpload"),
    ("versions", "ObjectVersions"),
    ("delete", "Objects"),
    ("location", "BucketLocation"),
    ("versioning", "BucketVersioning"),
    ("policy", "BucketPolicy"),
    ("lifecycle", "BucketLifecycleConfiguration"),
    ("encryption", "BucketEncryption"),
    ("publicAccessBlock", "PublicAccessBlock"),
    ("ownershipControls", "BucketOwnershipControls"),
    ("tagging", "Tagging"),
    ("acl", "Acl"),
    ("list-type", "ObjectsV2"),
];

fn s3_action(head: &Parts) -> String {
    let query = head.uri.query().unwrap_or_default();
    let parameters = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect::<Vec<_>>();
    // The SDKs say it themselves for most of the calls on objects.
    if let Some((_, action)) = parameters.iter().find(|(key, _)| *key == "x-id") {
        return (*action).to_owned();
    }
    let path = head.uri.path().trim_matches('/');
    if path.is_empty() {
        return "ListBuckets".to_owned();
    }
    let on_object = path.contains('/');
    let sub = SUB_RESOURCES.iter().find(|(key, _)| parameters.iter().any(|(given, _)| given == key));
    let verb = match (head.method.as_str(), sub.map(|(key, _)| *key)) {
        ("GET", Some("versions" | "list-type" | "uploads")) => "List",
        ("POST", Some("uploads")) => "Create",
        ("POST", Some("uploadId")) => "Complete",
        ("DELETE", Some("uploadId")) => "Abort",
        ("POST", Some("delete")) | ("DELETE", _) => "Delete",
        ("GET", None) if !on_object => return "ListObjects".to_owned(),
        ("PUT", None) if !on_object => "Create",
        ("HEAD", _) => "Head",
        ("PUT", _) => "Put",
        ("POST", _) => "Post",
        _ => "Get",
    };
    format!("{verb}{}", sub.map_or(if on_object { "Object" } else { "Bucket" }, |(_, name)| *name))
}

/// `/2015-03-31/functions/NAME/…`
fn lambda_name(head: &Parts) -> (String, String) {
    let parts = head.uri.path().trim_matches('/').split('/').collect::<Vec<_>>();
    let method = head.method.as_str();
    let detail = parts.get(2).copied().unwrap_or_default().to_owned();
    let action = match (method, parts.get(1..).unwrap_or_default()) {
        ("GET", ["account-settings"]) => "GetAccountSettings",
        ("GET", ["functions"]) => "ListFunctions",
        ("POST", ["functions"]) => "CreateFunction",
        ("GET", ["functions", _]) => "GetFunction",
        ("DELETE", ["functions", _]) => "DeleteFunction",
        ("GET", ["functions", _, "configuration"]) => "GetFunctionConfiguration",
        ("PUT", ["functions", _, "configuration"]) => "UpdateFunctionConfiguration",
        ("PUT", ["functions", _, "code"]) => "UpdateFunctionCode",
        ("POST", ["functions", _, "invocations"]) => "Invoke",
        ("GET", ["functions", _, "concurrency"]) => "GetFunctionConcurrency",
        ("PUT", ["functions", _, "concurrency"]) => "PutFunctionConcurrency",
        ("GET", ["functions", _, "policy"]) => "GetPolicy",
        ("POST", ["functions", _, "policy"]) => "AddPermission",
        ("GET", ["functions", _, "versions"]) => "ListVersionsByFunction",
        ("GET", ["functions", _, "url"]) => "GetFunctionUrlConfig",
        ("POST", ["functions", _, "url"]) => "CreateFunctionUrlConfig",
        ("GET", ["functions", _, "urls"]) => "ListFunctionUrlConfigs",
        _ => return (format!("{method} {}", head.uri.path()), detail),
    };
    (action.to_owned(), detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(service: &str, method: &str, uri: &str, target: Option<&str>, body: &str) -> (String, String) {
        let mut request = http::Request::builder().method(method).uri(uri);
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let Name { action, detail, .. } = Name::of(service, &head, body.as_bytes());
        (action, detail)
    }

    #[test]
    fn every_protocol_is_named() {
        let cases = [
            ("dynamodb", "POST", "/", Some("DynamoDB_20120810.GetItem"), r#"{"TableName":"t"}"#, "GetItem", "t"),
            (
                "dynamodb",
                "POST",
                "/",
                Some("DynamoDB_20120810.TransactWriteItems"),
                r#"{"TransactItems":[{"Put":{"TableName":"a"}},{"Update":{"TableName":"b"}}]}"#,
                "TransactWriteItems",
                "Put a, Update b",
            ),
            ("cloudformation", "POST", "/", None, "Action=DescribeStacks&StackName=a%2Fb", "DescribeStacks", "a/b"),
            ("s3", "PUT", "/bucket/key?x-id=PutObject", None, "", "PutObject", "bucket/key"),
            ("s3", "GET", "/bucket?list-type=2&prefix=x", None, "", "ListObjectsV2", "bucket"),
            ("s3", "GET", "/bucket/?versions", None, "", "ListObjectVersions", "bucket"),
            ("s3", "GET", "/", None, "", "ListBuckets", ""),
            ("s3", "HEAD", "/bucket", None, "", "HeadBucket", "bucket"),
            ("s3", "POST", "/bucket?delete", None, "", "DeleteObjects", "bucket"),
            ("s3", "DELETE", "/bucket/a/b", None, "", "DeleteObject", "bucket/a/b"),
            ("lambda", "POST", "/2015-03-31/functions/f/invocations", None, "{}", "Invoke", "f"),
            ("lambda", "GET", "/2016-08-19/account-settings/", None, "", "GetAccountSettings", ""),
            (
                "cloudformation",
                "POST",
                "/",
                None,
                "Action=DeleteStack&StackName=s&RetainResources.member.1=A&RetainResources.member.2=B",
                "DeleteStack",
                "s RetainResources=A,B",
            ),
            ("ec2", "POST", "/", None, "Action=DescribeVpcs&Version=2016-11-15", "DescribeVpcs", ""),
            ("iam", "POST", "/", None, "Action=GetRole&RoleName=r", "GetRole", "r"),
            (
                "servicequotas",
                "POST",
                "/",
                Some("ServiceQuotasV20190624.GetServiceQuota"),
                r#"{"ServiceCode":"vpc","QuotaCode":"L-1"}"#,
                "GetServiceQuota",
                "L-1",
            ),
            (
                "pricing",
                "POST",
                "/",
                Some("AWSPriceListService.GetProducts"),
                r#"{"ServiceCode":"AmazonECS"}"#,
                "GetProducts",
                "AmazonECS",
            ),
        ];
        for (service, method, uri, target, body, action, detail) in cases {
            let expected = (action.to_owned(), detail.to_owned());
            assert_eq!(name(service, method, uri, target, body), expected, "{method} {uri}");
        }
    }
}
