use super::*;

#[test]
fn every_file_of_the_build_is_served_and_the_page_names_it_with_its_digest() {
    let index = Page::index().unwrap();
    let html = std::str::from_utf8(index.body()).unwrap();
    for name in Built::iter().filter(|name| name.starts_with("assets/")) {
        let served = Page::asset(name.strip_prefix("assets/").unwrap()).unwrap();
        assert!(served.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        assert!(html.contains(&*name), "{name} is not part of the page");
    }
    let pinned = html.matches("integrity=\"sha384-").count();
    assert_eq!(pinned, html.matches(".js\"").count() + html.matches(".css\"").count());
    assert!(pinned >= 2);
}

#[test]
fn the_page_has_nothing_inline_and_its_policy_allows_nothing_else() {
    let index = Page::index().unwrap();
    let html = std::str::from_utf8(index.body()).unwrap();
    assert!(!html.contains("style=") && !html.contains("<style") && !html.contains("onclick"));
    assert_eq!(html.matches("<script").count(), html.matches("<script type=\"module\"").count());
    let policy = index.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    for part in ["default-src 'none'", "trusted-types 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"));
}

#[test]
fn other_names_are_not_served() {
    for name in ["", "index.html", "../index.html", "nothing.js", "x"] {
        assert!(Page::asset(name).is_none(), "{name}");
    }
}

#[test]
fn the_trust_file_is_served_byte_for_byte_or_not_at_all() {
    let none = Page::load(&PageConfig::default()).unwrap();
    assert!(none.trust().is_none() && none.contact().is_none());
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("edge.example.toml");
    let config = PageConfig { trust: Some(own.clone()), contact: Some("IT, \"4711\"".into()) };
    let page = Page::load(&config).unwrap();
    assert_eq!(page.trust().unwrap().body(), &std::fs::read(own).unwrap());
    assert_eq!(page.contact().unwrap().body().as_ref(), br#"{"contact":"IT, \"4711\""}"#);
    let missing = PageConfig { trust: Some("/nowhere/trust.json".into()), contact: None };
    assert_eq!(Page::load(&missing).err().unwrap().code(), "page.trust_unreadable");
    let long = PageConfig { trust: None, contact: Some("x".repeat(CONTACT_CHARS_MAX + 1)) };
    assert_eq!(Page::load(&long).err().unwrap().code(), "page.contact_too_long");
}
