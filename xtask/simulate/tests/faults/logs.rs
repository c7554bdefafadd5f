//! Faults 27 to 30 and 33: what a command prints, on its way to whoever reads it.

use runvoy_simulate::{faults::Fault, logs::LAST};
use serde_json::json;

use crate::stage::Stage;

fn log(fault: Fault, times: u32) -> Vec<String> {
    let stage = Stage::new().fault(fault, times);
    let log = stage.play(|stage| async move {
        let id = stage.exec("work 20 exit 0", json!({})).await;
        stage.seconds(300).await;
        stage.ann.log(&stage.world, &id).await
    });
    stage.assert_fired(fault);
    log
}

#[test]
fn fault_27_empty_pages_and_expired_tokens_do_not_end_a_log() {
    assert_eq!(log(Fault::LogPages, 12), ["running work 20 exit 0", LAST]);
}

#[test]
fn fault_28_lines_that_come_15_s_after_the_end_are_in_the_log_for_whoever_reads_it_then() {
    assert_eq!(log(Fault::LateLogLines, 1), ["running work 20 exit 0", LAST]);
}

#[test]
fn fault_29_odd_lines_come_as_they_are() {
    let log = log(Fault::OddLogLines, 1);
    assert_eq!(log.len(), 4);
    assert!(log.iter().any(|line| line.len() > 256_000));
    assert!(log.iter().any(|line| line.contains("\u{1b}[31mred") && line.contains("<script>") && line.contains('\0')));
}

#[test]
fn fault_30_a_full_page_of_cloudwatch_fits_into_a_reply() {
    let stage = Stage::new().fault(Fault::LargeReply, 100).fault(Fault::OddLogLines, 1);
    let size = stage.play(|stage| async move {
        let id = stage.exec("work 20 exit 0", json!({})).await;
        stage.seconds(120).await;
        let path = format!("/api/v1/executions/{id}/logs");
        stage.ann.insist(&stage.world, "GET", &path, None).await.unwrap().body.to_string().len()
    });
    // CloudWatch's pages end at 1 MB, a function's replies at 6 MB.
    assert!((256_000..6_000_000).contains(&size), "{size}");
}

#[test]
fn fault_33_a_secret_that_a_command_prints_is_in_its_log_and_nowhere_else() {
    let stage = Stage::new();
    let (log, seen) = stage.play(|stage| async move {
        let env = json!({"env": {"SECRET": "s3cr3t"}, "lock": "prod", "wait_lock": 600});
        let first = stage.exec("work 10 exit 0 1", env.clone()).await;
        let waited = stage.exec("work 10 exit 0 2", env).await;
        let log = stage.ann.log(&stage.world, &first).await;
        stage.seconds(300).await;
        let audit = stage.admin.insist(&stage.world, "GET", "/api/v1/audit", None).await.unwrap().body;
        (
            log,
            format!(
                "{audit}{}{}",
                stage.ann.get(&stage.world, &first).await.unwrap(),
                stage.ann.get(&stage.world, &waited).await.unwrap()
            ),
        )
    });
    assert!(log.iter().any(|line| line.contains("s3cr3t")), "{log:?}");
    assert!(!seen.contains("s3cr3t"), "{seen}");
}
