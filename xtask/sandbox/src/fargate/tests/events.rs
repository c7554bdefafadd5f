use serde_json::{Value, json};

use super::{World, states};

#[tokio::test]
async fn each_change_is_an_event_with_a_growing_version() {
    let world = World::new().await;
    let arn = world.run("exit 3").await;
    world.stopped(&arn).await;
    let seen = states(&world.engine.record.borrow(), &arn);
    let expected = [
        (1, "PROVISIONING", "RUNNING"),
        (2, "PENDING", "RUNNING"),
        (3, "RUNNING", "RUNNING"),
        (4, "DEPROVISIONING", "STOPPED"),
        (5, "STOPPED", "STOPPED"),
    ];
    let expected = expected.map(|(version, last, desired)| (version, last.to_owned(), desired.to_owned()));
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn the_event_is_as_eventbridge_hands_it_over() {
    let world = World::new().await;
    let arn = world.run("exit 3").await;
    let task = world.stopped(&arn).await;
    let event = world.engine.record.borrow().events.last().unwrap().clone();
    assert_eq!((&event["version"], &event["source"]), (&json!("0"), &json!("aws.ecs")));
    assert_eq!(event["detail-type"], "ECS Task State Change");
    assert_eq!((&event["account"], &event["region"]), (&json!("123456789012"), &json!("eu-west-1")));
    assert_eq!(event["resources"], json!([arn]));
    assert_eq!(event["id"].as_str().unwrap().len(), 36);
    let detail = &event["detail"];
    for name in ["taskArn", "clusterArn", "containers", "stopCode", "stoppedReason", "overrides", "version", "cpu"] {
        assert_eq!(detail[name], task[name], "{name}");
    }
    for name in ["createdAt", "startedAt", "stoppedAt", "updatedAt"] {
        let text = detail[name].as_str().unwrap();
        let format = &time::format_description::well_known::Rfc3339;
        assert!(text.ends_with('Z') && time::OffsetDateTime::parse(text, format).is_ok(), "{text}");
    }
    let ids: Vec<Value> = world.engine.record.borrow().events.iter().map(|event| event["id"].clone()).collect();
    let mut distinct = ids.iter().map(Value::to_string).collect::<Vec<_>>();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), ids.len());
}

#[tokio::test]
async fn a_failing_function_gets_its_events_later_and_in_order() {
    let world = World::new().await;
    world.engine.set(|record| record.fail_invocations = 3);
    let arn = world.run("true").await;
    world.stopped(&arn).await;
    let versions: Vec<u64> =
        states(&world.engine.record.borrow(), &arn).into_iter().map(|(version, ..)| version).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn no_task_waits_for_the_events_of_another() {
    let world = World::new().await;
    let slow = world.run("exec sleep 60").await;
    world.until(|record| states(record, &slow).iter().any(|(_, last, _)| last == "RUNNING")).await;
    world.engine.set(|record| record.hold_events_of = Some(slow.clone()));
    world.stop(&slow).await;
    let other = world.run("true").await;
    world.stopped(&other).await;
    world.engine.set(|record| record.hold_events_of = None);
    world.stopped(&slow).await;
    let versions: Vec<u64> =
        states(&world.engine.record.borrow(), &slow).into_iter().map(|(version, ..)| version).collect();
    assert!(versions.is_sorted(), "{versions:?}");
}

#[tokio::test]
async fn what_stays_undeliverable_goes_to_the_dead_letter_queue() {
    let world = World::new().await;
    world.engine.set(|record| record.fail_invocations = 5);
    let arn = world.run("true").await;
    world.stopped(&arn).await;
    let record = world.engine.record.borrow();
    assert_eq!(record.dead_letters.len(), 1);
    assert_eq!((&record.dead_letters[0]["detail"]["version"], states(&record, &arn)[0].0), (&json!(1), 2));
}
