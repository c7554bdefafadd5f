//! The program's exit codes, apart from those that `runvoy exec` passes on. The README lists them.

/// An error that says nothing else.
pub const FAILED: u8 = 1;
/// Something was asked for wrongly, or nobody is there to be asked.
pub const USAGE: u8 = 2;
/// Something is missing before anything starts: nothing was changed.
pub const PREFLIGHT: u8 = 3;
/// Work that was done without reaching its end.
pub const PARTLY_DONE: u8 = 4;
/// Refused so that nothing gets lost: nothing was changed.
pub const REFUSED: u8 = 5;
/// What went wrong on our side, where every other code may be the command's own.
pub const OUR_FAILURE: u8 = 125;
/// Whoever interrupted it left before the end.
pub const INTERRUPTED: u8 = 130;
/// Whoever reads the output has closed it.
pub const BROKEN_PIPE: u8 = 141;
