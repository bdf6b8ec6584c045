//! A small world for tests: a root, an attestor, attested callers, and a broker on a cell
//! of its own. The cell poses as the attestor's, so that it starts without one.

use std::collections::BTreeMap;
use std::sync::Arc;

use autoclave_attest::appraise::appraise;
use autoclave_attest::book::ProofBook;
use autoclave_attest::chain::{self, ChainPolicy, Facts, Signer, VerifiedChain};
use autoclave_attest::evidence::software::{Subject, quote};
use autoclave_attest::evidence::{Endorsements, Measured, Root, TeeKind};
use autoclave_attest::handshake::{Trust, TrustAnchors};
use autoclave_attest::jwk::Jwk;
use autoclave_attest::nonce::Nonce;
use autoclave_attest::release::{Manifest, Release, sign, verify_manifest};
use autoclave_attest::runtime::Runtime;
use autoclave_attest::token::{
    Expectation, Issuance, Issuer, KeySet, PASSPORT_AUDIENCE, VerifiedToken, verify,
};
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, UnixTime};
use autoclave_cell::{
    Cell, Clock, Entropy, Launch, Machine, Network, NoSettings, Platform, Running, start,
};
use autoclave_seal::{Kem, PublicSealingKey, SealingKeys};
use axum::Router;
use p256::ecdsa::SigningKey;

use crate::config::Settings;
use crate::{Broker, routes};

pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
const ISSUER: &str = "http://attestor.test";

pub(crate) const RULES: &str = r#"
@id("model-to-diagnosis")
permit(principal is Workload, action == Action::"release", resource)
when { resource.purpose == "model" && principal.workload == "diagnosis" && principal.svn >= 3 };

@id("records-to-clinic")
permit(principal is Workload, action == Action::"release", resource == Key::"records/clinic")
when { principal.workload == "clinic" };

@id("backups-by-clinic")
permit(principal is Workload, action in [Action::"wrap", Action::"unwrap"], resource)
when { resource.purpose == "backup" && resource.owner == "acme" && principal.workload == "clinic" };

@id("hardware-only")
permit(principal is Workload, action == Action::"release", resource == Key::"records/vault")
when { principal.hw_backed };
"#;

pub(crate) fn signing_key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

/// The address of the vaults, the issuer of tokens for releases there, and its key.
pub(crate) const VAULT: &str = "https://vault.test";
pub(crate) const AUTHORITY: &str = "https://authority.test";
pub(crate) const AUTHORITY_SEED: u8 = 31;

/// A JSON object as TOML has it in one line.
fn inline(json: &serde_json::Value) -> String {
    let member = |(name, value): (&String, &serde_json::Value)| format!("{name} = {value}");
    let members: Vec<_> = json.as_object().unwrap().iter().map(member).collect();
    format!("{{ {} }}", members.join(", "))
}

pub(crate) fn jwk(key: &SigningKey) -> Jwk {
    Jwk::signing(key.verifying_key())
}

/// The settings of the broker in tests: administrator 1 is of acme, 2 of mercy.
pub(crate) fn settings() -> Settings {
    let [acme, mercy, second, caller] =
        [1, 2, 3, 4].map(|seed| jwk(&signing_key(seed)).thumbprint());
    let authority = serde_json::to_value(jwk(&signing_key(AUTHORITY_SEED))).unwrap();
    let authority = inline(&authority);
    let text = format!(
        r#"
[policy]
rules = '''{RULES}'''

[[keys]]
name = "model/brain-mri"
owner = "acme"
purpose = "model"

[[keys]]
name = "records/clinic"
owner = "mercy"
purpose = "records"
generate = true

[[keys]]
name = "records/vault"
owner = "mercy"
purpose = "records"
generate = true

[[administrators]]
name = "acme-keys"
institution = "acme"
jkt = "{acme}"

[[administrators]]
name = "mercy-keys"
institution = "mercy"
jkt = "{mercy}"

[[administrators]]
name = "acme-second"
institution = "acme"
jkt = "{second}"

[key_vault]
url = "{VAULT}"

[[key_vault.callers]]
name = "acme-sidecar"
institution = "acme"
jkt = "{caller}"

[[key_vault.authorities]]
issuer = "{AUTHORITY}"
keys = [{authority}]
"#
    );
    toml::from_str(&text).unwrap()
}

/// Attested code with its keys.
pub(crate) struct Caller {
    pub(crate) token: VerifiedToken,
    pub(crate) sealing: SealingKeys,
    key: SigningKey,
}

fn measured(name: &str) -> Measured {
    let part = |part: &str| Digest::of(format!("{name} {part}"));
    let (executable, configuration) = (part("executable"), part("configuration"));
    Measured { executable, configuration, libraries: BTreeMap::new() }
}

fn manifest(names: &[&str]) -> Manifest {
    let release = |name: &&str| {
        let measured = measured(name);
        Release {
            name: WorkloadName::parse(name).unwrap(),
            version: "1".to_owned(),
            measurement: measured.measurement(),
            executable: Some(measured.executable),
            configuration: Some(measured.configuration),
            svn: 1,
            kinds: [TeeKind::Software].into(),
        }
    };
    Manifest {
        iss: "vendor".to_owned(),
        serial: 1,
        iat: NOW,
        exp: NOW.plus(1_000_000),
        workloads: names.iter().map(release).collect(),
    }
}

fn public_jwk(key: &PublicSealingKey) -> Jwk {
    match key.kem() {
        Kem::XWing => Jwk::xwing(key.key_id(), key.bytes()).unwrap(),
        Kem::X25519 => Jwk::x25519(key.key_id(), key.bytes().try_into().unwrap()),
    }
}

