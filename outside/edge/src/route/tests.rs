use super::*;

fn party<'a>(method: &Method, path: &'a str) -> Option<PartyRoute<'a>> {
    match parse(method, path)? {
        Target::Party(route) => Some(route),
        _ => None,
    }
}

#[test]
fn the_edges_own_pages() {
    assert_eq!(parse(&Method::GET, "/"), Some(Target::Page));
    assert_eq!(parse(&Method::GET, "/assets/index-A1.js"), Some(Target::Asset("index-A1.js")));
    assert_eq!(parse(&Method::GET, "/trust.json"), Some(Target::Trust));
    assert_eq!(parse(&Method::GET, "/contact.json"), Some(Target::Contact));
    assert_eq!(parse(&Method::GET, "/healthz"), Some(Target::Health));
    for path in ["/", "/trust.json", "/assets/index-A1.js"] {
        assert_eq!(parse(&Method::POST, path), None);
    }
    for path in ["/assets/", "/assets/../trust.json", "/assets/.x", "/assets/a/b", "/assets/%2e"] {
        assert_eq!(parse(&Method::GET, path), None, "{path}");
    }
}

#[test]
fn sealed_requests_and_plain_routes_pass() {
    let sealed = party(&Method::POST, "/parties/clinic/sealed").unwrap();
    assert_eq!((sealed.party, sealed.path), ("clinic", "/sealed"));
    assert_eq!(sealed.body_bytes_max, SEALED_BYTES_MAX);
    let tile = party(&Method::GET, "/parties/broker/ledger/tile/entries/x001/067.p/3").unwrap();
    assert_eq!(tile.template, "/parties/{name}/ledger/tile/{*tile}");
    assert_eq!(tile.body_bytes_max, 0);
}

#[test]
fn nothing_else_passes() {
    for path in [
        "/parties/clinic",
        "/parties/clinic/",
        "/parties/clinic/patients",
        "/parties/clinic/sealed/",
        "/parties/clinic/sealed/more",
        "/parties/clinic//sealed",
        "/parties/clinic/metrics",
        "/parties/clinic/ledger/tile/",
        "/parties/clinic/ledger/tile/../../metrics",
        "/parties/clinic/ledger/tile/%2e%2e/metrics",
        "/parties/clinic/ledger/tile/0//1",
        "/PARTIES/clinic/sealed",
        "/favicon.ico",
    ] {
        assert!(parse(&Method::POST, path).is_none(), "{path}");
        assert!(parse(&Method::GET, path).is_none(), "{path}");
    }
}

#[test]
fn the_method_counts() {
    assert!(party(&Method::GET, "/parties/clinic/sealed").is_none());
    assert!(party(&Method::DELETE, "/parties/clinic/attest").is_none());
    assert!(party(&Method::OPTIONS, "/parties/clinic/attest").is_none());
}

#[test]
fn a_long_path_is_refused() {
    let path = format!("/parties/clinic/ledger/tile/{}", "0/".repeat(PATH_BYTES_MAX));
    assert!(party(&Method::GET, path.trim_end_matches('/')).is_none());
}
