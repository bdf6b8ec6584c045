//! Enclaves on machines with a software TPM: what a quote is worth, and to whom. The test
//! plays the launcher. `cargo xtask test tpm` runs it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

#[path = "../../tpm/tests/support/mod.rs"]
mod machines;
mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use autoclave_attest::appraise::{Status, appraise};
use autoclave_attest::evidence::tpm::enrol::{self, EnrolRefusal, Identity};
use autoclave_attest::evidence::tpm::{Body, Event, qualifying_data};
use autoclave_attest::evidence::{
    Endorsements, EvidenceRefusal, Measured, Root, TeeKind, TpmRoot, Verifiers,
};
use autoclave_attest::jwk::Jwk;
use autoclave_attest::release::{self, verify_manifest};
use autoclave_attest::runtime::ReportData;
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, Secret, UnixTime};
use autoclave_cell::{BootError, Entropy, Launch, NoSettings, Platform, Running, measure, start};
use autoclave_tpm::{Quote, Tpm};
use axum::Router;
use machines::{MAKERS_ROOT, Machine, Maker};
use p256::ecdsa::SigningKey;
use p256::pkcs8::der::pem;
use support::{Site, World};

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
const LIFE_SECONDS: u64 = 10_000;

/// A maker of TPMs, and a station that enrols them.
struct Factory {
    maker: Maker,
    station: SigningKey,
}

/// A machine with the papers of its keys.
struct Enrolled {
    machine: Machine,
    ak: String,
    ek: Vec<Vec<u8>>,
}

impl Factory {
    fn new() -> Self {
        Self { maker: Maker::new(), station: SigningKey::from_slice(&[9; 32]).unwrap() }
    }

    fn root(&self) -> TpmRoot {
        TpmRoot {
            ek_roots: vec![self.certificate(MAKERS_ROOT)],
            ak_issuers: vec![Jwk::signing(self.station.verifying_key())],
            development: true,
            firmware: Vec::new(),
        }
    }

    fn certificate(&self, name: &str) -> Vec<u8> {
        pem::decode_vec(&std::fs::read(self.maker.file(name)).unwrap()).unwrap().1
    }

    fn identity(&self, machine: &Machine) -> Identity {
        let mut tpm = Tpm::open(&machine.device()).unwrap();
        let ak_public = tpm.ensure_ak().unwrap().0;
        let ek_chain = vec![tpm.ek_certificate().unwrap(), self.certificate("issuercert.pem")];
        Identity { ek_chain, ak_public }
    }

    fn enrolled(&self) -> Enrolled {
        let machine = self.maker.machine();
        let identity = self.identity(&machine);
        let roots = self.root().ek_roots;
        let (asked, expected) = enrol::challenge(&identity, &roots, &mut Entropy, NOW).unwrap();
        let mut tpm = Tpm::open(&machine.device()).unwrap();
        let answer = tpm.activate(&asked.credential_blob, &asked.secret_enc).unwrap();
        let ak = enrol::certify(expected, &answer, &self.station, LIFE_SECONDS, NOW).unwrap();
        Enrolled { machine, ak, ek: identity.ek_chain }
    }
}

impl Enrolled {
    /// What a launcher does: registers extended, log written. The machine's description.
    fn launch(&mut self, events: &[Event], told: &[Event]) -> PathBuf {
        self.machine.reboot();
        let mut tpm = Tpm::open(&self.machine.device()).unwrap();
        for event in events {
            tpm.extend(event.pcr(), &event.digest()).unwrap();
        }
        let path = |name: &str| self.machine.path().join(name);
        std::fs::write(path("log.json"), serde_json::to_vec(told).unwrap()).unwrap();
        std::fs::write(path("ak.jws"), &self.ak).unwrap();
        std::fs::write(path("issuer.der"), &self.ek[1]).unwrap();
        let folder = self.machine.path().display();
        let text = format!(
            "device = \"unix:{folder}/socket\"\nlog = \"{folder}/log.json\"\n\
             ak_certificate = \"{folder}/ak.jws\"\nek_chain = [\"{folder}/issuer.der\"]\n"
        );
        std::fs::write(path("platform.toml"), text).unwrap();
        path("platform.toml")
    }

    /// Evidence as the machine would make it now.
    fn evidence(&self, log: &[Event], report_data: &ReportData) -> Body {
        let mut tpm = Tpm::open(&self.machine.device()).unwrap();
        let pcrs = tpm.pcrs().unwrap().map(Digest::from_bytes);
        let Quote { attest, signature } = tpm.quote(&qualifying_data(report_data)).unwrap();
        let (ak, ek) = (self.ak.clone(), self.ek.clone());
        Body { quote: attest, signature, pcrs, log: log.to_vec(), ak, ek }
    }
}

