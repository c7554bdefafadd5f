//! All that a deployment consists of, so that two can be compared.

use std::fs;

use roxmltree::{Document, Node};
use runvoy_api::key::ApiKey;
use serde_json::{Value, json};

use super::deployment::Deployment;

impl Deployment {
    /// Everything about it, in AWS and on this machine, without what differs between two deployments of the same answers.
    pub fn state(&self) -> Value {
        let functions = ["api", "events"].map(|function| {
            let path = format!("/2015-03-31/functions/{}-{function}/configuration", self.name);
            self.lab.get_json("lambda", &path)["CodeSha256"].clone()
        });
        let tables = ["api-keys", "executions", "locks", "audit"].map(|table| self.table(table));
        let state = json!({
            "stacks": self.stacks(),
            "buckets": self.buckets(),
            "releases": self.releases(),
            "tables": tables,
            "keys": self.keys(),
            "audit": self.audit(),
            "functions": functions,
            "files": self.files(),
        });
        let text = state.to_string().replace(&self.name, "NAME").replace(&self.key(), "KEY");
        serde_json::from_str(&text.replace(&self.endpoint(), "ENDPOINT")).unwrap()
    }

    fn endpoint(&self) -> String {
        let config = fs::read_to_string(self.home.join("config.yaml")).unwrap();
        config.lines().find_map(|line| line.trim().strip_prefix("api_endpoint: ")).unwrap().to_owned()
    }

    fn cloudformation(&self, action: &str, stack: &str) -> String {
        self.lab.query("cloudformation", &format!("Action={action}&StackName={stack}"))
    }

    pub fn template(&self, stack: &str) -> String {
        texts(&self.cloudformation("GetTemplate", stack), "TemplateBody").remove(0)
    }

    /// All stacks of the name, with what they are made from and of, and with what change sets they have left.
    fn stacks(&self) -> Value {
        let all = self.lab.query("cloudformation", "Action=ListStacks");
        let mut names: Vec<_> =
            texts(&all, "StackName").into_iter().filter(|stack| stack.contains(&self.name)).collect();
        names.sort();
        let stack = |name: String| {
            let described = self.cloudformation("DescribeStacks", &name);
            let mut parameters = pairs(&described, "ParameterKey", "ParameterValue");
            parameters.sort();
            let mut resources =
                pairs(&self.cloudformation("ListStackResources", &name), "LogicalResourceId", "ResourceStatus");
            resources.sort();
            let parameters: Vec<_> = parameters.into_iter().map(without_address).collect();
            let resources: Vec<_> = resources.into_iter().map(|(id, status)| json!([id, settled(&status)])).collect();
            let mut change_sets = texts(&self.cloudformation("ListChangeSets", &name), "ExecutionStatus");
            change_sets.retain(|status| status != "EXECUTE_COMPLETE");
            json!({
                "name": name,
                "status": texts(&described, "StackStatus"),
                "parameters": parameters,
                "tags": pairs(&described, "Key", "Value"),
                "template": self.template(&name),
                "resources": resources,
                "change sets left": change_sets,
            })
        };
        names.into_iter().map(stack).collect()
    }

    /// What is in them, version by version, by what it is.
    fn buckets(&self) -> Value {
        let mut buckets: Vec<_> =
            texts(&self.lab.s3("/"), "Name").into_iter().filter(|bucket| bucket.contains(&self.name)).collect();
        buckets.sort();
        let bucket = |bucket: String| {
            let versions = self.lab.s3(&format!("/{bucket}?versions"));
            let folder = |key: String| key.split_once('/').map_or(key.clone(), |(folder, _)| folder.to_owned());
            let mut keys: Vec<_> = texts(&versions, "Key").into_iter().map(folder).collect();
            keys.sort();
            json!([bucket, keys])
        };
        buckets.into_iter().map(bucket).collect()
    }

