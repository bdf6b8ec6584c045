//! What a configuration comes to trust, tried on the vectors of TPM evidence.

use autoclave_attest::evidence::{Claims, Endorsements, Evidence, EvidenceRefusal, TeeKind};
use autoclave_base::ids::WorkloadName;
use autoclave_base::{UnixTime, b64};
use serde_json::Value;

use super::*;
use crate::config::{self, NoSettings};

const VECTORS: &str = include_str!("../../../../protocol/attest/vectors/tpm/evidence.json");
const KEY: &str = r#"{ kty = "EC", crv = "P-256", x = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", y = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" }"#;

/// One of the cases by its name, and the file.
fn case(name: &str) -> (Value, Value) {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let mut cases = file["cases"].as_array().unwrap().iter();
    let case = cases.find(|case| case["name"] == name).unwrap().clone();
    (file, case)
}

/// The case's root as a table of a configuration.
fn root(file: &Value, case: &Value) -> String {
    let at = usize::try_from(case["root"].as_u64().unwrap()).unwrap();
    let mut root = file["roots"][at].clone();
    root.as_object_mut().unwrap().remove("kind");
    toml::Value::try_from(root).unwrap().to_string()
}

fn configured(head: &str, trust: &str, tail: &str) -> Result<Trust, &'static str> {
    let text = format!(
        r#"{head}
[cell]
workload = "toy"
listen_sealed = "127.0.0.1:0"
data_dir = "data"
attestor = "http://127.0.0.1:7401"
[trust]
issuer = "https://attestor.test"
release_keys = [{KEY}]
{trust}
{tail}"#
    );
    let toy = WorkloadName::parse("toy").unwrap();
    let (common, NoSettings {}) = config::parse(&text, &toy).map_err(|refusal| refusal.code())?;
    anchors(&common).map_err(|error| error.code())
}

fn judge(trust: &Trust, file: &Value, case: &Value) -> Result<Claims, EvidenceRefusal> {
    let mut body = file["bodies"][case["body"].as_str().unwrap()].clone();
    for (name, value) in case["change"].as_object().unwrap() {
        body[name] = value.clone();
    }
    let evidence = Evidence { kind: TeeKind::Tpm, body: body.to_string() };
    let data = b64::decode_array(case["report_data"].as_str().unwrap()).unwrap();
    let now = UnixTime::from_seconds(file["now"].as_u64().unwrap());
    trust
        .verifiers()
        .verify(&evidence, &data, &Endorsements::new(), now)
        .map(|verified| verified.claims().clone())
}

#[test]
fn a_production_configuration_believes_genuine_tpms_and_asks_for_hardware() {
    let (file, genuine) = case("a TPM of hardware");
    let roots = format!("tpm_roots = [{}]", root(&file, &genuine));
    let trust = configured("profile = \"production\"", &roots, "").unwrap();
    assert!(trust.hardware_required());
    let claims = judge(&trust, &file, &genuine).unwrap();
    assert!(claims.hw_backed && claims.kind == TeeKind::Tpm);
    let (_, software) = case("a software TPM");
    assert_eq!(judge(&trust, &file, &software), Err(EvidenceRefusal::Root));
}

#[test]
fn a_software_tpm_is_believed_in_development_and_is_no_hardware() {
    let (file, software) = case("a software TPM");
    let root = format!("[development]\ntpm_root = {}", root(&file, &software));
    let trust = configured("profile = \"development\"", "", &root).unwrap();
    assert!(!trust.hardware_required());
    assert!(!judge(&trust, &file, &software).unwrap().hw_backed);
    assert_eq!(configured("", "", &root).err(), Some("config.development_root"));
}

/// The maker of the certificate says that it is a program: the root's word does not help.
#[test]
fn a_software_tpm_under_a_production_root_is_still_no_hardware() {
    let (file, software) = case("a software TPM under a production root");
    let roots = format!("tpm_roots = [{}]", root(&file, &software));
    let trust = configured("", &roots, "").unwrap();
    assert!(trust.hardware_required());
    assert!(!judge(&trust, &file, &software).unwrap().hw_backed);
}
