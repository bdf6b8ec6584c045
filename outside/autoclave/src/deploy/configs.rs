//! The configurations of all parties, made from ports and keys.
//! They belong to the deployment; the enclaves' are measured, byte for byte.
//! The same deployment always writes the same bytes, and no secret stands in them.

use std::collections::BTreeMap;

use autoclave_attest::evidence::Root;
use autoclave_attest::handshake::TrustAnchors;
use autoclave_base::Digest;
use p256::ecdsa::SigningKey;
use serde::Serialize;
use toml::{Table, Value};

use super::keys::{APPROVERS, Keys, MODEL_OWNER, SITE_ADMINISTRATOR};
use super::layout::Layout;
use super::party::{CacheKind, Party};
use super::ports::Ports;
use crate::failure::{Failure, Outcome};
use crate::files;

/// The demo's model in every route.
pub const MODEL: &str = "brain-mri";
/// Its version.
pub const MODEL_VERSION: &str = "1";
/// The model's key in the broker.
pub const MODEL_KEY: &str = "model/brain-mri";
/// The records' key in the broker.
pub const RECORDS_KEY: &str = "records/clinic";

/// The institutions of the demo, as the broker knows them.
pub(super) const PROVIDER: &str = "provider";
pub(super) const HOSPITAL: &str = "hospital";
/// Whose the attestor's policy is.
const OPERATOR: &str = "operator";
/// How long an approved policy waits in the demo: what a newcomer waits for.
const LOCK_SECONDS: i64 = 20;
/// Who gets which key.
const RELEASE_RULES: &str = include_str!("release.cedar");
/// Which guests of the KBS protocol get the hospital's resources.
const HOSPITAL_RULES: &str = include_str!("resources-hospital.cedar");
/// Which get the provider's.
const PROVIDER_RULES: &str = include_str!("resources-provider.cedar");

/// What all configurations are made from.
pub struct Facts<'a> {
    /// The ports.
    pub ports: &'a Ports,
    /// The keys.
    pub keys: &'a Keys,
    /// The digest of the clear model.
    pub model: Digest,
    /// The root of all evidence in the deployment.
    pub root: &'a Root,
    /// Where the clinic keeps its copies.
    pub cache: CacheKind,
}

/// Writes every party's configuration and the client's trust file.
pub fn write(layout: &Layout, facts: &Facts<'_>) -> Outcome {
    let witnesses = witnesses(layout)?;
    for party in Party::starts(facts.cache) {
        let table = match party {
            Party::Redis => continue,
            Party::Edge => edge(facts),
            Party::Broker => watched(broker(layout, facts)?, &witnesses),
            _ => watched(enclave(party, facts)?, &witnesses),
        };
        let text = toml::to_string(&table);
        let text = text.map_err(|error| Failure::new("deploy.config", error))?;
        files::write(&layout.config(party), text)?;
    }
    // The demo's host is its user: the page starts from what the command line starts from.
    files::write_json(&layout.page_trust(), &trust(facts))?;
    files::write_json(&layout.client().join("trust.json"), &trust(facts))
}

/// The witnesses that the deployment's owner has put down in `witnesses.json`: a list of
/// `{"url", "key"}`. None where there is no such file.
fn witnesses(layout: &Layout) -> Outcome<Vec<Value>> {
    let path = layout.witnesses();
    if !path.exists() {
        return Ok(Vec::new());
    }
    let known: Vec<BTreeMap<String, String>> = files::read_json(&path)?;
    known.iter().map(value).collect()
}

/// An enclave's configuration with witnesses for its ledger.
fn watched(mut all: Table, witnesses: &[Value]) -> Table {
    if let (false, Some(Value::Table(cell))) = (witnesses.is_empty(), all.get_mut("cell")) {
        cell.insert("witnesses".to_owned(), Value::Array(witnesses.to_vec()));
    }
    all
}

/// The edge's address for people and clients.
pub fn address(ports: &Ports) -> String {
    format!("http://{}", ports.sealed(Party::Edge))
}

/// The attestor's name: where its discovery document is found from outside.
fn issuer(ports: &Ports) -> String {
    format!("{}/parties/attestor", address(ports))
}

