//! What `runvoy --help` says, as programs read it.

/// The names of the commands that a help lists, under whatever headings: `  name  What it is for`, or `More: name, name`.
/// They come first: what follows arguments and options may look the same.
pub fn commands(help: &str) -> impl Iterator<Item = &str> {
    let help = help.split("\nOptions:").next().unwrap_or_default().split("\nArguments:").next().unwrap_or_default();
    let more = help.lines().filter_map(|line| line.strip_prefix("More: ")).flat_map(|names| names.split(", "));
    let names = help.lines().filter_map(|line| line.strip_prefix("  ")?.split_once("  "));
    let names = names.map(|(name, _)| name).filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
    names.filter(|name| *name != "help" && !name.contains(' ')).chain(more)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_commands_are_those_that_the_help_lists() {
        let help = "Does things\n\nUsage: x\n\nDaily:\n  up    Starts\n        and stays\nOther:\n  down  Stops\n  help  \
                    This\nMore: left, right\nOptions:\n  -h  Help\n\nArguments:\n  <X>  What\n\nExamples:\n  x up\n  x up 'a  b'\n";
        assert_eq!(super::commands(help).collect::<Vec<_>>(), ["up", "down", "left", "right"]);
    }
}
