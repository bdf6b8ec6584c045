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

#[test]
fn clients_of_other_protocols_find_them_at_the_root_and_below_the_party() {
    for (method, path, home) in [
        (Method::POST, "/attest/SgxEnclave", "attestor"),
        (Method::GET, "/certs", "attestor"),
        (Method::GET, "/.well-known/openid-configuration", "attestor"),
        (Method::PUT, "/policies/SgxEnclave", "attestor"),
        (Method::POST, "/policies/SgxEnclave:reset", "attestor"),
        (Method::GET, "/certificates", "attestor"),
        (Method::POST, "/certificates:add", "attestor"),
        (Method::POST, "/attestation", "attestor"),
        (Method::POST, "/challenge-response/v1/newSession", "attestor"),
        (Method::DELETE, "/challenge-response/v1/session/0b1c", "attestor"),
        (Method::GET, "/.well-known/veraison/verification", "attestor"),
        (Method::POST, "/kbs/v0/auth", "broker"),
        (Method::POST, "/kbs/v0/attest", "broker"),
        (Method::GET, "/kbs/v0/resource/default/key/1", "broker"),
        (Method::POST, "/kbs/v0/resource/default/key/1", "broker"),
        (Method::DELETE, "/kbs/v0/resource/default/key/1", "broker"),
        (Method::GET, "/kbs/v0/resource-policy", "broker"),
    ] {
        let route = party(&method, path).unwrap();
        assert_eq!((route.party, route.path), (home, path));
        assert!(!route.template.contains("parties"), "{}", route.template);
        let named = format!("/parties/other{path}");
        assert_eq!(party(&method, &named).unwrap().party, "other");
    }
    assert!(party(&Method::POST, "/attest").is_none(), "our own stand below the party only");
    assert!(party(&Method::POST, "/sealed").is_none());
    assert!(party(&Method::POST, "/attest/a%2f").is_none());
    assert!(party(&Method::POST, "/kbs/v0/reference-value").is_none());
    assert!(party(&Method::GET, "/kbs/v0/resource/../auth").is_none());
}

#[test]
fn of_a_query_only_what_a_foreign_protocol_needs_passes() {
    let certs = party(&Method::GET, "/certs").unwrap();
    assert_eq!(certs.target(None), "/certs");
    assert_eq!(certs.target(Some("api-version=2025-06-01")), "/certs?api-version=2025-06-01");
    assert_eq!(certs.target(Some("x=1&api-version=1&api-version")), "/certs?api-version=1");
    assert_eq!(certs.target(Some("api-version=%0d%0a")), "/certs");
    assert_eq!(certs.target(Some(&format!("api-version={}", "1".repeat(300)))), "/certs");
    let resource = party(&Method::GET, "/kbs/v0/resource/default/key/1").unwrap();
    assert_eq!(resource.target(Some("version=2")), "/kbs/v0/resource/default/key/1?version=2");
    let ours = party(&Method::GET, "/parties/clinic/healthz").unwrap();
    assert_eq!(ours.target(Some("api-version=1")), "/healthz");
    let session = party(&Method::POST, "/challenge-response/v1/newSession").unwrap();
    let target = session.target(Some("nonceSize=32"));
    assert_eq!(target, "/challenge-response/v1/newSession?nonceSize=32");
}
