//! "Did you mean": the known word that a mistyped one was likely meant to be.

/// The nearest of the `known` words, if it is near at all.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |candidate: &str| strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase());
    let nearest = known.into_iter().map(|candidate| (distance(candidate), candidate)).min_by_key(|(far, _)| *far)?;
    // A third of the letters may be wrong, and one in any case.
    (nearest.0 <= (word.chars().count() / 3).max(1)).then_some(nearest.1)
}

/// A hint for whoever wrote `word` where one of `known` belongs.
pub fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            format!("there is {}", known.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = ["lock", "timeout", "cpu"];
        for (word, meant) in [
            ("lokc", Some("lock")),
            ("Lock", Some("lock")),
            ("timout", Some("timeout")),
            ("cup", Some("cpu")),
            ("image", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
        assert_eq!(hint("image", known), "there is `lock`, `timeout`, `cpu`");
        assert_eq!(nearest("x", []), None);
    }
}
