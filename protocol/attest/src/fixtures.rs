//! A small world for tests: a root, a release key, an attestor, and enclaves.

use std::collections::BTreeMap;

use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, UnixTime};
use p256::ecdsa::SigningKey;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::appraise::appraise;
use crate::evidence::software::{Subject, quote};
use crate::evidence::{Endorsements, Evidence, Measured, Root, TeeKind, Verified};
use crate::handshake::{Trust, TrustAnchors};
use crate::jwk::{Jwk, XWING_PUBLIC_BYTES};
use crate::nonce::Nonce;
use crate::release::{self, Manifest, Release, VerifiedManifest, verify_manifest};
use crate::runtime::{LEDGER_KID, Runtime};
use crate::token::{Expectation, Issuance, Issuer, KeySet, TokenClaims, VerifiedToken, verify};

pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
pub(crate) const ISSUER: &str = "http://attestor.test";
pub(crate) const AUDIENCE: &str = "somebody";

pub(crate) fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

pub(crate) fn jwk(key: &SigningKey) -> Jwk {
    Jwk::signing(key.verifying_key())
}

pub(crate) fn workload(name: &str) -> WorkloadName {
    WorkloadName::parse(name).unwrap()
}

pub(crate) fn nonce(seed: u64) -> Nonce {
    Nonce::random(&mut rng(seed))
}

/// The keys of one enclave over one nonce.
pub(crate) fn runtime(signing: &SigningKey, nonce: Nonce) -> Runtime {
    let keys = vec![
        Jwk::xwing(1, &[7; XWING_PUBLIC_BYTES]).unwrap(),
        Jwk::x25519(2, [9; 32]),
        jwk(signing),
        Jwk::ed25519(LEDGER_KID, [5; 32]),
    ];
    Runtime::new(nonce, keys, None).unwrap()
}

pub(crate) struct World {
    pub(crate) root: SigningKey,
    pub(crate) release: SigningKey,
    pub(crate) attestor: SigningKey,
    pub(crate) manifest: VerifiedManifest,
}

impl World {
    pub(crate) fn new() -> Self {
        let release = key(2);
        let raw = release::sign(&manifest(), &release);
        let manifest = verify_manifest(&raw, &[jwk(&release)], NOW).unwrap();
        Self { root: key(1), release, attestor: key(3), manifest }
    }

    pub(crate) fn trust(&self) -> Trust {
        self.anchors().try_into().unwrap()
    }

    pub(crate) fn anchors(&self) -> TrustAnchors {
        TrustAnchors {
            roots: vec![Root::Software { jwk: jwk(&self.root) }],
            release_keys: vec![jwk(&self.release)],
            issuer: ISSUER.to_owned(),
            manifest_serial_min: 0,
        }
    }

    pub(crate) fn keys(&self) -> KeySet {
        KeySet::new(vec![jwk(&self.attestor)]).unwrap()
    }

    pub(crate) fn evidence(&self, subject: &Subject, runtime: &Runtime) -> Evidence {
        quote(subject, &runtime.report_data(), NOW, &self.root)
    }

    pub(crate) fn verified(&self, subject: &Subject, runtime: &Runtime) -> Verified {
        let evidence = self.evidence(subject, runtime);
        self.trust()
            .verifiers()
            .verify(&evidence, &runtime.report_data(), &Endorsements::new(), NOW)
            .unwrap()
    }

    /// The claims that the attestor would sign for `subject`.
    pub(crate) fn claims(&self, subject: &Subject, runtime: &Runtime) -> TokenClaims {
        let verified = self.verified(subject, runtime);
        let issuance = Issuance {
            issuer: Issuer { name: ISSUER, build: "test" },
            audience: AUDIENCE,
            verified: &verified,
            runtime,
            appraisal: &appraise(&verified, &self.manifest),
        };
        issuance.claims(&mut rng(77), NOW)
    }

    /// A good token of workload `name`, whose key is `signing`.
    pub(crate) fn token(&self, name: &str, signing: &SigningKey) -> VerifiedToken {
        let claims = self.claims(&subject(name), &runtime(signing, nonce(1)));
        verify(&claims.sign(&self.attestor), &self.keys(), &expectation(), NOW).unwrap()
    }
}

pub(crate) fn expectation() -> Expectation {
    Expectation::new(ISSUER, AUDIENCE).hardware_required(false)
}

/// The code of workload `name`, as the manifest of [`World`] names it.
pub(crate) fn subject(name: &str) -> Subject {
    let measured = Measured {
        executable: Digest::of(format!("{name} executable")),
        configuration: Digest::of(format!("{name} configuration")),
        libraries: BTreeMap::new(),
    };
    Subject { measured, debug: false, svn: 1 }
}

pub(crate) fn manifest() -> Manifest {
    Manifest {
        iss: "vendor".to_owned(),
        serial: 7,
        iat: NOW.minus(100),
        exp: NOW.plus(1_000_000),
        workloads: ["attestor", "broker", "clinic", "diagnosis"].map(release_of).to_vec(),
    }
}

fn release_of(name: &str) -> Release {
    let measured = subject(name).measured;
    Release {
        name: workload(name),
        version: "0.1.0".to_owned(),
        measurement: measured.measurement(),
        executable: Some(measured.executable),
        configuration: Some(measured.configuration),
        svn: 1,
        kinds: [TeeKind::Software].into(),
    }
}
