//! Images that can't simply be had: private ones, and those that don't fit.

use std::sync::PoisonError;

use runvoy_sandbox::fargate::Flaw;
use serde_json::{Value, json};

use crate::code::{LAB, Lab, found, spellings};

const HOST: &str = "registry.example.com:5000";
const IMAGE: &str = "registry.example.com:5000/acme/tool:1";
const PASSWORD: &str = "p4ssw0rd-of-the-registry";

impl Lab {
    fn registry(&self, password: &str) {
        let path = format!("/registry-credentials/{}", HOST.replace(':', "%3A"));
        let reply = self.call("PUT", &path, &json!({"username": "bot", "password": password}));
        assert!(reply.status < 300 && !reply.body.contains(password), "{}", reply.body);
    }

    /// It runs nothing, for this reason.
    fn refused(&self, body: &Value, words: &str) {
        let record = self.ended(&self.start(body));
        assert_eq!((&record["status"], &record["exit_code"]), (&json!("failed"), &Value::Null), "{record}");
        assert!(record["reason"].as_str().unwrap().contains(words), "{record}");
    }

    /// Its task definition, as anybody sees it who may.
    fn definition(&self, record: &Value) -> String {
        let described = self.ecs("DescribeTasks", &json!({"cluster": "code", "tasks": [record["task_arn"]]}));
        let described: Value = serde_json::from_str(&described).unwrap();
        self.ecs("DescribeTaskDefinition", &json!({"taskDefinition": described["tasks"][0]["taskDefinitionArn"]}))
    }
}

#[test]
fn a_private_image_takes_its_registrys_credential() {
    let lab = &*LAB;
    let _turn = lab.turn.lock().unwrap_or_else(PoisonError::into_inner);
    lab.site.sandbox.set_registry_login(HOST, ["bot", PASSWORD]);
    let private = json!({"command": "echo ran", "image": IMAGE});
    lab.refused(&private, "an admin sets what the registry demands with `runvoy admin registry-credentials set`");
    lab.registry("wr0ng");
    lab.refused(&private, "401 Unauthorized");
    lab.registry(PASSWORD);
    let (record, lines) = lab.run(&private);
    assert_eq!((lines, &record["exit_code"]), (vec!["ran".to_owned()], &json!(0)), "{record}");

    // It is there by reference alone, and for that registry's images alone.
    let definition = lab.definition(&record);
    let given: Value = serde_json::from_str(&definition).unwrap();
    let given = &given["taskDefinition"]["containerDefinitions"][0]["repositoryCredentials"]["credentialsParameter"];
    let arn = given.as_str().unwrap();
    assert!(arn.starts_with("arn:") && arn.contains(":secret:code/registry/registry.example.com+5000-"), "{arn}");
    let (other, _) = lab.run(&json!({"command": "true", "image": "ghcr.io/acme/tool:1"}));
    assert!(!lab.definition(&other).contains("repositoryCredentials"));

    // Also where the image is not named, but the deployment's usual one.
    let usual = |image: Value| assert_eq!(lab.call("PATCH", "/config", &json!({"default_image": image})).status, 200);
    usual(json!(IMAGE));
    let (record, lines) = lab.run(&json!({"command": "echo usual"}));
    usual(Value::Null);
    assert_eq!((lines, &record["image"]), (vec!["usual".to_owned()], &json!(IMAGE)), "{record}");

    let listed = lab.call("GET", "/registry-credentials", &Value::Null);
    let all = listed.json()["registry_credentials"].clone();
    assert_eq!((&all[0]["host"], &all[0]["username"], &all[1]), (&json!(HOST), &json!("bot"), &Value::Null));
    let audit = lab.call("GET", "/audit", &Value::Null).body;
    assert!(audit.contains("registry-credential.set"), "{audit}");
    let rows = ["api-keys", "executions", "audit"].map(|table| json!(lab.site.rows(table)).to_string()).concat();
    for place in [definition, listed.body, audit, rows] {
        assert!(!found(place.as_bytes(), &spellings(PASSWORD)), "{place}");
    }

    let path = format!("/registry-credentials/{}", HOST.replace(':', "%3A"));
    assert_eq!(lab.call("DELETE", &path, &Value::Null).status, 200);
    lab.refused(&private, "registry-credentials set");
    assert_eq!(lab.call("DELETE", &path, &Value::Null).status, 404);
}

#[test]
fn an_image_that_does_not_fit_is_a_reason() {
    let lab = &*LAB;
    let _turn = lab.turn.lock().unwrap_or_else(PoisonError::into_inner);
    let exec = |image: &str| lab.site.run(&["exec", "--image", image, "echo ran"]);
    lab.site.sandbox.set_image_flaw("acme/distroless:1", Flaw::NoShell);
    let ran = exec("acme/distroless:1").code(127).says("the image has no /bin/sh, which runs the command");
    assert_eq!(ran.stdout, "");
    lab.site.sandbox.set_image_flaw("acme/other-cpu:1", Flaw::OtherPlatform);
    let ran = exec("acme/other-cpu:1").code(125).says("not made for this deployment's CPU architecture");
    assert_eq!(ran.stdout, "");
}
