//! Replies of the query protocol.

use roxmltree::{Document, Node};

/// A reply as a document; none if it is no XML.
pub fn parse(text: &str) -> Option<Document<'_>> {
    Document::parse(text).ok()
}

/// All elements of this name, at any depth, whatever their namespace.
pub fn all<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.descendants().filter(move |node| node.tag_name().name() == name)
}

/// The text of the child of this name.
pub fn text<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let child = node.children().find(|node| node.tag_name().name() == name)?;
    child.text().map(str::trim)
}

/// The entries of a list: its children that are elements.
pub fn entries<'a, 'i>(node: Node<'a, 'i>, list: &str) -> Option<Vec<Node<'a, 'i>>> {
    let list = node.descendants().find(|node| node.tag_name().name() == list)?;
    Some(list.children().filter(Node::is_element).collect())
}