fn trust(facts: &Facts<'_>) -> TrustAnchors {
    TrustAnchors {
        roots: vec![facts.root.clone()],
        release_keys: vec![Keys::public(&facts.keys.release)],
        issuer: issuer(facts.ports),
        manifest_serial_min: 0,
    }
}

fn edge(facts: &Facts<'_>) -> Table {
    let parties = Party::enclaves(facts.cache);
    let parties = parties.into_iter().map(|party| (party.name(), url(facts.ports, party)));
    Table::from_iter([
        ("listen".to_owned(), text(facts.ports.sealed(Party::Edge))),
        ("page".to_owned(), table([("trust", text("edge/trust.json"))])),
        ("parties".to_owned(), table(parties.map(|(name, url)| (name, text(url))))),
    ])
}

/// The broker with its vault for clients of Azure Key Vault, at its direct door. Beside the
/// demo's own attestor it takes the tokens of an authority that somebody who tries such
/// clients described in a file: `{"issuer", "keys": [JWK…]}`.
fn broker(layout: &Layout, facts: &Facts<'_>) -> Outcome<Table> {
    let mut all = enclave(Party::Broker, facts)?;
    let url = format!("https://localhost:{}", facts.ports.direct(Party::Broker).port());
    let mut vault = vec![("url", text(url))];
    let described = layout.authority();
    if described.exists() {
        let authority: serde_json::Value = files::read_json(&described)?;
        vault.push(("authorities", Value::Array(vec![value(&authority)?])));
    }
    all.insert("key_vault".to_owned(), table(vault));
    Ok(all)
}

fn enclave(party: Party, facts: &Facts<'_>) -> Outcome<Table> {
    let mut all = role(party, facts);
    all.insert("profile".to_owned(), text("development"));
    all.insert("cell".to_owned(), cell(party, facts));
    let release = value(&Keys::public(&facts.keys.release))?;
    let trust =
        [("issuer", text(issuer(facts.ports))), ("release_keys", Value::Array(vec![release]))];
    all.insert("trust".to_owned(), table(trust));
    let root = match facts.root {
        Root::Software { jwk } => ("software_root", value(jwk)?),
        Root::Tpm(root) => ("tpm_root", value(root)?),
        // A deployment that is laid out for a demonstration has roots of its own.
        _ => return Err(Failure::new("deploy.root", "a demonstration has a root of its own")),
    };
    // Guests of the KBS protocol that are not in a TEE at all are signed by nobody.
    let sample = (party == Party::Attestor).then_some(("kbs_sample", Value::Boolean(true)));
    all.insert("development".to_owned(), table([root].into_iter().chain(sample)));
    Ok(all)
}

fn cell(party: Party, facts: &Facts<'_>) -> Value {
    let mut cell = vec![
        ("workload", text(party)),
        ("listen_sealed", text(facts.ports.sealed(party))),
        ("listen_direct", text(facts.ports.direct(party))),
        ("data_dir", text(format_args!("{party}/data"))),
    ];
    if party != Party::Attestor {
        cell.push(("attestor", text(url(facts.ports, Party::Attestor))));
    }
    table(cell)
}

fn role(party: Party, facts: &Facts<'_>) -> Table {
    let ports = facts.ports;
    let administrator = text(Keys::public(&facts.keys.administrator).thumbprint());
    let broker = table([("url", text(url(ports, Party::Broker)))]);
    match party {
        Party::Attestor => attestor(facts.keys),
        Party::Broker => broker_role(facts.keys),
        Party::Diagnosis => diagnosis(broker, facts),
        Party::Clinic => {
            let own = [
                ("broker", broker),
                ("diagnosis", table([("url", text(url(ports, Party::Diagnosis)))])),
                ("staff", table([("administrators", Value::Array(vec![administrator]))])),
            ];
            let cache = cache(facts).map(|cache| ("cache", cache));
            let cache = cache.into_iter().chain([("smart", super::smart::table_of(facts))]);
            own.into_iter().chain(cache).map(|(name, value)| (name.to_owned(), value)).collect()
        }
        Party::Cache => Table::from_iter([("callers".to_owned(), chains(&[&[Party::Clinic]]))]),
        Party::Edge | Party::Redis => Table::new(),
    }
}

