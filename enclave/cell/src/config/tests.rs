use super::*;

const KEY: &str = r#"{ kty = "EC", crv = "P-256", x = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", y = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" }"#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Toy {
    greeting: String,
}

fn toy() -> WorkloadName {
    WorkloadName::parse("toy").unwrap()
}

/// A file for the role `toy`, with `head` at its top and `tail` at its end.
fn file(head: &str, tail: &str) -> String {
    format!(
        r#"{head}
greeting = "hello"
[cell]
workload = "toy"
listen_sealed = "127.0.0.1:0"
data_dir = "data"
attestor = "http://127.0.0.1:7401"
[trust]
issuer = "https://attestor.test"
release_keys = [{KEY}]
{tail}"#
    )
}

fn refusal(text: &str) -> &'static str {
    parse::<Toy>(text, &toy()).err().map_or("accepted", |refusal| refusal.code())
}

#[test]
fn a_whole_file_is_read_and_is_for_production_unless_it_says_otherwise() {
    let (common, role) = parse::<Toy>(&file("", ""), &toy()).unwrap();
    assert_eq!(common.profile, Profile::Production);
    assert_eq!(common.cell.attestor.unwrap(), "http://127.0.0.1:7401");
    assert_eq!(role.greeting, "hello");
}

#[test]
fn an_unknown_field_is_refused_wherever_it_stands() {
    assert_eq!(refusal(&file("surprise = 1", "")), "config.malformed");
    assert_eq!(refusal(&file("", "surprise = 1")), "config.malformed");
    assert_eq!(refusal(&file("", "[surprise]")), "config.malformed");
    let inner = file("", "").replace("data_dir", "surprise = 1\ndata_dir");
    assert_eq!(refusal(&inner), "config.malformed");
}

#[test]
fn production_cannot_name_a_development_root() {
    let root = format!("[development]\nsoftware_root = {KEY}");
    assert_eq!(refusal(&file("", &root)), "config.development_root");
    assert_eq!(refusal(&file("profile = \"production\"", &root)), "config.development_root");
    assert_eq!(refusal(&file("profile = \"development\"", &root)), "accepted");
}

/// A root of TPMs, with `development` as given.
fn tpm_root(development: bool) -> String {
    format!("{{ ek_roots = [], ak_issuers = [{KEY}], development = {development} }}")
}

#[test]
fn a_tpm_root_stands_where_its_purpose_belongs() {
    let trusted =
        |root: &str| file("", "").replace("[trust]", &format!("[trust]\ntpm_roots = [{root}]"));
    let development = |root: &str| {
        file("profile = \"development\"", &format!("[development]\ntpm_root = {root}"))
    };
    let (genuine, software) = (tpm_root(false), tpm_root(true));
    assert_eq!(refusal(&trusted(&genuine)), "accepted");
    assert_eq!(refusal(&trusted(&software)), "config.development_root");
    let wrong = trusted(&software).replace("greeting", "profile = \"development\"\ngreeting");
    assert_eq!(refusal(&wrong), "config.development_root");
    assert_eq!(refusal(&development(&software)), "accepted");
    assert_eq!(refusal(&development(&genuine)), "config.production_root");
    let production = development(&software).replace("\"development\"", "\"production\"");
    assert_eq!(refusal(&production), "config.development_root");
    let unclear = trusted(&genuine).replace(", development = false", "");
    assert_eq!(refusal(&unclear), "config.malformed");
}

#[test]
fn no_root_of_development_hides_among_the_hardware() {
    let trusted =
        |root: &str| file("", "").replace("[trust]", &format!("[trust]\nhardware = [{root}]"));
    let tpm = |development| tpm_root(development).replacen('{', r#"{ kind = "tpm","#, 1);
    let software = format!(r#"{{ kind = "software", jwk = {KEY} }}"#);
    assert_eq!(refusal(&trusted(&tpm(false))), "accepted");
    for root in [tpm(true), software] {
        assert_eq!(refusal(&trusted(&root)), "config.development_root");
    }
}

#[test]
fn a_file_for_another_role_is_refused() {
    let text = file("", "").replace(r#"workload = "toy""#, r#"workload = "clinic""#);
    assert_eq!(refusal(&text), "config.workload");
}

#[test]
fn all_roles_but_the_attestor_name_an_attestor() {
    let text = file("", "");
    let without = text.replace("attestor = \"http://127.0.0.1:7401\"\n", "");
    assert_eq!(refusal(&without), "config.attestor");

    let attestor = WorkloadName::parse(ATTESTOR).unwrap();
    let own = without.replace(r#"workload = "toy""#, r#"workload = "attestor""#);
    assert!(parse::<Toy>(&own, &attestor).is_ok());
    let other = text.replace(r#"workload = "toy""#, r#"workload = "attestor""#);
    assert!(matches!(parse::<Toy>(&other, &attestor), Err(ConfigRefusal::Attestor)));
}

#[test]
fn private_keys_have_no_place_in_a_configuration() {
    let text = file("", "").replace(r#"kty = "EC""#, r#"kty = "EC", d = "AA""#);
    assert_eq!(refusal(&text), "config.malformed");
}

#[test]
fn an_enormous_file_is_not_parsed() {
    assert_eq!(refusal(&"#".repeat(CONFIG_BYTES_MAX + 1)), "config.too_large");
}
