//! Faults 26, 36, 37 and 39: DynamoDB.

use std::time::Duration;

use runvoy_api::infra::{AUDIT, EXECUTIONS};
use runvoy_simulate::{dynamo::text, faults::Fault, sim::lock};
use serde_json::json;

use crate::stage::Stage;

#[test]
fn fault_26_with_dynamodb_down_nothing_starts() {
    let stage = Stage::new();
    *lock(&stage.world.dynamo_down) = Duration::from_secs(60);
    let response = stage.play(|stage| async move {
        let request = json!({"command": "work 1", "lock": "prod"});
        stage.ann.send(&stage.world, "POST", "/api/v1/executions", Some(request), None).await.unwrap()
    });
    assert_eq!((response.status, stage.tasks()), (503, 0), "{}", response.body);
    assert!(stage.world.dynamo.rows(&EXECUTIONS).is_empty());
}

#[test]
fn fault_26_an_outage_in_mid_run_loses_nothing() {
    let stage = Stage::new();
    let id = stage.play(|stage| async move {
        let id = stage.exec("work 20 exit 3", json!({"lock": "prod"})).await;
        *lock(&stage.world.dynamo_down) = Duration::from_secs(400);
        id
    });
    stage.assert_fired(Fault::DynamoDown);
    assert_eq!(stage.end(&id), ("failed".to_owned(), Some(3), String::new()));
}

#[test]
fn fault_36_without_its_audit_record_no_mutation_is_made() {
    let stage = Stage::new().fault(Fault::AuditWriteFails, 100);
    let answers = stage.play(|stage| async move {
        let world = &stage.world;
        let mut answers = Vec::new();
        for (method, path, body) in [
            ("POST", "/api/v1/executions", Some(json!({"command": "work 1", "lock": "prod"}))),
            ("POST", "/api/v1/users", Some(json!({"email": "new@example.com"}))),
            ("DELETE", "/api/v1/users/ann@example.com", None),
            ("PATCH", "/api/v1/config", Some(json!({"draining": true}))),
        ] {
            answers.push(stage.admin.send(world, method, path, body, None).await.unwrap().status);
        }
        let users = stage.admin.send(world, "GET", "/api/v1/users", None, None).await.unwrap().body;
        (answers, users["users"].as_array().unwrap().clone())
    });
    assert_eq!(answers.0, [503, 503, 503, 503]);
    assert_eq!(answers.1.iter().filter(|user| user["revoked"] == false).count(), 2);
    assert!(stage.world.dynamo.rows(&AUDIT).is_empty() && stage.tasks() == 0);
}

#[test]
fn fault_37_a_history_of_many_short_pages_is_listed_whole() {
    let stage = Stage::new().fault(Fault::LongHistory, 10_000);
    let found = stage.play(|stage| async move {
        for number in 0..12 {
            stage
                .exec(
                    &format!("work 1 exit 0 {number}"),
                    json!({"lock": if number % 3 == 0 { "prod" } else { "other" }, "wait_lock": 3600}),
                )
                .await;
        }
        stage.seconds(900).await;
        let mut found = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/api/v1/executions?all=true&lock=prod&limit=3{cursor}");
            let page = stage.ann.insist(&stage.world, "GET", &path, None).await.unwrap().body;
            let ids = page["executions"].as_array().unwrap().iter();
            found.extend(ids.map(|execution| execution["execution_id"].as_str().unwrap().to_owned()));
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return found,
            }
        }
    });
    stage.assert_fired(Fault::LongHistory);
    let rows = stage.world.dynamo.rows(&EXECUTIONS);
    let mut prod: Vec<_> = rows.iter().filter(|row| text(row, "lock_name") == Some("prod")).collect();
    prod.sort_by_key(|row| std::cmp::Reverse(text(row, "execution_id").unwrap().to_owned()));
    let wanted: Vec<_> = prod.iter().map(|row| text(row, "execution_id").unwrap()).collect();
    assert_eq!(found, wanted);
}

#[test]
fn fault_39_conflicts_and_transactions_in_progress_are_waited_out() {
    for times in 1..6 {
        let stage = Stage::new().fault(Fault::TransactionTrouble, times);
        let id = stage.play(|stage| async move { stage.exec("work 5 exit 3", json!({"lock": "prod"})).await });
        stage.assert_fired(Fault::TransactionTrouble);
        assert_eq!((stage.end(&id).1, stage.tasks()), (Some(3), 1));
    }
}

#[test]
fn fault_39_conflicts_that_last_are_no_answer_about_the_lock() {
    let stage = Stage::new().fault(Fault::TransactionTrouble, 8);
    let response = stage.play(|stage| async move {
        let request = json!({"command": "work 1", "lock": "prod"});
        stage.ann.send(&stage.world, "POST", "/api/v1/executions", Some(request), None).await.unwrap()
    });
    assert_eq!((response.status, stage.tasks()), (503, 0), "{}", response.body);
}
