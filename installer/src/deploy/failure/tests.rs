use super::*;

fn card() -> Card {
    let resource = |what: &str, kind: &str, monthly| Existing {
        what: what.into(),
        kind: kind.into(),
        physical: "p".into(),
        monthly,
    };
    Card {
        stack: "runvoy-acme".into(),
        status: "UPDATE_ROLLBACK_COMPLETE".into(),
        what: "permissions of the function for the API (`AWS::IAM::Role`, `ApiFunctionRole`)".into(),
        logical: Some("ApiFunctionRole".into()),
        kind: Some("AWS::IAM::Role".into()),
        reason: "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: iam:CreateRole on resource: x"
            .into(),
        means: "`arn:aws:iam::123456789012:user/ann` may not call `iam:CreateRole`".into(),
        next: "have that permission added, then run `runvoy init --stack-name runvoy-acme --region eu-west-1`".into(),
        exists: Some(vec![
            resource("way out for private subnets", "AWS::EC2::NatGateway", Some(32.85)),
            resource("secret that signs log links", "AWS::SecretsManager::Secret", Some(0.4)),
            resource("network", "AWS::EC2::VPC", None),
        ]),
    }
}

fn plain(width: usize) -> String {
    console::strip_ansi_codes(&card().render(width)).into_owned()
}

#[test]
fn the_card_on_a_wide_terminal() {
    let expected = "\
✗ stack `runvoy-acme` failed and is now `UPDATE_ROLLBACK_COMPLETE`
  what    permissions of the function for the API (`AWS::IAM::Role`, `ApiFunctionRole`)
  reason  User: arn:aws:iam::123456789012:user/ann is not authorized to perform: iam:CreateRole on
          resource: x
  means   `arn:aws:iam::123456789012:user/ann` may not call `iam:CreateRole`
  exists  3 resources; about $33.25 a month while idle: way out for private subnets ($32.85),
          secret that signs log links ($0.40)
  next    have that permission added, then run
          `runvoy init --stack-name runvoy-acme --region eu-west-1`";
    assert_eq!(plain(200), expected);
}

#[test]
fn a_narrow_terminal_breaks_nothing_but_what_must_stay_in_one_piece() {
    for line in plain(40).lines() {
        let text = line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_lowercase()).trim();
        let in_one_piece = !text.contains(' ') || text.matches('`').count() == 2;
        assert!(console::measure_text_width(line) <= 40 || in_one_piece, "{line}");
    }
}

#[test]
fn an_error_carries_its_card() {
    let error = Error::from(card()).context("stack `runvoy-acme` failed").hint("x");
    assert_eq!(error.find::<Card>(), Some(&card()));
    assert_eq!(json(&card())["exists"][0]["monthly"], 32.85);
}

#[test]
fn what_is_not_known_is_not_called_nothing() {
    assert!(existing::describe(None).starts_with("unknown"));
    assert!(existing::describe(Some(&[])).starts_with("nothing"));
}
