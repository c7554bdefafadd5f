//! The templates for people who deploy by hand, with the steps in which to do so.

use std::{fs, path::Path, path::PathBuf};

use serde_json::{Value, json};

use super::{
    answers::{Answers, Viewer},
    estimate::{Estimate, Learned},
};
use crate::{
    error::{Error, Result, ResultExt as _},
    exit,
    templates::{self, viewer},
};

/// Writes all of it into an empty directory, which is made if it isn't there, and returns what was written.
pub fn write(directory: &Path, stack: &str, answers: &Answers) -> Result<Vec<PathBuf>> {
    let place = directory.display();
    fs::create_dir_all(directory).context(format!("can't make the directory `{place}`"))?;
    let mut there = fs::read_dir(directory).context(format!("can't read the directory `{place}`"))?;
    if there.next().is_some() {
        let problem = format!("the directory `{place}` is not empty");
        return Err(Error::new(problem).hint("name another one: nothing is overwritten").exit(exit::USAGE));
    }
    let main = templates::main(stack, answers)?;
    let mut files = vec![
        ("README.md".to_owned(), templates::by_hand(stack, answers, time(&main)?)?),
        ("bucket.yaml".to_owned(), templates::bucket(stack, answers)?),
        ("main.yaml".to_owned(), main),
    ];
    if answers.viewer == Viewer::Cloudfront {
        files.push((viewer::key(), viewer::PAGE.to_owned()));
    }
    files
        .into_iter()
        .map(|(name, text)| {
            let path = directory.join(name);
            fs::write(&path, text).context(format!("can't write `{}`", path.display())).map(|()| path)
        })
        .collect()
}

/// How long AWS usually takes for a template, and the chain of resources that it spends that time on.
fn time(template: &str) -> Result<Value> {
    let estimate = Estimate::create(template, &Learned::none())?;
    let what = templates::descriptions(template)?;
    let link = |logical: &String| {
        let seconds = estimate.usual(logical).unwrap_or_default().as_secs();
        json!({ "logical": logical, "seconds": seconds, "what": what.get(logical) })
    };
    let chain = estimate.critical_path().iter().map(link).collect::<Vec<_>>();
    Ok(json!({ "total": estimate.total().as_secs(), "chain": chain }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates::samples::{answers, check, variants};

    /// What other tools take 222 s for; see `cargo xtask critical-path`.
    const LIMIT: u64 = 70;
    /// The largest template, in bytes, that CloudFormation takes without a bucket; from one, it takes a megabyte.
    const LARGEST_BODY: usize = 51_200;

    #[test]
    fn the_default_is_fast_and_every_template_short() {
        let time = time(&templates::main("runvoy", &answers()).unwrap()).unwrap();
        let chain = time["chain"].as_array().unwrap();
        let sum: u64 = chain.iter().map(|link| link["seconds"].as_u64().unwrap()).sum();
        assert_eq!(time["total"].as_u64(), Some(sum), "{time}");
        assert!((30..=LIMIT).contains(&sum), "{time}");
        for (variant, answers) in variants() {
            let length = templates::main("runvoy-of-the-longest-name-there", &answers).unwrap().len();
            let needs_bucket = answers.alarm_email.is_some() && answers.viewer == Viewer::Cloudfront;
            assert!(needs_bucket || length < LARGEST_BODY, "{variant}: {length}");
        }
    }

    #[test]
    fn the_steps_look_like_this_and_are_sound_shell() {
        for (variant, answers) in variants() {
            let text = templates::by_hand("acme", &answers, json!({ "total": 60, "chain": [] })).unwrap();
            let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
            let script = blocks.collect::<String>();
            let parsed = std::process::Command::new("bash").args(["-n", "-c", &script]).output().unwrap();
            assert!(parsed.status.success(), "{variant}: {}", String::from_utf8_lossy(&parsed.stderr));
            if variant == "company" {
                check("by-hand.md", &text);
            }
        }
    }

    #[test]
    fn nothing_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("new");
        assert_eq!(write(&place, "acme", &answers()).unwrap().len(), 3);
        let error = format!("{:?}", write(&place, "acme", &answers()).unwrap_err());
        assert!(error.contains("is not empty"), "{error}");
    }
}
