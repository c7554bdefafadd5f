//! Inputs that are almost right: pure noise would never come past a parser's first step.

/// What breaks parsers, put in somewhere.
const TOKENS: &[&str] = &[
    "null",
    "true",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    ",",
    ":",
    "-1",
    "0",
    "1e999",
    "18446744073709551616",
    "\\u0000",
    "\\ud800",
    "'",
    "''",
    "*",
    "**",
    "$(",
    "`",
    " ",
    "\n",
    "\0",
    "\u{e9}",
    "\u{1f600}",
    ".",
    "=",
    "/",
    "%2F",
    "%",
    "9999-12-31T23:59:59-23:59",
    "0000-01-01T00:00:00+23:59",
    "0001-01-01",
    "2025-02-30",
    "24h",
    "0",
    "_",
    "-",
    "@",
];

/// A seed with the edits that `input` describes; or `input` itself, where it begins as text does.
pub fn input(seeds: &[&str], input: &[u8]) -> Vec<u8> {
    let (Some(first), Some(edits)) = (input.first(), input.get(1..)) else { return Vec::new() };
    if first.is_ascii_graphic() || first.is_ascii_whitespace() {
        return input.to_vec();
    }
    let mut text = seeds[usize::from(*first) % seeds.len()].as_bytes().to_vec();
    for edit in edits.chunks_exact(4) {
        let place = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % (text.len() + 1);
        let end = (place + usize::from(edit[3] % 16)).min(text.len());
        match edit[2] % 5 {
            0 => drop(text.drain(place..end)),
            1 => text.insert(place, edit[3]),
            2 => drop(text.splice(place..end, text[place..end].to_vec().repeat(2))),
            _ => drop(text.splice(place..place, TOKENS[usize::from(edit[3]) % TOKENS.len()].bytes())),
        }
    }
    text
}

/// The same for what is text in any case.
pub fn text(seeds: &[&str], bytes: &[u8]) -> String {
    String::from_utf8_lossy(&input(seeds, bytes)).into_owned()
}
