//! Answers to render, and snapshots to compare with.

use std::{collections::BTreeMap, env, fs, path::Path};

use crate::deploy::answers::{Answers, Architecture, Domain, Network, TaskPermissions, Viewer};

/// The defaults.
pub(crate) fn answers() -> Answers {
    Answers {
        version: "0.1.0".into(),
        network: Network::Public,
        architecture: Architecture::Arm64,
        task_permissions: TaskPermissions::ReadOnly,
        task_policy_arns: vec![],
        task_roles: BTreeMap::new(),
        spot: false,
        log_retention_days: 7,
        image: "public.ecr.aws/hashicorp/terraform:1.10.5".into(),
        prepare_image: None,
        admin_email: "a@example.com".into(),
        zones: vec![],
        vpc_id: None,
        subnet_ids: vec![],
        public_ip: false,
        alarm_email: None,
        viewer: Viewer::FunctionUrl,
        viewer_domain: None,
        permissions_boundary: None,
        tags: BTreeMap::new(),
    }
}

/// One set of answers for each shape of the main template.
pub(crate) fn variants() -> [(&'static str, Answers); 6] {
    let zones = vec!["eu-west-1a".to_owned(), "eu-west-1b".to_owned()];
    let existing = Answers {
        network: Network::Existing,
        vpc_id: Some("vpc-0123456789abcdef0".into()),
        subnet_ids: vec!["subnet-0123456789abcdef0".into(), "subnet-0123456789abcdef1".into()],
        task_permissions: TaskPermissions::Policies,
        task_policy_arns: vec!["arn:aws:iam::aws:policy/job-function/ViewOnlyAccess".into()],
        task_roles: [("deploy-net".to_owned(), vec!["arn:aws:iam::aws:policy/PowerUserAccess".to_owned()])].into(),
        ..answers()
    };
    let private = Answers {
        network: Network::Private,
        image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/terraform:1.10.5".into(),
        zones: zones.clone(),
        ..answers()
    };
    let everything = Answers {
        alarm_email: Some("ops@example.com".into()),
        viewer: Viewer::Cloudfront,
        task_permissions: TaskPermissions::Administrator,
        spot: true,
        ..answers()
    };
    let tags = [("cost-center", "4711"), ("team", "platform core")];
    let company = Answers {
        architecture: Architecture::X86_64,
        task_permissions: TaskPermissions::None,
        log_retention_days: 90,
        alarm_email: Some("ops@example.com".into()),
        viewer: Viewer::Cloudfront,
        viewer_domain: Some(Domain {
            name: "logs.example.com".into(),
            certificate_arn: "arn:aws:acm:us-east-1:123456789012:certificate/1a2b3c4d".into(),
        }),
        permissions_boundary: Some("arn:aws:iam::123456789012:policy/limit".into()),
        tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        ..answers()
    };
    [
        ("public", answers()),
        ("nat", Answers { network: Network::Nat, zones, ..answers() }),
        ("private", private),
        ("existing", existing),
        ("alarms-and-viewer", everything),
        ("company", company),
    ]
}

/// Compares with the snapshot of this name, or writes it with `UPDATE_SNAPSHOTS=1`.
#[track_caller]
pub(crate) fn check(name: &str, text: &str) {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/templates/snapshots")).join(name);
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        return fs::write(&path, text).unwrap();
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    let differs = known.lines().zip(text.lines()).find(|(known, now)| known != now);
    assert!(known == text, "`{name}` has changed, first here: {differs:?}; UPDATE_SNAPSHOTS=1 takes it over");
}
