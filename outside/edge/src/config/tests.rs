use super::*;

const EXAMPLE: &str = include_str!("../../edge.example.toml");

#[test]
fn the_example_parses_and_has_defaults() {
    let config = Config::parse(EXAMPLE).unwrap();
    assert_eq!(config.parties.len(), 4);
    assert_eq!(config.parties["clinic"].authority().as_str(), "127.0.0.1:7404");
    assert_eq!(config.limits.stall_ms, STALL_MS);
}

#[test]
fn unknown_fields_are_refused() {
    let error = Config::parse(&format!("surprise = 1\n{EXAMPLE}")).unwrap_err();
    assert_eq!(error.code(), "config.malformed");
}

#[test]
fn no_parties_and_zero_limits_are_refused() {
    let none = Config::parse("listen = \"127.0.0.1:0\"\n[parties]\n").unwrap_err();
    assert_eq!(none.code(), "config.no_parties");
    let zero = "listen = \"127.0.0.1:0\"\n[parties]\na = \"http://h:1\"\n[limits]\nstall_ms = 0\n";
    assert_eq!(Config::parse(zero).unwrap_err().code(), "config.zero_limit");
}

#[test]
fn names_and_upstreams_are_parsed_strictly() {
    for bad in ["", "A", "a b", "a/b", "..", &"a".repeat(33)] {
        assert!(PartyName::parse(bad).is_none(), "{bad}");
    }
    for bad in ["h:1", "https://h:1", "http://h:1/path", "http://u@h:1", "http://h:1/?q", ""] {
        assert!(Upstream::parse(bad).is_none(), "{bad}");
    }
    assert!(Upstream::parse("http://127.0.0.1:80").is_some());
}
