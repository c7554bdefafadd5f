use super::World;

#[tokio::test]
async fn lines_arrive_in_order_without_the_empty_ones() {
    let world = World::new().await;
    let arn = world.run("for i in 1 2 3; do echo \"line $i\"; echo; done; echo ' '; printf tail").await;
    world.stopped(&arn).await;
    assert_eq!(world.log(&arn, "executor"), ["line 1", "line 2", "line 3", " ", "tail"]);
}

#[tokio::test]
async fn both_outputs_are_logged_as_they_are_written() {
    let world = World::new().await;
    let arn = world.run("echo out; echo err >&2; until [ -e go ]; do sleep 0.01; done; echo end").await;
    world.wrote(&arn, "out").await;
    world.wrote(&arn, "err").await;
    let id = arn.rsplit('/').next().unwrap();
    std::fs::write(world.dir.path().join("containers").join(id).join("executor/go"), "").unwrap();
    world.stopped(&arn).await;
    assert_eq!(world.log(&arn, "executor").last().unwrap(), "end");
}

#[tokio::test]
async fn a_line_over_256_kb_is_split_and_batches_keep_cloudwatch_limits() {
    let world = World::new().await;
    let arn = world.run("head -c 2000000 /dev/zero | tr '\\0' x; echo; seq 1 25000; printf 'a\\377b\\n'").await;
    world.stopped(&arn).await;
    let lines = world.log(&arn, "executor");
    let long: Vec<usize> = lines.iter().take_while(|line| line.starts_with('x')).map(String::len).collect();
    assert_eq!(long.iter().sum::<usize>(), 2_000_000);
    assert_eq!(long, [vec![262_118; 7], vec![2_000_000 - 7 * 262_118]].concat());
    let numbers: Vec<String> = (1..=25_000).map(|number: u32| number.to_string()).collect();
    assert_eq!(lines[long.len()..lines.len() - 1], numbers);
    assert_eq!(lines.last().unwrap(), "a\u{fffd}b");
    let batches = &world.engine.record.borrow().batches;
    assert!(batches.iter().all(|(events, bytes)| *events <= 10_000 && *bytes <= 1_048_576), "{batches:?}");
}

#[tokio::test]
async fn nothing_is_lost_while_the_engine_fails() {
    let world = World::new().await;
    world.engine.set(|record| record.fail_logs = 2);
    let arn = world.run("seq 1 100").await;
    world.stopped(&arn).await;
    let numbers: Vec<String> = (1..=100).map(|number: u32| number.to_string()).collect();
    assert_eq!(world.log(&arn, "executor"), numbers, "and all before STOPPED");
}
