//! Lists in CloudFormation's XML.

/// The contents of the `<member>`s right beneath the first `<list>`.
pub(super) fn members(xml: &str, list: &str) -> Vec<String> {
    let open = format!("<{list}>");
    let Some((_, mut rest)) = xml.split_once(&open) else { return Vec::new() };
    let mut members = Vec::new();
    while let Some(tail) = rest.strip_prefix(MEMBER) {
        let Some(end) = matching_end(tail) else { break };
        members.push(tail[..end].to_owned());
        rest = &tail[end + END.len()..];
    }
    members
}

const MEMBER: &str = "<member>";
const END: &str = "</member>";

/// Where the member ends whose content `text` starts with.
fn matching_end(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        let end = at + text.get(at..)?.find(END)?;
        depth += text[at..end].matches(MEMBER).count();
        if depth == 0 {
            return Some(end);
        }
        depth -= 1;
        at = end + END.len();
    }
}

/// Replaces the text of the first element called `tag`; nothing if there is none.
pub(super) fn set(xml: &str, tag: &str, text: &str) -> String {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    match xml.split_once(&open).and_then(|(before, rest)| Some((before, rest.split_once(&close)?.1))) {
        Some((before, after)) => format!("{before}{open}{text}{close}{after}"),
        None => xml.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_lists_stay_whole() {
        let xml = "<R><Stacks><member><N>a</N><T><member>1</member><member>2</member></T></member><member>b</member>\
                   </Stacks><Other><member>c</member></Other></R>";
        let found = members(xml, "Stacks");
        assert_eq!(found, ["<N>a</N><T><member>1</member><member>2</member></T>", "b"]);
        assert_eq!(members("<Stacks></Stacks>", "Stacks"), [""; 0]);
        assert_eq!(set(&found[0], "N", "x"), "<N>x</N><T><member>1</member><member>2</member></T>");
    }
}
