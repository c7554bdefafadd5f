//! Cuts output into log events as Docker's awslogs driver does.

/// The most one event may hold: CloudWatch's 256 KiB less its own 26 bytes.
pub(super) const EVENT_BYTES: usize = 262_144 - EVENT_OVERHEAD;
/// What CloudWatch adds to each event's length.
pub(super) const EVENT_OVERHEAD: usize = 26;

/// Bytes go in as they are read, lines come out: none empty, none too long, invalid UTF-8 replaced. Where each may begin
/// an event of several lines, whole ones keep their end, as the driver has it for joining them.
pub(super) struct Lines {
    pending: Vec<u8>,
    keep_ends: bool,
}

impl Lines {
    pub fn new(keep_ends: bool) -> Self {
        Self { pending: Vec::new(), keep_ends }
    }

    fn emit_line(&mut self, lines: &mut Vec<String>) {
        let mut line = std::mem::take(&mut self.pending);
        if self.keep_ends {
            line.push(b'\n');
        }
        emit(&line, lines);
    }

    /// The lines that these bytes complete.
    pub fn push(&mut self, mut bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        while !bytes.is_empty() {
            let room = EVENT_BYTES - self.pending.len();
            let reach = &bytes[..bytes.len().min(room)];
            let (taken, ended) = match reach.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at, true),
                None => (reach.len(), false),
            };
            self.pending.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken + usize::from(ended)..];
            if ended {
                self.emit_line(&mut lines);
            } else if self.pending.len() == EVENT_BYTES {
                let rest = self.pending.split_off(character_start(&self.pending));
                emit(&std::mem::replace(&mut self.pending, rest), &mut lines);
            }
        }
        lines
    }

    /// What came after the last newline.
    pub fn finish(mut self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.pending.is_empty() {
            self.emit_line(&mut lines);
        }
        lines
    }
}

/// Where to cut so that no character is cut in two: before the last one, if it is not whole.
fn character_start(bytes: &[u8]) -> usize {
    let Some(start) = (1..=4).filter_map(|back| bytes.len().checked_sub(back)).find(|at| bytes[*at] & 0xC0 != 0x80)
    else {
        return bytes.len();
    };
    let whole = std::str::from_utf8(&bytes[start..]).is_ok();
    if whole || start == 0 { bytes.len() } else { start }
}

/// Replacement makes text longer, so it is measured again.
fn emit(bytes: &[u8], lines: &mut Vec<String>) {
    let text = String::from_utf8_lossy(bytes);
    let mut rest = text.as_ref();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.floor_char_boundary(EVENT_BYTES));
        lines.push(line.to_owned());
        rest = more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        cut(Lines::new(false), chunks)
    }

    fn cut(mut cutter: Lines, chunks: &[&[u8]]) -> Vec<String> {
        let mut lines: Vec<String> = chunks.iter().flat_map(|chunk| cutter.push(chunk)).collect();
        lines.extend(cutter.finish());
        lines
    }

    #[test]
    fn lines_as_written_without_the_empty_ones() {
        assert_eq!(lines(&[b"one\n\n\ntw", b"o\n three\n", b"tail"]), ["one", "two", " three", "tail"]);
        assert_eq!(lines(&[b"", b"\n"]), Vec::<String>::new());
    }

    #[test]
    fn with_their_ends_none_is_empty() {
        assert_eq!(cut(Lines::new(true), &[b"one\n\n\ntw", b"o\ntail"]), ["one\n", "\n", "\n", "two\n", "tail\n"]);
        assert_eq!(cut(Lines::new(true), &[b""]), Vec::<String>::new());
    }

    #[test]
    fn long_lines_are_split_and_nothing_is_lost() {
        let long = vec![b'x'; 600_000];
        let pieces = lines(&[&long, b"\nnext\n"]);
        let lengths: Vec<usize> = pieces.iter().map(String::len).collect();
        assert_eq!(lengths, [EVENT_BYTES, EVENT_BYTES, 600_000 - 2 * EVENT_BYTES, 4]);
        let exact = vec![b'x'; EVENT_BYTES];
        assert_eq!(lines(&[&exact, b"\n"]).len(), 1);
    }

    #[test]
    fn no_character_is_cut_in_two() {
        for shift in 0..4 {
            let text = "x".repeat(shift) + &"🦀".repeat(EVENT_BYTES / 2);
            let pieces = lines(&[text.as_bytes()]);
            assert!(pieces.iter().all(|piece| piece.len() <= EVENT_BYTES));
            assert_eq!(pieces.concat(), text, "shift {shift}");
        }
    }

    #[test]
    fn invalid_utf8_is_replaced() {
        assert_eq!(lines(&[b"a\xff\xfeb\n"]), ["a\u{fffd}\u{fffd}b"]);
        let garbage = vec![0x80; EVENT_BYTES + 10];
        assert!(lines(&[&garbage]).iter().all(|line| line.len() <= EVENT_BYTES));
    }
}
