//! Bodies of the query protocol.

/// `application/x-www-form-urlencoded` fields, in order.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub fn parse(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        Self(text.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (decode(k), decode(v))).collect())
    }

    /// As it is sent.
    pub fn text(&self) -> String {
        encode(&self.0.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>())
    }

    /// A field that isn't empty.
    pub fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.clone())
    }

    /// The values of `name.member.1` and so on.
    pub fn members(&self, name: &str) -> Vec<&str> {
        let prefix = format!("{name}.member.");
        self.0.iter().filter(|(key, _)| key.starts_with(&prefix)).map(|(_, value)| value.as_str()).collect()
    }
}

/// A text as it was before it was escaped.
pub(super) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, escaped_byte(tail)) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn escaped_byte(tail: &[u8]) -> Option<u8> {
    let hex = std::str::from_utf8(tail.get(..2)?).ok()?;
    u8::from_str_radix(hex, 16).ok()
}

/// The reverse of reading: a form's text.
pub(super) fn encode(fields: &[(&str, &str)]) -> String {
    fields.iter().map(|(key, value)| format!("{key}={}", escape(value))).collect::<Vec<_>>().join("&")
}

fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_read_back() {
        let text = encode(&[("A", "x y&z=%é"), ("Capabilities.member.1", "CAPABILITY_IAM")]);
        let form = Form::parse(text.as_bytes());
        assert_eq!(form.get("A").as_deref(), Some("x y&z=%é"));
        assert_eq!(form.members("Capabilities"), ["CAPABILITY_IAM"]);
        assert_eq!(Form::parse(b"A=a+b%2&B=").get("A").as_deref(), Some("a b%2"));
    }
}
