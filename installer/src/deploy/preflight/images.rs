//! Whether what containers are made from can be had where they will run, as far as the images' names tell.

use runvoy_api::image;

use super::Outcome;
use crate::deploy::answers::{Answers, DEFAULT_PREPARE_IMAGE, Network};

/// None where there is nothing to say: whether a registry has an image shows when a task starts.
pub fn check(account: &str, region: &str, answers: &Answers) -> Option<Outcome> {
    let prepare = answers.prepare_image.as_deref().unwrap_or(DEFAULT_PREPARE_IMAGE);
    let private = answers.network == Network::Private;
    for (image, flag) in [(answers.image.as_str(), "--image"), (prepare, "--executor-image")] {
        let copy = format!("copy it into a repository of this account in {region}, and name that by `{flag}`");
        match image::ecr(image) {
            Some((owner, _)) if owner != account => {
                let problem =
                    format!("`{image}` is account {owner}'s: containers may pull from this account's ECR only");
                return Some(Outcome::fail(problem, copy));
            }
            Some((_, place)) if private && place != region => {
                let problem = format!("`{image}` is in {place}: a private network reaches ECR in {region} only");
                return Some(Outcome::fail(problem, copy));
            }
            _ => {}
        }
    }
    if !private {
        return None;
    }
    // The default image was refused with the choice, if it is elsewhere; without this one, short plain commands can run.
    Some(match image::ecr(prepare) {
        Some(_) => Outcome::Pass(format!("in this account's ECR in {region}, which a private network reaches")),
        None => Outcome::unknown(
            format!("uploads and commands over 4 KB take `{prepare}`, which a private network can't reach"),
            "go on without them, or add `--executor-image` with an image of this account's ECR (`cargo xtask image`)",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates::samples;

    const ACCOUNT: &str = "123456789012";
    const REGION: &str = "eu-west-1";

    fn found(network: Network, image: &str, prepare_image: Option<&str>) -> String {
        let prepare_image = prepare_image.map(str::to_owned);
        let answers = Answers { network, image: image.to_owned(), prepare_image, ..samples::answers() };
        match check(ACCOUNT, REGION, &answers) {
            None => "nothing".to_owned(),
            Some(Outcome::Pass(text)) => format!("pass: {text}"),
            Some(Outcome::Fail { problem, hint }) => format!("fail: {problem}: {hint}"),
            Some(Outcome::Unknown { why, hint }) => format!("unknown: {why}: {hint}"),
        }
    }

    #[test]
    fn images_must_be_within_reach() {
        let own = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/tools:1";
        let far = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1";
        let foreign = "210987654321.dkr.ecr.eu-west-1.amazonaws.com/tools:1";
        let (public, private) = (Network::Public, Network::Private);
        for (network, image, prepare, expected) in [
            (public, "alpine", None, "nothing"),
            (public, far, None, "nothing"),
            (public, foreign, None, "fail: `210987654321"),
            (private, own, Some(own), "pass: "),
            (private, own, None, "unknown: uploads and commands over 4 KB take `public.ecr.aws/"),
            (private, far, Some(own), "is in us-east-1: a private network reaches ECR in eu-west-1 only"),
            (private, own, Some(far), "name that by `--executor-image`"),
        ] {
            let said = found(network, image, prepare);
            assert!(said.contains(expected), "{network:?} {image} {prepare:?}: {said}");
        }
    }
}
