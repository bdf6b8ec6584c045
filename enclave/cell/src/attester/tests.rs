use autoclave_attest::evidence::{Endorsements, SoftwareVerifier, Verifiers};
use autoclave_attest::jwk::Jwk;
use autoclave_base::Digest;
use p256::elliptic_curve::Generate as _;
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};

use super::*;
use crate::Entropy;

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

fn key() -> SigningKey {
    SigningKey::generate_from_rng(&mut Entropy)
}

fn measured() -> Measured {
    let libraries = std::collections::BTreeMap::new();
    Measured { executable: Digest::of("exe"), configuration: Digest::of("config"), libraries }
}

#[test]
fn a_quote_verifies_under_the_platform_key_and_no_other() {
    let (ours, other) = (key(), key());
    let platform = Platform::software(ours.clone());
    let evidence = platform.attester().quote(&measured(), &[7; 64], NOW).unwrap();
    let trusting = |key: &SigningKey| {
        Verifiers::new().with(SoftwareVerifier::new(&Jwk::signing(key.verifying_key())).unwrap())
    };
    let verified = trusting(&ours).verify(&evidence, &[7; 64], &Endorsements::new(), NOW).unwrap();
    assert!(!verified.claims().hw_backed);
    assert_eq!(verified.claims().measurement, measured().measurement());
    assert!(trusting(&other).verify(&evidence, &[7; 64], &Endorsements::new(), NOW).is_err());
}

#[test]
fn each_workload_has_its_own_secret_and_keeps_it() {
    let key = key();
    let (one, two) =
        (WorkloadName::parse("clinic").unwrap(), WorkloadName::parse("broker").unwrap());
    let secret = |key: &SigningKey, name| {
        Platform::software(key.clone()).attester().sealing_secret(name).unwrap()
    };
    assert!(secret(&key, &one).same_as(&secret(&key, &one)));
    assert!(!secret(&key, &one).same_as(&secret(&key, &two)));
    assert!(!secret(&key, &one).same_as(&secret(&self::key(), &one)));
}

#[test]
fn the_platform_is_read_from_a_pem_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("platform.pem");
    let name = format!("software:{}", path.display());
    assert_eq!(Platform::parse(&name).err().unwrap().code(), "platform.unreadable");
    std::fs::write(&path, "not a key").unwrap();
    assert_eq!(Platform::parse(&name).err().unwrap().code(), "platform.malformed");
    assert_eq!(Platform::parse("tdx").err().unwrap().code(), "platform.unknown");

    let key = key();
    std::fs::write(&path, key.to_pkcs8_pem(LineEnding::LF).unwrap().as_bytes()).unwrap();
    let workload = WorkloadName::parse("clinic").unwrap();
    let read = Platform::parse(&name).unwrap().attester().sealing_secret(&workload).unwrap();
    let made = Platform::software(key).attester().sealing_secret(&workload).unwrap();
    assert!(read.same_as(&made));
}
