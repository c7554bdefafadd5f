//! What git knows of the folder that we are in.

use std::path::Path;

/// The top of the work tree that `folder` is in: the nearest folder upwards with a `.git`, which is a file in a linked
/// work tree.
pub fn root(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|folder| folder.join(".git").exists())
}
