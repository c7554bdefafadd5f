use serde_json::{Value, json};

use super::{element, elements, json, query, refusal, rest};
use crate::support::{done, sandbox};

const QUOTA: &str = "ServiceQuotasV20190624.GetServiceQuota";

#[tokio::test(flavor = "multi_thread")]
async fn the_account_answers_as_a_fresh_one_on_aws() {
    let sandbox = sandbox("account").await;
    let account = sandbox.engine().account();
    sandbox.script().quota("L-B99A9384", 30.0);
    for (code, expected) in [("L-F678F1CE", 5.0), ("L-3032A538", 6.0), ("L-B99A9384", 30.0)] {
        let asked = json!({ "ServiceCode": "any", "QuotaCode": code });
        let reply = json(&sandbox, "servicequotas", QUOTA, asked).await.unwrap().1;
        assert_eq!(serde_json::from_str::<Value>(&reply).unwrap()["Quota"]["Value"], expected);
    }
    let unknown = json(&sandbox, "servicequotas", QUOTA, json!({ "ServiceCode": "any", "QuotaCode": "L-0" })).await;
    assert_eq!(refusal(unknown), (400, "NoSuchResourceException".to_owned()));
    let prices = json(&sandbox, "pricing", "AWSPriceListService.GetProducts", json!({})).await;
    assert_eq!(refusal(prices), (400, "AccessDeniedException".to_owned()));
    let settings = rest(&sandbox, "lambda", "GET", "/2016-08-19/account-settings/").await.unwrap().1;
    assert_eq!(serde_json::from_str::<Value>(&settings).unwrap()["AccountLimit"]["ConcurrentExecutions"], 30);

    let role = [("Action", "GetRole"), ("RoleName", "AWSServiceRoleForECS")];
    assert_eq!(refusal(query(&sandbox, "iam", &role).await), (404, "NoSuchEntity".to_owned()));
    let create = [("Action", "CreateServiceLinkedRole"), ("AWSServiceName", "ecs.amazonaws.com")];
    assert_eq!(query(&sandbox, "iam", &create).await.unwrap().0, 200);
    assert_eq!(refusal(query(&sandbox, "iam", &create).await), (400, "InvalidInput".to_owned()));
    let (found, xml) = query(&sandbox, "iam", &role).await.unwrap();
    assert_eq!((found, element(&xml, "RoleName")), (200, Some("AWSServiceRoleForECS")));

    let simulate = async |arn: &str| {
        let fields = [
            ("Action", "SimulatePrincipalPolicy"),
            ("PolicySourceArn", arn),
            ("ActionNames.member.1", "s3:CreateBucket"),
        ];
        query(&sandbox, "iam", &[&fields[..], &[("ActionNames.member.2", "iam:CreateRole")]].concat()).await
    };
    let [root, admin] = ["root", "role/Admin"].map(|entity| format!("arn:aws:iam::{account}:{entity}"));
    assert_eq!(refusal(simulate(&root).await), (400, "InvalidInput".to_owned()));
    assert_eq!(refusal(simulate(&admin).await), (404, "NoSuchEntity".to_owned()));
    sandbox.script().assume_role("Admin", &["iam:CreateRole"]);
    let identity = query(&sandbox, "sts", &[("Action", "GetCallerIdentity")]).await.unwrap().1;
    assert_eq!(element(&identity, "Arn"), Some(format!("arn:aws:sts::{account}:assumed-role/Admin/sandbox").as_str()));
    let role = query(&sandbox, "iam", &[("Action", "GetRole"), ("RoleName", "Admin")]).await.unwrap().1;
    assert_eq!(element(&role, "Arn"), Some(admin.as_str()));
    let (_, decisions) = simulate(&admin).await.unwrap();
    assert_eq!(elements(&decisions, "EvalDecision"), ["allowed", "implicitDeny"]);
    done(sandbox).await;
}