fn workload(name: &str) -> WorkloadName {
    WorkloadName::parse(name).unwrap()
}

/// A launcher's log. `release` stands for the key that signed the manifest.
fn log(measured: &Measured, name: &str, release: u8) -> Vec<Event> {
    let key = SigningKey::from_slice(&[release; 32]).unwrap();
    let mut events = Event::of(measured, Digest::of("launcher"), 1, false);
    let thumbprint = Jwk::signing(key.verifying_key()).thumbprint();
    events.push(Event::workload(workload(name), thumbprint));
    events
}

fn of_site(site: &Site) -> Measured {
    measure::take(&site.config, &BTreeMap::new()).unwrap()
}

fn report_data() -> ReportData {
    let mut data = [0; 64];
    data[..32].fill(5);
    data
}

async fn run(world: &World, site: &Site, machine: PathBuf) -> Result<Running, BootError> {
    let platform = Platform::parse(&format!("tpm:{}", machine.display()))?;
    let launch = Launch { platform, ..world.launch(site) };
    let build = |_, NoSettings {}| async move { Ok::<_, BootError>(Router::new()) };
    let mut running = start(site.workload, launch, build).await?;
    running.ready().await?;
    Ok(running)
}

#[tokio::test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
async fn a_quote_becomes_a_token_that_says_tpm_and_no_hardware() {
    let factory = Factory::new();
    let mut clinic = factory.enrolled();
    let world = World::trusting(vec![factory.root()]).await;
    let site = world.site("clinic");
    let events = log(&of_site(&site), "clinic", 1);
    let running = run(&world, &site, clinic.launch(&events, &events)).await.unwrap();
    let peer = world.verify(&running).await;
    let claims = peer.token().claims();
    let evidence = claims.submods.cpu0.evidence.claims();
    assert_eq!(evidence.kind, TeeKind::Tpm);
    assert!(!claims.hw_backed && !evidence.hw_backed && !evidence.debug);
    let tpm = evidence.tpm.as_ref().unwrap();
    assert_eq!(tpm.ek, Digest::of(&clinic.ek[0]));
    assert_eq!(tpm.workload.as_ref().unwrap().name, workload("clinic"));
}

#[tokio::test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
async fn state_opens_for_the_same_workload_after_a_start_and_for_no_other() {
    let factory = Factory::new();
    let mut clinic = factory.enrolled();
    let world = World::trusting(vec![factory.root()]).await;
    let site = world.site("clinic");
    let events = log(&of_site(&site), "clinic", 1);
    let running = run(&world, &site, clinic.launch(&events, &events)).await.unwrap();
    running.cell().state().put("kept", b"value").unwrap();
    running.drain().await;
    let running = run(&world, &site, clinic.launch(&events, &events)).await.unwrap();
    assert_eq!(running.cell().state().get("kept").unwrap().expose(), b"value");
    running.drain().await;
    // The same name, released by somebody else: another workload.
    let other = log(&of_site(&site), "clinic", 2);
    let refused = run(&world, &site, clinic.launch(&other, &other)).await.err().unwrap();
    assert_eq!(refused.code(), "state.tampered");
    // Another machine.
    let mut second = factory.enrolled();
    let refused = run(&world, &site, second.launch(&events, &events)).await.err().unwrap();
    assert_eq!(refused.code(), "state.tampered");
}

#[tokio::test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
async fn an_enclave_that_is_not_what_the_launcher_measured_does_not_start() {
    let factory = Factory::new();
    let mut clinic = factory.enrolled();
    let world = World::trusting(vec![factory.root()]).await;
    let site = world.site("clinic");
    let good = log(&of_site(&site), "clinic", 1);
    let mut other = of_site(&site);
    other.executable = Digest::of("another binary");
    let other = log(&other, "clinic", 1);
    let broker = log(&of_site(&site), "broker", 1);
    for (events, told, code) in [
        (&other, &other, "platform.log_differs"),
        (&broker, &broker, "platform.log_differs"),
        (&other, &good, "platform.registers_differ"),
    ] {
        let refused = run(&world, &site, clinic.launch(events, told)).await.err().unwrap();
        assert_eq!(refused.code(), code);
    }
}

