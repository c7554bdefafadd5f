use runvoy_sandbox::Chunk;

const KEY: &str = "sk_live_";

/// Replaces texts in what a program wrote, wherever the chunks were cut, and shortens API keys to `sk_live_…`.
pub fn mask(chunks: &[Chunk], texts: &[(String, String)]) -> Vec<Chunk> {
    let all: Vec<u8> = chunks.iter().flat_map(|chunk| &chunk.bytes).copied().collect();
    let mut masked: Vec<Chunk> = Vec::new();
    let (mut at, mut begin) = (0, 0);
    for chunk in chunks {
        let end = begin + chunk.bytes.len();
        let mut bytes = Vec::new();
        // What was replaced may have reached into this chunk, or past it.
        while at < end {
            let (length, shown) = replaced(&all[at..], texts).unwrap_or((1, &all[at..=at]));
            bytes.extend_from_slice(shown);
            at += length;
        }
        masked.push(Chunk { at: chunk.at, bytes });
        begin = end;
    }
    masked
}

/// How much of the beginning is not to be seen, and what is to be seen instead.
fn replaced<'a>(rest: &[u8], texts: &'a [(String, String)]) -> Option<(usize, &'a [u8])> {
    if let Some(key) = rest.strip_prefix(KEY.as_bytes()) {
        let digits = key.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        return Some((KEY.len() + digits, "sk_live_…".as_bytes()));
    }
    let (secret, shown) = texts.iter().find(|(secret, _)| rest.starts_with(secret.as_bytes()))?;
    Some((secret.len(), shown.as_bytes()))
}

/// Whether a part of the key, long enough to be no accident, is in the text.
pub fn shows_key(text: &str, key: &str) -> bool {
    const PART: usize = 12;
    let digits = key.trim_start_matches(KEY).as_bytes();
    let mut seen = text.as_bytes().windows(PART).filter(|seen| seen.iter().all(u8::is_ascii_hexdigit));
    seen.any(|seen| digits.windows(PART).any(|part| part == seen))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn chunks(texts: &[&str]) -> Vec<Chunk> {
        let chunk = |(at, text): (u64, &&str)| Chunk { at: Duration::from_secs(at), bytes: text.as_bytes().to_vec() };
        (0..).zip(texts).map(chunk).collect()
    }

    #[test]
    fn what_is_cut_in_two_is_masked_too() {
        let texts = [("210987654321".to_owned(), "123456789012".to_owned()), ("/tmp/x".to_owned(), "~".to_owned())];
        let masked = mask(&chunks(&["in 2109876", "5432", "1: sk_li", "ve_0123abc, /tmp", "/x/é"]), &texts);
        let shown: Vec<_> = masked.iter().map(|chunk| String::from_utf8(chunk.bytes.clone()).unwrap()).collect();
        assert_eq!(shown, ["in 123456789012", "", ": sk_live_…", ", ~", "/é"]);
        assert_eq!(masked[4].at, Duration::from_secs(4));
    }

    #[test]
    fn a_part_of_a_key_is_seen() {
        let key = format!("sk_live_{}", "0123456789abcdef".repeat(4));
        assert!(shows_key("key 456789abcdef0 ", &key));
        assert!(!shows_key("key sk_live_… 456789abcde ", &key));
    }
}