/// Where the clinic keeps its copies; no table means in its process.
fn cache(facts: &Facts<'_>) -> Option<Value> {
    let at = |name, url| table([(name, table([("url", text(url))]))]);
    match facts.cache {
        CacheKind::InProcess => None,
        CacheKind::Redis => {
            Some(at("redis", format!("redis://{}", facts.ports.sealed(Party::Redis))))
        }
        CacheKind::Attested => Some(at("attested", url(facts.ports, Party::Cache))),
    }
}

fn chains(chains: &[&[Party]]) -> Value {
    let chain = |chain: &&[Party]| Value::Array(chain.iter().map(text).collect());
    Value::Array(chains.iter().map(chain).collect())
}

/// The hospital operates the attestor: its people govern what is affirmed.
fn attestor(keys: &Keys) -> Table {
    let own = table([("manifest", text("release/manifest.jws"))]);
    let administrators = vec![administrator(SITE_ADMINISTRATOR, OPERATOR, &keys.administrator)];
    let operators = approvers(keys, |institution| (institution == HOSPITAL).then_some(OPERATOR));
    Table::from_iter([
        ("attestor".to_owned(), own),
        ("administrators".to_owned(), Value::Array(administrators)),
        ("governance".to_owned(), governance(operators)),
    ])
}

fn governance(approvers: Vec<Value>) -> Value {
    let lock = Value::Integer(LOCK_SECONDS);
    table([("lock_seconds", lock), ("approvers", Value::Array(approvers))])
}

