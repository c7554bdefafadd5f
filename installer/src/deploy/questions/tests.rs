use clap::Parser as _;

use super::*;

use crate::exit;

#[derive(clap::Parser)]
struct Init {
    #[command(flatten)]
    flags: Flags,
}

/// As typed.
fn flags(line: &str) -> Flags {
    Init::try_parse_from(["init"].into_iter().chain(line.split_whitespace())).unwrap().flags
}

fn first(line: &str) -> Result<Answers> {
    answer(flags(&format!("--admin-email a@example.com {line}")), None, None, None)
}

fn then(line: &str, deployed: &Answers) -> Result<Answers> {
    answer(flags(line), Some(deployed.clone()), None, None)
}

#[test]
fn a_deployments_own_answers_stay_unless_a_flag_says_otherwise() {
    let deployed = first("--spot --alarm-email ops@example.com --viewer cloudfront").unwrap();
    assert_eq!((deployed.architecture, deployed.spot), (Architecture::Arm64, true));
    assert_eq!(then("", &deployed).unwrap(), deployed);
    let changed = then("--task-permissions none --alarm-email none --spot=false", &deployed).unwrap();
    let expected = Answers { task_permissions: TaskPermissions::None, alarm_email: None, spot: false, ..deployed };
    assert_eq!(changed, expected);
}

#[test]
fn an_existing_network_needs_its_ids_and_no_other_takes_any() {
    let ids = "--vpc-id vpc-0a1b2c3d --subnet-id subnet-0a1b2c3d,subnet-1a1b2c3d";
    let existing = first(&format!("--network existing {ids} --public-ip")).unwrap();
    assert_eq!((existing.subnet_ids.len(), existing.public_ip), (2, true));
    for wrong in [ids, "--public-ip", "--network existing", "--network existing --vpc-id vpc-0a1b2c3d"] {
        assert_eq!(first(wrong).unwrap_err().code(), exit::USAGE, "{wrong}");
    }
    // Later, one of them alone is enough.
    let other = then("--subnet-id subnet-2a1b2c3d", &existing).unwrap();
    assert_eq!(
        (other.subnet_ids.as_slice(), other.vpc_id),
        (["subnet-2a1b2c3d".to_owned()].as_slice(), existing.vpc_id)
    );
}

#[test]
fn policies_stand_alone() {
    let arn = "--task-policy-arn arn:aws:iam::123456789012:policy/deploy";
    let chosen = first(&format!("{arn} {arn}2")).unwrap();
    assert_eq!(chosen.task_permissions, TaskPermissions::Policies);
    assert_eq!(chosen.task_policies().len(), 2);
    assert_eq!(then("--task-permissions none", &chosen).unwrap().task_policies(), [""; 0]);
    for wrong in [format!("{arn} --task-permissions read-only"), "--task-permissions policies".into(), arn.repeat(11)] {
        let wrong = wrong.replace("deploy--", "deploy --");
        assert_eq!(first(&wrong).unwrap_err().code(), exit::USAGE, "{wrong}");
    }
}

#[test]
fn a_private_network_takes_images_from_ecr_only() {
    assert_eq!(first("--network private").unwrap_err().code(), exit::USAGE);
    first(&format!("--network private --image {ECR_EXAMPLE}")).unwrap();
}

#[test]
fn an_executor_image_brings_code_and_runs_commands() {
    let own = "123456789012.dkr.ecr.us-east-1.amazonaws.com/runvoy-executor:1";
    let answers = first(&format!("--executor-image {own}")).unwrap();
    assert_eq!((answers.image.as_str(), answers.prepare_image.as_deref()), (own, Some(own)));
    let other = then("--image alpine:3", &answers).unwrap();
    assert_eq!((other.image.as_str(), other.prepare_image.as_deref()), ("alpine:3", Some(own)));
    first(&format!("--network private --executor-image {own}")).unwrap();
}

#[test]
fn what_runs_keeps_its_network() {
    let image = format!("--image {ECR_EXAMPLE}");
    let kinds = ["public", "nat", "private"];
    for before in kinds {
        let deployed = first(&format!("--network {before} {image}")).unwrap();
        for after in kinds {
            let moved = then(&format!("--network {after}"), &deployed);
            let allowed = before == after || (before, after) == ("public", "nat");
            assert_eq!(moved.map_or_else(|error| error.code(), |_| 0), if allowed { 0 } else { exit::REFUSED });
        }
    }
    let existing = first("--network existing --vpc-id vpc-0a1b2c3d --subnet-id subnet-0a1b2c3d").unwrap();
    assert_eq!(then("--vpc-id vpc-1a1b2c3d", &existing).unwrap_err().code(), exit::REFUSED);
}

#[test]
fn somebody_must_be_the_first_admin() {
    let nobody = Answers { admin_email: String::new(), ..first("").unwrap() };
    assert_eq!(then("", &nobody).unwrap_err().code(), exit::USAGE);
}
