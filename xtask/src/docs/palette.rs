//! The recorded terminal's colours, which read well on a dark window.

use vt100::Color;

/// The window.
pub const WINDOW: &str = "#161b22";
/// Its title bar.
pub const BAR: &str = "#21262d";
/// The line around it, which sets it off from a dark page.
pub const EDGE: &str = "#30363d";
/// Text.
pub const TEXT: &str = "#e6edf3";
/// The title.
pub const TITLE: &str = "#9198a1";
/// The three buttons of a window.
pub const BUTTONS: [&str; 3] = ["#ff5f57", "#febc2e", "#28c840"];

const NAMED: [&str; 16] = [
    "#6e7681", "#ff7b72", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#c9d1d9", //
    "#8b949e", "#ffa198", "#7ee787", "#f2cc60", "#a5d6ff", "#e2c5ff", "#76e3ea", "#ffffff",
];

/// A colour of a cell; none for the terminal's own.
pub fn css(color: Color) -> Option<String> {
    match color {
        Color::Default => None,
        Color::Idx(index @ 0..16) => Some(NAMED[usize::from(index)].to_owned()),
        // xterm's cube of 6 x 6 x 6, then its greys.
        Color::Idx(index @ 16..232) => {
            let index = index - 16;
            let level = |digit: u8| if digit == 0 { 0 } else { 55 + 40 * digit };
            Some(hex(level(index / 36), level(index / 6 % 6), level(index % 6)))
        }
        Color::Idx(index) => {
            let grey = 8 + 10 * (index - 232);
            Some(hex(grey, grey, grey))
        }
        Color::Rgb(red, green, blue) => Some(hex(red, green, blue)),
    }
}

fn hex(red: u8, green: u8, blue: u8) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_xterms() {
        let of = |index| css(Color::Idx(index)).unwrap();
        assert_eq!([of(2), of(16), of(208), of(231)], ["#56d364", "#000000", "#ff8700", "#ffffff"]);
        assert_eq!([of(232), of(255)], ["#080808", "#eeeeee"]);
    }
}
