//! What callers ask of the account itself and the engine doesn't know, or knows differently than AWS.

use anyhow::Result;
use http::Response;
use serde_json::{Value, json};

use super::form::Form;
use super::name::Name;
use super::reply::{Body, element, error, error_xml, reply};
use super::script::{Account, LAMBDA_CONCURRENCY};
use crate::engine::EngineClient;

/// Its name on AWS and in the engine.
const ECS_ROLE: (&str, &str) = ("AWSServiceRoleForECS", "AWSServiceRoleForEcs");
const XML: &str = "text/xml";

/// The reply to such a call; none if the engine's will do.
pub(super) async fn answer(
    engine: &EngineClient,
    account: &Account,
    name: &Name,
    body: &[u8],
) -> Result<Option<Response<Body>>> {
    match (name.service.as_str(), name.action.as_str()) {
        ("servicequotas", "GetServiceQuota" | "GetAWSDefaultServiceQuota") => Ok(Some(quota(engine, account, body))),
        ("pricing", _) => {
            let message = "User is not authorized to perform: pricing:GetProducts";
            Ok(Some(error("pricing", true, 400, "AccessDeniedException", message)))
        }
        ("lambda", "GetAccountSettings") => Ok(Some(lambda_settings(engine, account).await?)),
        ("sts", "GetCallerIdentity") => Ok(account.role.as_deref().map(|role| identity(engine, role))),
        ("iam", action) => iam(engine, account, action, &Form::parse(body)).await,
        _ => Ok(None),
    }
}

fn quota(engine: &EngineClient, account: &Account, body: &[u8]) -> Response<Body> {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let (service, code) = (asked["ServiceCode"].as_str().unwrap_or(""), asked["QuotaCode"].as_str().unwrap_or(""));
    let Some(value) = account.quota(code) else {
        return error("servicequotas", true, 400, "NoSuchResourceException", "The quota does not exist.");
    };
    let arn = format!("arn:aws:servicequotas:{}:{}:{service}/{code}", engine.region(), engine.account());
    let quota = json!({
        "ServiceCode": service, "ServiceName": service, "QuotaArn": arn, "QuotaCode": code, "QuotaName": code,
        "Value": value, "Unit": "None", "Adjustable": true, "GlobalQuota": false,
    });
    reply(200, "application/x-amz-json-1.1", json!({ "Quota": quota }).to_string())
}

/// The engine's limit follows this machine's memory; AWS's the account's quota.
async fn lambda_settings(engine: &EngineClient, account: &Account) -> Result<Response<Body>> {
    let (status, body) = engine.get("lambda", "/2016-08-19/account-settings").await?;
    let mut settings: Value = serde_json::from_slice(&body).unwrap_or_default();
    let limit = account.quota(LAMBDA_CONCURRENCY).map(|value| json!(value.round() as u64));
    for field in ["ConcurrentExecutions", "UnreservedConcurrentExecutions"] {
        settings["AccountLimit"][field] = json!(limit);
    }
    Ok(reply(status, "application/json", settings.to_string()))
}

fn identity(engine: &EngineClient, role: &str) -> Response<Body> {
    let account = engine.account();
    let xml = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:sts::{account}:assumed-role/{role}/sandbox</Arn><UserId>AROASANDBOXSANDBOX00:sandbox</UserId>\
         <Account>{account}</Account></GetCallerIdentityResult>\
         <ResponseMetadata><RequestId>sandbox</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    );
    reply(200, XML, xml)
}

async fn iam(engine: &EngineClient, account: &Account, action: &str, form: &Form) -> Result<Option<Response<Body>>> {
    let (here, there) = ECS_ROLE;
    let role = form.get("RoleName").unwrap_or_default();
    match action {
        "SimulatePrincipalPolicy" => simulate(engine, account, form).await,
        "GetRole" if account.role.as_ref() == Some(&role) => Ok(Some(own_role(engine, &role))),
        "GetRole" if role == here => {
            let (status, xml) = engine.query("iam", &form.text().replace(here, there)).await?;
            Ok(Some(reply(status, XML, xml.replace(there, here))))
        }
        "CreateServiceLinkedRole" => {
            let (status, xml) = engine.query("iam", &form.text()).await?;
            if element(&xml, "Code") == Some("EntityAlreadyExists") {
                let message = "Service role name AWSServiceRoleForECS has been taken in this account, please try a different suffix.";
                return Ok(Some(reply(400, XML, error_xml("InvalidInput", message))));
            }
            Ok(Some(reply(status, XML, xml.replace(there, here))))
        }
        _ => Ok(None),
    }
}

fn own_role(engine: &EngineClient, role: &str) -> Response<Body> {
    let arn = format!("arn:aws:iam::{}:role/{role}", engine.account());
    let trust = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D";
    let xml = format!(
        "<GetRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetRoleResult><Role><Path>/</Path>\
         <RoleName>{role}</RoleName><RoleId>AROASANDBOXSANDBOX00</RoleId><Arn>{arn}</Arn>\
         <CreateDate>2026-01-01T00:00:00Z</CreateDate><AssumeRolePolicyDocument>{trust}</AssumeRolePolicyDocument>\
         </Role></GetRoleResult><ResponseMetadata><RequestId>sandbox</RequestId></ResponseMetadata></GetRoleResponse>"
    );
    reply(200, XML, xml)
}

/// AWS simulates users, groups and roles that exist, and nothing else: neither root nor a session.
async fn simulate(engine: &EngineClient, account: &Account, form: &Form) -> Result<Option<Response<Body>>> {
    let arn = form.get("PolicySourceArn").unwrap_or_default();
    let refuse = |status, code, message: &str| Ok(Some(reply(status, XML, error_xml(code, message))));
    let entity = arn.strip_prefix(&format!("arn:aws:iam::{}:", engine.account()));
    let Some((kind @ ("role" | "user" | "group"), path)) = entity.and_then(|entity| entity.split_once('/')) else {
        let message = format!("Invalid Entity Arn: {arn} does not clearly define entity type and name.");
        return refuse(400, "InvalidInput", &message);
    };
    let name = path.rsplit('/').next().unwrap_or(path);
    if kind == "role" && account.role.as_deref() == Some(name) {
        return Ok(Some(simulated(&account.denied, form)));
    }
    if kind == "role" {
        let asked = super::form::encode(&[("Action", "GetRole"), ("RoleName", name)]);
        if engine.query("iam", &asked).await?.0 == 404 {
            return refuse(404, "NoSuchEntity", &format!("The role with name {name} cannot be found."));
        }
    }
    Ok(None)
}

fn simulated(denied: &[String], form: &Form) -> Response<Body> {
    let resources = form.members("ResourceArns");
    let resources = if resources.is_empty() { vec!["*"] } else { resources };
    let mut results = String::new();
    for action in form.members("ActionNames") {
        for resource in &resources {
            let decision = if denied.iter().any(|denied| denied == action) { "implicitDeny" } else { "allowed" };
            results.push_str(&format!(
                "<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}</EvalResourceName>\
                 <EvalDecision>{decision}</EvalDecision><MatchedStatements/><MissingContextValues/></member>"
            ));
        }
    }
    let xml = format!(
        "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
         <SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults>\
         </SimulatePrincipalPolicyResult><ResponseMetadata><RequestId>sandbox</RequestId></ResponseMetadata>\
         </SimulatePrincipalPolicyResponse>"
    );
    reply(200, XML, xml)
}