/// The approvers, each for what `act_for` makes of their institution.
fn approvers(keys: &Keys, act_for: impl Fn(&'static str) -> Option<&'static str>) -> Vec<Value> {
    let named = APPROVERS.iter().zip(&keys.approvers);
    let approver = |((name, institution), key): (&(&'static str, &'static str), &SigningKey)| {
        let jwk = value(&Keys::public(key)).ok()?;
        let institution = text(act_for(institution)?);
        Some(table([("name", text(name)), ("institution", institution), ("jwk", jwk)]))
    };
    named.filter_map(approver).collect()
}

fn administrator(name: &str, institution: &str, key: &SigningKey) -> Value {
    table([
        ("name", text(name)),
        ("institution", text(institution)),
        ("jkt", text(Keys::public(key).thumbprint())),
    ])
}

/// The broker keeps one key for the provider, which imports it, and one for the hospital,
/// which the broker makes.
fn broker_role(keys: &Keys) -> Table {
    let key = |name, owner, purpose, generate| {
        table([
            ("name", text(name)),
            ("owner", text(owner)),
            ("purpose", text(purpose)),
            ("generate", Value::Boolean(generate)),
        ])
    };
    let own =
        vec![key(MODEL_KEY, PROVIDER, "model", false), key(RECORDS_KEY, HOSPITAL, "records", true)];
    let administrators = vec![
        administrator(MODEL_OWNER, PROVIDER, &keys.provider),
        administrator(SITE_ADMINISTRATOR, HOSPITAL, &keys.administrator),
    ];
    Table::from_iter([
        ("policy".to_owned(), table([("rules", text(RELEASE_RULES))])),
        ("keys".to_owned(), Value::Array(own)),
        ("administrators".to_owned(), Value::Array(administrators)),
        ("governance".to_owned(), governance(approvers(keys, Some))),
        ("kbs".to_owned(), kbs()),
    ])
}

/// The broker as a key broker service of Confidential Containers, over the edge's plain HTTP
/// and with administrators who come the same way: in a demo the host is its user.
fn kbs() -> Value {
    let institution = |name, repositories: &[&str], rules| {
        let repositories = repositories.iter().map(text).collect();
        table([
            ("name", text(name)),
            ("repositories", Value::Array(repositories)),
            ("rules", text(rules)),
        ])
    };
    let institutions = vec![
        institution(HOSPITAL, &["default", HOSPITAL], HOSPITAL_RULES),
        institution(PROVIDER, &[PROVIDER], PROVIDER_RULES),
    ];
    table([
        ("plain_http", Value::Boolean(true)),
        ("open_administration", Value::Boolean(true)),
        ("institutions", Value::Array(institutions)),
    ])
}

fn diagnosis(broker: Value, facts: &Facts<'_>) -> Table {
    let model = table([
        ("name", text(MODEL)),
        ("version", text(MODEL_VERSION)),
        ("file", text("model/brain-mri.sealed")),
        ("digest", text(facts.model)),
        ("key", text(MODEL_KEY)),
        ("preprocessing", text("brain-mri")),
    ]);
    let direct: &[Party] = &[Party::Clinic];
    let callers = match facts.cache {
        CacheKind::Attested => chains(&[direct, &[Party::Cache, Party::Clinic]]),
        CacheKind::InProcess | CacheKind::Redis => chains(&[direct]),
    };
    Table::from_iter([
        ("broker".to_owned(), broker),
        ("callers".to_owned(), callers),
        ("models".to_owned(), Value::Array(vec![model])),
    ])
}

/// Where a party is reached by the others.
fn url(ports: &Ports, party: Party) -> String {
    format!("http://{}", ports.sealed(party))
}

#[expect(clippy::needless_pass_by_value, reason = "callers hand temporaries over")]
pub(super) fn text(value: impl ToString) -> Value {
    Value::String(value.to_string())
}

pub(super) fn table<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    Value::Table(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

pub(super) fn value<T: Serialize>(of: &T) -> Outcome<Value> {
    Value::try_from(of).map_err(|error| Failure::new("deploy.config", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(folder: &std::path::Path) -> (Layout, Keys, Ports) {
        let layout = Layout::new(&folder.join("demo")).unwrap();
        layout.make().unwrap();
        let keys = Keys::open(&layout).unwrap();
        (layout, keys, Ports::from_base(7400).unwrap())
    }

    #[test]
    fn the_same_deployment_writes_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, keys, ports) = deployment(folder.path());
        let root = Root::Software { jwk: Keys::public(&keys.platform) };
        let model = Digest::of("model");
        let cache = CacheKind::InProcess;
        let facts = Facts { ports: &ports, keys: &keys, model, root: &root, cache };
        write(&layout, &facts).unwrap();
        let first = Party::STARTS.map(|party| files::read(&layout.config(party)).unwrap());
        write(&layout, &facts).unwrap();
        assert_eq!(first, Party::STARTS.map(|party| files::read(&layout.config(party)).unwrap()));
        let clinic = files::read_text(&layout.config(Party::Clinic)).unwrap();
        assert!(!clinic.contains("cache"), "in process where nothing is said");
    }

    #[test]
    fn the_edge_understands_its_configuration_and_no_private_key_stands_in_any() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, keys, ports) = deployment(folder.path());
        let root = Root::Software { jwk: Keys::public(&keys.platform) };
        let model = Digest::of("model");
        let cache = CacheKind::InProcess;
        let facts = Facts { ports: &ports, keys: &keys, model, root: &root, cache };
        write(&layout, &facts).unwrap();
        for party in Party::STARTS {
            let text = files::read_text(&layout.config(party)).unwrap();
            let table: Table = text.parse().unwrap();
            assert_eq!(table.contains_key("development"), party.is_enclave());
            assert!(!text.contains("\nd = ") && !text.contains("PRIVATE"), "{text}");
        }
        let trust = files::read(&layout.client().join("trust.json")).unwrap();
        assert!(autoclave_client::trust::parse(&trust).is_ok());
    }

    #[test]
    fn an_attested_cache_is_a_party_and_stands_in_the_accepted_chains() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, keys, ports) = deployment(folder.path());
        files::private_folder(&layout.data(Party::Cache)).unwrap();
        let read = |party| files::read_text(&layout.config(party)).unwrap();
        let cache = CacheKind::Attested;
        let root = Root::Software { jwk: Keys::public(&keys.platform) };
        let model = Digest::of("model");
        let facts = Facts { ports: &ports, keys: &keys, model, root: &root, cache };
        write(&layout, &facts).unwrap();
        assert!(read(Party::Diagnosis).contains(r#"callers = [["clinic"], ["cache", "clinic"]]"#));
        assert!(read(Party::Clinic).contains("[cache.attested]"));
        assert!(read(Party::Edge).contains("cache = \"http://127.0.0.1:7405\""));
        assert!(read(Party::Cache).contains(r#"callers = [["clinic"]]"#));
        write(&layout, &Facts { cache: CacheKind::Redis, ..facts }).unwrap();
        assert!(read(Party::Diagnosis).contains(r#"callers = [["clinic"]]"#));
        assert!(read(Party::Clinic).contains(r#"url = "redis://127.0.0.1:7406""#));
    }
}
