//! What the simulator answers.

use roxmltree::Node;

use super::xml;

/// What it says about one action.
#[derive(Debug, PartialEq, Eq)]
pub struct Decision {
    /// `iam:CreateRole`
    pub action: String,
    /// Whether that is allowed.
    pub verdict: Verdict,
}

/// Whether an action is allowed, the best of all resources that it was asked about for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Yes.
    Allowed,
    /// On conditions that the simulator was not told about.
    Depends,
    /// By the caller's own policies, or for want of one that allows it.
    Denied,
    /// The caller's policies would, its boundary does not.
    DeniedByBoundary,
    /// A service control policy does not.
    DeniedByOrganization,
}

/// One decision for each of `asked`; none if the reply is cut off, leaves one out or makes no sense.
pub fn read(reply: &str, asked: &[&str]) -> Option<Vec<Decision>> {
    let reply = xml::parse(reply)?;
    if xml::all(reply.root(), "IsTruncated").next().and_then(|node| node.text()) == Some("true") {
        return None;
    }
    let results = xml::entries(reply.root(), "EvaluationResults")?;
    let decide = |action: &&str| {
        let about = results.iter().filter(|result| xml::text(**result, "EvalActionName") == Some(action));
        let verdict = about.map(|result| verdict(*result)).collect::<Option<Vec<_>>>()?.into_iter().min()?;
        Some(Decision { action: (*action).to_owned(), verdict })
    };
    asked.iter().map(decide).collect()
}

/// Of one result: where it goes into single resources, theirs.
fn verdict(result: Node<'_, '_>) -> Option<Verdict> {
    let whole = one(result, "EvalDecision", result)?;
    let resources = result.children().find(|node| node.tag_name().name() == "ResourceSpecificResults");
    let members: Vec<_> = resources.into_iter().flat_map(|list| list.children().filter(Node::is_element)).collect();
    if members.is_empty() {
        return Some(whole);
    }
    // Only the result as a whole says what an organization thinks of it.
    members
        .into_iter()
        .map(|member| one(member, "EvalResourceDecision", result))
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .min()
}

fn one(node: Node<'_, '_>, decision: &str, whole: Node<'_, '_>) -> Option<Verdict> {
    let says_no = |node: Node<'_, '_>, name| xml::all(node, name).next().and_then(|node| node.text()) == Some("false");
    let conditional = node
        .children()
        .filter(|node| node.tag_name().name() == "MissingContextValues")
        .any(|list| list.children().any(|node| node.is_element()));
    Some(match xml::text(node, decision)? {
        "allowed" => Verdict::Allowed,
        "explicitDeny" | "implicitDeny" if says_no(whole, "AllowedByOrganizations") => Verdict::DeniedByOrganization,
        "explicitDeny" | "implicitDeny" if says_no(node, "AllowedByPermissionsBoundary") => Verdict::DeniedByBoundary,
        "implicitDeny" if conditional => Verdict::Depends,
        "explicitDeny" | "implicitDeny" => Verdict::Denied,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(results: &str) -> String {
        format!(
            r#"<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><SimulatePrincipalPolicyResult>
            <EvaluationResults>{results}</EvaluationResults><IsTruncated>false</IsTruncated>
            </SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"#
        )
    }

    fn result(decision: &str, more: &str) -> String {
        format!("<member><EvalActionName>x:Do</EvalActionName><EvalDecision>{decision}</EvalDecision>{more}</member>")
    }

    fn verdict_of(results: &str) -> Option<Verdict> {
        read(&reply(results), &["x:Do"])?.pop().map(|decision| decision.verdict)
    }

    #[test]
    fn each_way_of_saying_no_is_told_apart() {
        let scp = "<OrganizationsDecisionDetail><AllowedByOrganizations>false</AllowedByOrganizations></OrganizationsDecisionDetail>";
        let boundary = "<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>false</AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail>";
        let missing = "<MissingContextValues><member>aws:MultiFactorAuthAge</member></MissingContextValues>";
        let cases = [
            (result("allowed", ""), Verdict::Allowed),
            (result("implicitDeny", ""), Verdict::Denied),
            (result("implicitDeny", "<MissingContextValues/>"), Verdict::Denied),
            (result("implicitDeny", missing), Verdict::Depends),
            (result("explicitDeny", missing), Verdict::Denied),
            (result("implicitDeny", boundary), Verdict::DeniedByBoundary),
            (result("implicitDeny", scp), Verdict::DeniedByOrganization),
        ];
        for (result, expected) in cases {
            assert_eq!(verdict_of(&result), Some(expected), "{result}");
        }
    }

    #[test]
    fn allowed_on_one_of_the_resources_is_allowed() {
        let on = |decision: &str| format!("<member><EvalResourceDecision>{decision}</EvalResourceDecision></member>");
        let both = |a: &str, b: &str| {
            let list = format!("<ResourceSpecificResults>{}{}</ResourceSpecificResults>", on(a), on(b));
            verdict_of(&result("implicitDeny", &list))
        };
        assert_eq!(both("implicitDeny", "allowed"), Some(Verdict::Allowed));
        assert_eq!(both("implicitDeny", "explicitDeny"), Some(Verdict::Denied));
        // Some answer with a result for each resource instead.
        assert_eq!(verdict_of(&(result("implicitDeny", "") + &result("allowed", ""))), Some(Verdict::Allowed));
    }

    #[test]
    fn what_makes_no_sense_decides_nothing() {
        assert_eq!(verdict_of(&result("perhaps", "")), None);
        assert_eq!(verdict_of(""), None);
        assert_eq!(read(&reply(&result("allowed", "")), &["x:Do", "x:Other"]), None);
        let cut = reply(&result("allowed", "")).replace("false</IsTruncated>", "true</IsTruncated>");
        assert_eq!(read(&cut, &["x:Do"]), None);
        assert_eq!(read("no xml", &["x:Do"]), None);
    }
}