fn key_set() -> KeySet {
    KeySet::new(vec![jwk(&signing_key(13))]).unwrap()
}

fn expectation() -> Expectation {
    Expectation::new(ISSUER, PASSPORT_AUDIENCE).hardware_required(false)
}

/// Workload `name` in security version `svn`, attested.
pub(crate) fn caller(name: &str, svn: u32) -> Caller {
    let (root, release, attestor) = (signing_key(11), signing_key(12), signing_key(13));
    let sealing = SealingKeys::generate(&mut Entropy);
    let key = signing_key(21);
    let mut keys: Vec<Jwk> = sealing.public().iter().map(public_jwk).collect();
    keys.push(jwk(&key));
    let runtime = Runtime::new(Nonce::random(&mut Entropy), keys, None).unwrap();
    let anchors = TrustAnchors {
        roots: vec![Root::Software { jwk: jwk(&root) }],
        release_keys: vec![jwk(&release)],
        issuer: ISSUER.to_owned(),
        manifest_serial_min: 0,
    };
    let trust: Trust = anchors.try_into().unwrap();
    let subject = Subject { measured: measured(name), debug: false, svn };
    let evidence = quote(&subject, &runtime.report_data(), NOW, &root);
    let verified = trust
        .verifiers()
        .verify(&evidence, &runtime.report_data(), &Endorsements::new(), NOW)
        .unwrap();
    let raw = sign(&manifest(&[name]), &release);
    let manifest = verify_manifest(&raw, trust.release_keys(), NOW).unwrap();
    let issuance = Issuance {
        issuer: Issuer { name: ISSUER, build: "test" },
        audience: PASSPORT_AUDIENCE,
        verified: &verified,
        runtime: &runtime,
        appraisal: &appraise(&verified, &manifest),
    };
    let jwt = issuance.claims(&mut Entropy, NOW).sign(&attestor);
    Caller { token: verify(&jwt, &key_set(), &expectation(), NOW).unwrap(), sealing, key }
}

impl Caller {
    /// Its chain for an empty release request to `cell`, verified.
    pub(crate) fn chain(&self, cell: &Cell, target: &str) -> VerifiedChain {
        let facts = Facts { method: "POST", target, body: Digest::of("") };
        let signer = Signer { token: &self.token, key: &self.key };
        let links = chain::extend(&[], signer, cell.thumbprint(), facts, &mut Entropy, NOW);
        let accepted = vec![vec![self.token.workload().clone()]];
        let policy = ChainPolicy { accepted, expectation: expectation() };
        let mut book = ProofBook::default();
        let header = chain::encode(&links);
        let own = cell.thumbprint();
        chain::verify(Some(&header), facts, own, &key_set(), &policy, &mut book, NOW).unwrap()
    }
}

/// A broker on a running cell.
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) running: Running,
    pub(crate) broker: Arc<Broker>,
}

impl World {
    /// A broker whose data lies in `folder`.
    pub(crate) async fn open(folder: &std::path::Path, settings: Settings) -> Self {
        Self::open_at(folder, settings, Clock::manual(NOW)).await
    }

    /// The same, by a clock of the test's.
    pub(crate) async fn open_at(
        folder: &std::path::Path,
        settings: Settings,
        clock: Clock,
    ) -> Self {
        let mut running = cell_at(folder, clock.clone()).await;
        running.ready().await.unwrap();
        let broker = Broker::open(running.cell().clone(), settings).await.unwrap();
        Self { clock, running, broker: Arc::new(broker) }
    }

    pub(crate) fn router(&self) -> Router {
        routes::router(self.broker.clone())
    }

    pub(crate) fn cell(&self) -> &Arc<Cell> {
        self.running.cell()
    }

    /// All lines of the ledger, as events in JSON; those about the state come when they will
    /// and are left out.
    pub(crate) fn lines(&self) -> Vec<serde_json::Value> {
        let ledger = self.cell().ledger();
        let line = |index| serde_json::from_str(&ledger.line(index).unwrap().proof.entry).unwrap();
        let told = |line: &serde_json::Value| line["event"] != "kept";
        (0..ledger.size()).map(line).filter(told).collect()
    }

    /// The line at an index of the ledger's own.
    pub(crate) fn line_at(&self, index: u64) -> serde_json::Value {
        serde_json::from_str(&self.cell().ledger().line(index).unwrap().proof.entry).unwrap()
    }

    pub(crate) async fn stop(self) {
        drop(self.broker);
        self.running.drain().await;
    }
}

/// A cell without a role, at [`NOW`].
pub(crate) async fn cell(folder: &std::path::Path) -> Running {
    cell_at(folder, Clock::manual(NOW)).await
}

/// A cell without a role, by a clock of the test's.
pub(crate) async fn cell_at(folder: &std::path::Path, clock: Clock) -> Running {
    let key = |seed| inline(&serde_json::to_value(jwk(&signing_key(seed))).unwrap());
    let config = format!(
        r#"
profile = "development"
[cell]
workload = "attestor"
listen_sealed = "127.0.0.1:0"
data_dir = {folder:?}
[trust]
issuer = "{ISSUER}"
release_keys = [{}]
[development]
software_root = {}
"#,
        key(12),
        key(11)
    );
    let platform = Platform::software(signing_key(11));
    let launch =
        Launch { config, platform, clock, network: Network::system(), machine: Machine::system() };
    let build = |_: Arc<Cell>, _: NoSettings| async { Ok(Router::new()) };
    start("attestor", launch, build).await.unwrap()
}
