//! Which IAM actions, on which resources, with which condition keys, AWS asks for when a call is made.
//!
//! From the Service Authorization Reference. It holds the calls that functions make; whoever adds one adds it here.

use http::request::Parts;
use serde_json::{Value, json};

use super::{dynamodb, ecs};
use crate::engine::EngineClient;
use crate::iam::Request;
use crate::proxy::form::decode;
use crate::proxy::name::Name;

pub(super) struct Map<'a> {
    pub engine: &'a EngineClient,
}

impl<'a> Map<'a> {
    pub fn new(engine: &'a EngineClient) -> Self {
        Self { engine }
    }

    /// All that must be allowed; none if the map has no such call.
    pub async fn needs(&self, name: &Name, head: &Parts, body: &[u8]) -> Option<Vec<Request>> {
        let action = name.action.as_str();
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        match name.service.as_str() {
            "dynamodb" => dynamodb::needs(self, action, &request),
            "ecs" => ecs::needs(self, action, &request).await,
            "logs" => self.logs(action, &request),
            "secretsmanager" => self.secrets(action, &request).await,
            "s3" => self.objects(action, head),
            _ => None,
        }
    }

    /// An ARN of this account and region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.engine.region(), self.engine.account())
    }

    fn logs(&self, action: &str, request: &Value) -> Option<Vec<Request>> {
        let group = text(&request["logGroupName"]);
        let resource = match action {
            "GetLogEvents" => format!("log-group:{group}:log-stream:{}", text(&request["logStreamName"])),
            "FilterLogEvents" | "DescribeLogStreams" => format!("log-group:{group}:*"),
            _ => return None,
        };
        Some(vec![Request::new(format!("logs:{action}"), self.arn("logs", &resource))])
    }

    /// A secret's ARN ends in six characters that AWS makes up, whatever the call names it by.
    async fn secrets(&self, action: &str, request: &Value) -> Option<Vec<Request>> {
        let need = |resource: String| Request::new(format!("secretsmanager:{action}"), resource);
        let needs = match action {
            "ListSecrets" => vec![need("*".to_owned())],
            "CreateSecret" => {
                let arn = self.arn("secretsmanager", &format!("secret:{}-AbCdEf", text(&request["Name"])));
                let mut needs = vec![tagged(need(arn.clone()), &request["Tags"], ["Key", "Value"])];
                // Tags at creation are a permission of their own.
                if request["Tags"].as_array().is_some_and(|tags| !tags.is_empty()) {
                    needs.push(tagged(
                        Request::new("secretsmanager:TagResource", arn),
                        &request["Tags"],
                        ["Key", "Value"],
                    ));
                }
                needs
            }
            "GetSecretValue" | "PutSecretValue" | "UpdateSecret" | "DescribeSecret" | "DeleteSecret"
            | "RestoreSecret" => {
                vec![need(self.secret(text(&request["SecretId"])).await)]
            }
            "TagResource" => {
                let need = need(self.secret(text(&request["SecretId"])).await);
                vec![tagged(need, &request["Tags"], ["Key", "Value"])]
            }
            _ => return None,
        };
        Some(needs)
    }

    /// The whole ARN of a secret, by name or by as much of the ARN as is given.
    pub async fn secret(&self, id: &str) -> String {
        let asked = json!({ "SecretId": id });
        let described = self.engine.json("secretsmanager", "secretsmanager.DescribeSecret", &asked).await;
        let known = described.ok().and_then(|secret| secret["ARN"].as_str().map(str::to_owned));
        known.unwrap_or_else(|| match id.starts_with("arn:") {
            true => id.to_owned(),
            false => self.arn("secretsmanager", &format!("secret:{id}-AbCdEf")),
        })
    }

    fn objects(&self, action: &str, head: &Parts) -> Option<Vec<Request>> {
        let path = decode(&head.uri.path().trim_start_matches('/').replace('+', "%2B"));
        let bucket = path.split('/').next().unwrap_or_default();
        let (action, resource) = match action {
            "GetObject" | "HeadObject" => ("s3:GetObject", path.as_str()),
            "PutObject" => ("s3:PutObject", path.as_str()),
            "DeleteObject" => ("s3:DeleteObject", path.as_str()),
            "ListObjectsV2" | "HeadBucket" => ("s3:ListBucket", bucket),
            "ListBuckets" => ("s3:ListAllMyBuckets", "*"),
            _ => return None,
        };
        let resource = if resource == "*" { resource.to_owned() } else { format!("arn:aws:s3:::{resource}") };
        // Who copies an object reads it, too.
        let source = head.headers.get("x-amz-copy-source").and_then(|source| source.to_str().ok());
        let source = source.map(|source| format!("arn:aws:s3:::{}", decode(source.trim_start_matches('/'))));
        let read = source.map(|source| Request::new("s3:GetObject", source));
        Some([Request::new(action, resource)].into_iter().chain(read).collect())
    }
}

/// The request's tags as condition keys.
pub(super) fn tagged(need: Request, tags: &Value, [key, value]: [&str; 2]) -> Request {
    tags.as_array().into_iter().flatten().fold(need, |need, tag| {
        let name = text(&tag[key]);
        need.with("aws:TagKeys", name).with(&format!("aws:RequestTag/{name}"), text(&tag[value]))
    })
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