/// As whoever owns the machine and patched the launcher would try it.
#[tokio::test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
async fn another_binary_configuration_or_library_is_never_affirmed() {
    let factory = Factory::new();
    let mut clinic = factory.enrolled();
    let world = World::new().await;
    let site = world.site("clinic");
    let manifest = release::sign(&world.manifest.lock().unwrap(), &world.release);
    let keys = [Jwk::signing(world.release.verifying_key())];
    let manifest = verify_manifest(&manifest, &keys, NOW).unwrap();
    let verifiers = Verifiers::from_roots(&[Root::Tpm(factory.root())]).unwrap();
    let mut verdict = |measured: &Measured| {
        let events = log(measured, "clinic", 1);
        clinic.launch(&events, &events);
        let evidence = clinic.evidence(&events, &report_data()).into_evidence();
        let verified =
            verifiers.verify(&evidence, &report_data(), &Endorsements::new(), NOW).unwrap();
        assert_eq!(verified.claims().measurement, measured.measurement());
        appraise(&verified, &manifest).status == Status::Affirming
    };
    let good = of_site(&site);
    assert!(verdict(&good));
    assert!(!verdict(&Measured { executable: Digest::of("x"), ..good.clone() }));
    assert!(!verdict(&Measured { configuration: Digest::of("x"), ..good.clone() }));
    let libraries = BTreeMap::from([("one".to_owned(), Digest::of("x"))]);
    assert!(!verdict(&Measured { libraries, ..good.clone() }));
    // The good log over other registers.
    let other = log(&Measured { executable: Digest::of("x"), ..good.clone() }, "clinic", 1);
    clinic.launch(&other, &other);
    let lie = clinic.evidence(&log(&good, "clinic", 1), &report_data()).into_evidence();
    let refused = verifiers.verify(&lie, &report_data(), &Endorsements::new(), NOW).unwrap_err();
    assert_eq!(refused, EvidenceRefusal::TpmLog);
}

#[test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
fn a_key_of_another_tpm_is_not_believed() {
    let factory = Factory::new();
    let (mut one, two) = (factory.enrolled(), factory.enrolled());
    let stranger = Factory::new();
    let verifiers = Verifiers::from_roots(&[Root::Tpm(factory.root())]).unwrap();
    let events =
        Event::of(&measure::take("", &BTreeMap::new()).unwrap(), Digest::of("l"), 1, false);
    one.launch(&events, &events);
    let verify = |body: Body| {
        verifiers.verify(&body.into_evidence(), &report_data(), &Endorsements::new(), NOW)
    };
    assert!(verify(one.evidence(&events, &report_data())).is_ok());
    // The papers of another machine.
    let mut body = one.evidence(&events, &report_data());
    (body.ak, body.ek) = (two.ak.clone(), two.ek.clone());
    assert_eq!(verify(body).unwrap_err(), EvidenceRefusal::Signature);
    let mut body = one.evidence(&events, &report_data());
    body.ek.clone_from(&two.ek);
    assert_eq!(verify(body).unwrap_err(), EvidenceRefusal::TpmAk);
    // Another nonce, another maker.
    let old = one.evidence(&events, &[0; 64]);
    assert_eq!(verify(old).unwrap_err(), EvidenceRefusal::ReportData);
    let strangers = Verifiers::from_roots(&[Root::Tpm(stranger.root_of_nobody())]).unwrap();
    let evidence = one.evidence(&events, &report_data()).into_evidence();
    assert!(strangers.verify(&evidence, &report_data(), &Endorsements::new(), NOW).is_err());
}

impl Factory {
    /// The root of a maker that made no machine here, with the same station.
    fn root_of_nobody(&self) -> TpmRoot {
        let _made_so_that_the_maker_has_its_certificates = self.maker.machine();
        self.root()
    }
}

#[test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
fn only_the_tpm_with_both_keys_answers_a_challenge() {
    let factory = Factory::new();
    let (one, two) = (factory.maker.machine(), factory.maker.machine());
    let (own, others) = (factory.identity(&one), factory.identity(&two));
    let mixed = Identity { ek_chain: own.ek_chain.clone(), ak_public: others.ak_public };
    let roots = factory.root().ek_roots;
    let challenge = |identity| enrol::challenge(identity, &roots, &mut Entropy, NOW).unwrap();
    // The key of one TPM under the certificate of another: neither opens it.
    let (asked, _) = challenge(&mixed);
    for machine in [&one, &two] {
        let mut tpm = Tpm::open(&machine.device()).unwrap();
        let refused = tpm.activate(&asked.credential_blob, &asked.secret_enc).err().unwrap();
        assert!(matches!(refused.code(), "tpm.integrity" | "tpm.refused"), "{refused}");
    }
    let (asked, expected) = challenge(&own);
    let mut tpm = Tpm::open(&one.device()).unwrap();
    assert!(tpm.activate(&asked.credential_blob, &asked.secret_enc).is_ok());
    let guessed = Secret::new([0; enrol::ANSWER_BYTES]);
    let refused = enrol::certify(expected, &guessed, &factory.station, LIFE_SECONDS, NOW);
    assert_eq!(refused.unwrap_err(), EnrolRefusal::Answer);
}
