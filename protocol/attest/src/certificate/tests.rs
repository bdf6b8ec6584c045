use p256::ecdsa::SigningKey;
use p256::pkcs8::EncodePrivateKey as _;
use rcgen::{CertificateParams, CustomExtension, KeyPair};

use super::*;
use crate::evidence::software;
use crate::fixtures::{NOW, World, jwk, key, subject};

const OID: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 1, 35];

/// What may be wrong with a certificate.
struct Made {
    holder: SigningKey,
    vouched: SigningKey,
    begins: UnixTime,
    nonce_of: UnixTime,
    life: u64,
    workload: &'static str,
    root: SigningKey,
    wrapped: Option<String>,
}

impl Made {
    fn well(world: &World) -> Self {
        Self {
            holder: key(4),
            vouched: key(4),
            begins: NOW,
            nonce_of: NOW,
            life: LIFE_SECONDS,
            workload: "attestor",
            root: world.root.clone(),
            wrapped: None,
        }
    }

    fn der(&self) -> Vec<u8> {
        let runtime = Runtime::new(
            nonce(self.nonce_of, self.holder.verifying_key()),
            vec![jwk(&self.vouched)],
            Some(Digest::of("keys")),
        )
        .unwrap();
        let data = runtime.report_data();
        let evidence = software::quote(&subject(self.workload), &data, NOW, &self.root);
        let wrapped = wrapper(&EvidenceAnswer { evidence, runtime });
        let wrapped = self.wrapped.as_ref().unwrap_or(&wrapped);
        let pkcs8 = self.holder.to_pkcs8_der().unwrap();
        let pair = KeyPair::try_from(pkcs8.as_bytes()).unwrap();
        let mut parameters = CertificateParams::default();
        let day = |time: UnixTime| {
            let seconds = i64::try_from(time.seconds()).unwrap();
            rcgen::date_time_ymd(1970, 1, 1)
                + std::time::Duration::from_secs(seconds.unsigned_abs())
        };
        parameters.not_before = day(self.begins);
        parameters.not_after = day(self.begins.plus(self.life));
        let content = Utf8StringRef::new(wrapped).unwrap().to_der().unwrap();
        parameters.custom_extensions.push(CustomExtension::from_oid_content(&OID, content));
        parameters.self_signed(&pair).unwrap().der().to_vec()
    }
}

fn refused(made: &Made) -> CertificateRefusal {
    verify(&made.der(), &World::new().trust(), &Endorsements::new(), NOW).err().unwrap()
}

#[test]
fn a_certificate_with_evidence_over_its_key_is_believed() {
    let world = World::new();
    let verified =
        verify(&Made::well(&world).der(), &world.trust(), &Endorsements::new(), NOW).unwrap();
    assert_eq!(verified.claims().measurement, subject("attestor").measured.measurement());
    assert_eq!(verified.runtime().jwks(), Some(&Digest::of("keys")));
    assert_eq!(verified.made(), NOW);
    let manifest = &world.manifest;
    let name = |text| WorkloadName::parse(text).unwrap();
    assert_eq!(verified.is_workload(manifest, &name("attestor"), NOW), Ok(()));
    let other = verified.is_workload(manifest, &name("clinic"), NOW);
    assert_eq!(other, Err(CertificateRefusal::Workload));
}

#[test]
fn evidence_over_another_key_or_for_another_time_is_refused() {
    let world = World::new();
    let well = || Made::well(&world);
    assert_eq!(refused(&Made { vouched: key(5), ..well() }), CertificateRefusal::Binding);
    let earlier = Made { nonce_of: NOW.minus(1), ..well() };
    assert_eq!(refused(&earlier), CertificateRefusal::Binding);
    let stranger = refused(&Made { root: key(9), ..well() });
    assert_eq!(stranger, CertificateRefusal::Evidence(EvidenceRefusal::Root));
    assert_eq!(stranger.code(), "evidence.root_unknown");
}

#[test]
fn times_are_checked() {
    let world = World::new();
    let well = || Made::well(&world);
    let der = well().der();
    let at = |now| verify(&der, &world.trust(), &Endorsements::new(), now).map(drop);
    assert_eq!(at(NOW.plus(LIFE_SECONDS - 1)), Ok(()));
    assert_eq!(at(NOW.plus(LIFE_SECONDS)), Err(CertificateRefusal::Validity));
    assert_eq!(at(NOW.minus(CLOCK_SKEW_SECONDS + 1)), Err(CertificateRefusal::Validity));
    let long = Made { life: LIFE_SECONDS + 1, ..well() };
    assert_eq!(refused(&long), CertificateRefusal::Validity);
}

#[test]
fn what_carries_no_evidence_says_nothing() {
    let world = World::new();
    let with = |text: &str| refused(&Made { wrapped: Some(text.to_owned()), ..Made::well(&world) });
    for text in [r#"["application/eat+jwt","AA"]"#, "[]", "{}", "", r#"["x"]"#] {
        assert_eq!(with(text), CertificateRefusal::NoEvidence, "{text}");
    }
    let garbage = format!(r#"["{MEDIA_TYPE}","AA"]"#);
    assert_eq!(with(&garbage), CertificateRefusal::Malformed);
    let trust = world.trust();
    let long = verify(&vec![0; CERTIFICATE_BYTES_MAX + 1], &trust, &Endorsements::new(), NOW).err();
    assert_eq!(long, Some(CertificateRefusal::TooLarge));
}

/// The signature is over all of it, and the key proves that it made it.
#[test]
fn no_flipped_bit_is_believed() {
    let world = World::new();
    let der = Made::well(&world).der();
    for bit in (0..der.len() * 8).step_by(7) {
        let mut flipped = der.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&flipped, &world.trust(), &Endorsements::new(), NOW).is_err(), "bit {bit}");
    }
}