    /// What is on record, oldest first; each with all that it takes to go back to it.
    fn releases(&self) -> Value {
        let bucket = runvoy_api::infra::name::bucket(
            &self.name,
            self.lab.sandbox.engine().account(),
            self.lab.sandbox.engine().region(),
        );
        let mut keys = texts(&self.lab.s3(&format!("/{bucket}?list-type=2&prefix=releases/")), "Key");
        keys.sort();
        let release = |key: String| {
            let record: Value = serde_json::from_str(&self.lab.s3(&format!("/{bucket}/{key}"))).unwrap();
            let template = self.lab.s3(&format!("/{bucket}/{}", record["template_key"].as_str().unwrap()));
            let parameters = record["parameters"].as_object().unwrap().clone().into_iter();
            let parameters = parameters.map(|(name, value)| (name, value.as_str().unwrap().to_owned()));
            json!([record["version"], template, parameters.map(without_address).collect::<Vec<_>>()])
        };
        keys.into_iter().map(release).collect()
    }

    fn table(&self, table: &str) -> Value {
        let table = json!({ "TableName": format!("{}-{table}", self.name) });
        let table = self.lab.json("dynamodb", "DynamoDB_20120810.DescribeTable", &table)["Table"].clone();
        json!([table["TableName"], table["TableStatus"], table["DeletionProtectionEnabled"]])
    }

    fn rows(&self, table: &str) -> Vec<Value> {
        let table = json!({ "TableName": format!("{}-{table}", self.name) });
        self.lab.json("dynamodb", "DynamoDB_20120810.Scan", &table)["Items"].as_array().unwrap().clone()
    }

    /// Keys and who they stand for: the one in the config file is `MINE`.
    fn keys(&self) -> Value {
        let mine = self.key().parse::<ApiKey>().unwrap().hash();
        let hash = |value: &Value| match value["S"].as_str() {
            Some(text) if text == mine => json!("MINE"),
            Some(text) if text.len() == 64 => json!("ANOTHER"),
            _ => value["S"].clone(),
        };
        let row = |row: &Value| {
            let [id, stands_for] = ["api_key_hash", "key_hash"].map(|name| hash(&row[name]));
            json!([id, stands_for, row["user_email"]["S"], row["role"]["S"], row["revoked"]["BOOL"]])
        };
        let mut rows: Vec<_> = self.rows("api-keys").iter().map(row).collect();
        rows.sort_by_key(Value::to_string);
        Value::Array(rows)
    }

    fn audit(&self) -> Value {
        let row = |row: &Value| json!([row["action"]["S"], row["target"]["S"], row["actor"]["S"]]);
        let mut rows: Vec<_> = self.rows("audit").iter().map(row).collect();
        rows.sort_by_key(Value::to_string);
        Value::Array(rows)
    }

    /// What is left on this machine.
    fn files(&self) -> Value {
        let files = fs::read_dir(&self.home).unwrap().map(|file| file.unwrap());
        let text =
            |file: fs::DirEntry| json!([file.file_name().to_str().unwrap(), fs::read_to_string(file.path()).unwrap()]);
        files.map(text).collect()
    }
}

/// The texts of all elements of this name.
fn texts(xml: &str, name: &str) -> Vec<String> {
    let document = Document::parse(xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
    let named = document.descendants().filter(|node| node.tag_name().name() == name);
    named.map(|node| node.text().unwrap_or_default().to_owned()).collect()
}

/// The texts of these two children of all elements that have both.
fn pairs(xml: &str, first: &str, second: &str) -> Vec<(String, String)> {
    let document = Document::parse(xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
    let child = |node: Node<'_, '_>, name: &str| {
        let child = node.children().find(|child| child.tag_name().name() == name)?;
        Some(child.text().unwrap_or_default().to_owned())
    };
    document.descendants().filter_map(|node| Some((child(node, first)?, child(node, second)?))).collect()
}

/// AWS makes addresses up.
fn without_address((name, value): (String, String)) -> (String, String) {
    let value = if value.starts_with("https://") { "ADDRESS".to_owned() } else { value };
    (name, value)
}

/// How a resource came to be what it is differs; that it is whole does not.
fn settled(status: &str) -> &str {
    if ["CREATE_COMPLETE", "UPDATE_COMPLETE"].contains(&status) { "COMPLETE" } else { status }
}
