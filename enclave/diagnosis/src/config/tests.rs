#![allow(clippy::format_collect, reason = "a short text")]

use super::*;

const EXAMPLE: &str = include_str!("../../diagnosis.example.toml");

fn parse(text: &str) -> Result<Config, toml::de::Error> {
    toml::from_str(text)
}

fn with(from: &str, to: &str) -> Result<Config, toml::de::Error> {
    assert!(EXAMPLE.contains(from), "{from}");
    parse(&EXAMPLE.replacen(from, to, 1))
}

#[test]
fn the_example_is_read() {
    let config = parse(EXAMPLE).unwrap();
    assert_eq!(
        config.engine,
        EngineConfig::Rten { threads: NonZeroU8::new(2).unwrap(), runs: NonZeroU8::MIN }
    );
    assert_eq!(config.callers, [[WorkloadName::parse("clinic").unwrap()]]);
    let model = &config.models[0];
    assert_eq!((model.input.as_str(), model.output.as_str()), ("image", "probability"));
    assert_eq!(model.preprocessing, Preprocessing::BrainMri);
}

#[test]
fn defaults_are_the_documented_ones() {
    let bare = EXAMPLE.replace("kind = \"rten\"\nthreads = 2  # of one run\n", "kind = \"rten\"\n");
    let bare: String = bare
        .lines()
        .filter(|line| !line.contains("as by default"))
        .map(|line| format!("{line}\n"))
        .collect();
    let config = parse(&bare).unwrap();
    assert_eq!(config.engine, parse(EXAMPLE).unwrap().engine);
    assert_eq!(config.models[0].output, "probability");
}

#[test]
fn onnxruntime_needs_a_library_and_its_digest() {
    let ort = |rest: &str| with("kind = \"rten\"", &format!("kind = \"ort\"\n{rest}"));
    let digest = Digest::of("");
    assert!(ort(&format!("library = {{ path = \"x.so\", digest = \"{digest}\" }}")).is_ok());
    assert!(ort("").is_err());
    assert!(ort("library = { path = \"x.so\" }").is_err());
    assert!(with("kind = \"rten\"", "kind = \"rten\"\nlibrary = 1").is_err());
}

#[test]
fn unknown_fields_and_kinds_stop_the_boot() {
    assert!(with("kind = \"rten\"", "kind = \"tract\"").is_err());
    assert!(with("version = \"1\"", "version = \"1\"\nurl = \"http://x\"").is_err());
    assert!(with("callers =", "extra = 1\ncallers =").is_err());
    assert!(with("\"brain-mri\"  #", "\"resize\"  #").is_err());
}

#[test]
fn names_digests_and_threads_are_checked() {
    assert!(with("name = \"brain-mri\"", "name = \"../brain\"").is_err());
    assert!(with("digest = \"sha256:e3", "digest = \"sha256:E3").is_err());
    assert!(with("threads = 2", "threads = 0").is_err());
}
