//! Who is going to make all this.

use super::Outcome;

/// Whose permissions an ARN of STS stands for.
#[derive(Debug, PartialEq, Eq)]
pub enum Principal {
    /// A user, by ARN: it can be asked about as it is.
    User(String),
    /// A role, by name: its own ARN has a path that the session's has not.
    Role(String),
    /// The account's root user.
    Root,
    /// Something else, such as a federated user.
    Other,
}

impl Principal {
    /// Reads it off what `GetCallerIdentity` says.
    pub fn of(arn: &str) -> Self {
        let mut parts = arn.splitn(6, ':');
        let (service, resource) = (parts.nth(2), parts.nth(2));
        match (service, resource) {
            (Some("iam"), Some("root")) => Self::Root,
            (Some("iam"), Some(name)) if name.starts_with("user/") => Self::User(arn.to_owned()),
            (Some("sts"), Some(name)) => match name.strip_prefix("assumed-role/").and_then(|name| name.split_once('/'))
            {
                Some((role, _session)) => Self::Role(role.to_owned()),
                None => Self::Other,
            },
            _ => Self::Other,
        }
    }
}

/// Says who it is, and what is unwise about it.
pub fn describe(account: &str, arn: &str) -> Outcome {
    let remark = match Principal::of(arn) {
        Principal::Root => " (the root user: it works, but AWS advises to use a role for everyday work)",
        _ => "",
    };
    Outcome::Pass(format!("account {account}, {arn}{remark}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_read_off_arns() {
        let role = |name: &str| Principal::Role(name.into());
        let user = "arn:aws:iam::123456789012:user/ops/jo";
        let cases = [
            (user, Principal::User(user.into())),
            ("arn:aws:iam::123456789012:root", Principal::Root),
            ("arn:aws:sts::123456789012:assumed-role/deployer/ci-42", role("deployer")),
            (
                "arn:aws-us-gov:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/jo@example.com",
                role("AWSReservedSSO_Admin_0123456789abcdef"),
            ),
            ("arn:aws:sts::123456789012:federated-user/jo", Principal::Other),
            ("an unnamed identity", Principal::Other),
        ];
        for (arn, expected) in cases {
            assert_eq!(Principal::of(arn), expected, "{arn}");
        }
    }

    #[test]
    fn the_root_user_is_called_out() {
        let Outcome::Pass(text) = describe("123456789012", "arn:aws:iam::123456789012:root") else { panic!() };
        assert!(text.contains("root user"), "{text}");
    }
}
