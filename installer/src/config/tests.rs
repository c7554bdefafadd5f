use super::*;

fn parse(text: &str) -> Config {
    Config::parse("/nowhere/config.yaml".into(), text).unwrap()
}

fn endpoint(config: &Config, name: Option<&str>) -> String {
    config.profile(name).unwrap().api_endpoint.clone().unwrap()
}

#[test]
fn the_profile_meant_is_the_named_the_current_the_default_or_the_only_one() {
    let two = "profiles: {default: {api_endpoint: d}, other: {api_endpoint: o}}\n";
    assert_eq!(endpoint(&parse(two), Some("other")), "o");
    assert_eq!(endpoint(&parse(&format!("current: other\n{two}")), None), "o");
    assert_eq!(endpoint(&parse(two), None), "d");
    assert_eq!(endpoint(&parse("profiles: {other: {api_endpoint: o}}"), None), "o");
    assert_eq!(parse("").profile_name(None), "default");
    assert!(parse("").profile(None).is_err());
}

#[test]
fn the_flat_keys_are_the_default_profile_unless_there_is_one() {
    let flat = parse("api_endpoint: flat\napi_key: k\nregion: r\n");
    assert_eq!(endpoint(&flat, None), "flat");
    let both = parse("api_endpoint: flat\nprofiles: {default: {api_endpoint: new}}\n");
    assert_eq!(endpoint(&both, None), "new");
}

#[test]
fn the_first_profile_becomes_the_current_one_and_a_removed_one_does_not_stay_it() {
    let mut config = parse("");
    let profile = |endpoint: &str| Profile { api_endpoint: Some(endpoint.into()), ..Profile::default() };
    config.set_profile("one", profile("1"));
    config.set_profile("two", profile("2"));
    assert_eq!(endpoint(&config, None), "1");
    config.remove_profile("one");
    assert_eq!(endpoint(&config, None), "2");
}

#[test]
fn what_is_saved_reads_back_with_all_that_this_version_does_not_know() {
    let mut config = parse("theme: {dark: true}\nprofiles:\n  one: {api_endpoint: '1', extra: [1, 2]}\n  two: {}\n");
    config.remove_profile("two");
    let text = serde_yaml::to_string(&config.to_tree()).unwrap();
    assert_eq!(text, "theme:\n  dark: true\nprofiles:\n  one:\n    api_endpoint: '1'\n    extra:\n    - 1\n    - 2\n");
}

#[test]
fn a_pending_key_stays_beside_the_profile_until_it_is_taken_away() {
    let text = "profiles:\n  one:\n    api_key: old\n    pending:\n      api_endpoint: '1'\n      api_key: new\n";
    let mut config = parse(text);
    let mut profile = config.profile(Some("one")).unwrap().clone();
    assert_eq!((profile.api_key.as_deref(), profile.pending.as_ref().unwrap().api_key.as_str()), (Some("old"), "new"));
    assert_eq!(serde_yaml::to_string(&config.to_tree()).unwrap(), text);
    profile.pending = None;
    config.set_profile("one", profile);
    assert!(!serde_yaml::to_string(&config.to_tree()).unwrap().contains("pending"));
}

#[test]
fn an_update_keeps_what_others_wrote_since() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    let add = |config: &mut Config, name: &str| config.update(|config| config.set_profile(name, Profile::default()));
    let mut early = Config::parse(path.clone(), "").unwrap();
    add(&mut Config::parse(path.clone(), "").unwrap(), "theirs").unwrap();
    add(&mut early, "ours").unwrap();
    assert!(early.profile(Some("theirs")).is_ok());
    let saved = Config::parse(path.clone(), &read(&path).unwrap()).unwrap();
    assert!(saved.profile(Some("theirs")).is_ok() && saved.profile(Some("ours")).is_ok());
}
