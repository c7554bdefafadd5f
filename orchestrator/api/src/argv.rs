//! Commands as words, for where no shell may interpret them.

/// What a shell would act upon outside of quotes.
const SPECIAL: &str = ";&|<>()$`\\*?[]{}~!#";

/// Splits a command into its words: quotes group, and nothing expands. What only a shell could do is refused, with the
/// rest of a sentence that begins with "the command".
pub fn split(command: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' => words.extend(word.take()),
            '\'' | '"' => word.get_or_insert_default().push_str(&quoted(c, &mut chars)?),
            c if SPECIAL.contains(c) || c.is_control() => {
                return Err(format!("must not have `{}` in it outside of single quotes", c.escape_debug()));
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if words.is_empty() { Err("must have a word".to_owned()) } else { Ok(words) }
}

fn quoted(quote: char, chars: &mut std::str::Chars<'_>) -> Result<String, String> {
    let mut text = String::new();
    loop {
        match chars.next() {
            None => return Err("ends within quotes".to_owned()),
            Some(c) if c == quote => return Ok(text),
            Some(c @ ('$' | '`' | '\\')) if quote == '"' => {
                return Err(format!("must not have `{c}` in it outside of single quotes"));
            }
            Some(c) => text.push(c),
        }
    }
}

/// A line by which a shell does nothing but become this command: every word is quoted whole.
pub fn without_shell(words: &[String]) -> String {
    let quote = |word: &String| format!("'{}'", word.replace('\'', r"'\''"));
    format!("exec {}", words.iter().map(quote).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_group_and_nothing_expands() {
        assert_eq!(split("a  'b c'\t\"d'e\"f ''").unwrap(), ["a", "b c", "d'ef", ""]);
        for bad in ["", "  ", "a;b", "a $B", "a \"$B\"", "a \\b", "a 'b", "a\nb", "a > b", "~", "a*"] {
            assert!(split(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_shell_gives_back_the_same_words() {
        let words = ["printf", "%s|", "a b", "$HOME", "`id`", "it's", "", "\\", "x\ny"].map(str::to_owned);
        let ran = std::process::Command::new("/bin/sh").args(["-c", &without_shell(&words)]).output().unwrap();
        assert_eq!(String::from_utf8(ran.stdout).unwrap(), "a b|$HOME|`id`|it's||\\|x\ny|");
    }
}
