//! An attestor with its files, and enclaves that exist only as evidence.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use autoclave_attest::evidence::software::{Subject, quote};
use autoclave_attest::evidence::{Measured, Root, TeeKind};
use autoclave_attest::handshake::{AttestQuery, Trust, TrustAnchors};
use autoclave_attest::jwk::Jwk;
use autoclave_attest::nonce::Nonce;
use autoclave_attest::release::{self, Manifest, Release};
use autoclave_attest::runtime::Runtime;
use autoclave_attest::token::{Expectation, VerifiedToken, verify};
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, UnixTime};
use autoclave_cell::{
    BootError, Clock, Launch, Machine, Network, Platform, Routes, Running, measure, start,
};
use autoclave_ledger::Event;
use axum::Router;
use p256::ecdsa::SigningKey;
use tempfile::TempDir;

use crate::routes::routes;
use crate::service::Attestor;
use crate::settings::Settings;

pub(super) const ISSUER: &str = "https://attestor.test";
pub(super) const AUDIENCE: &str = "somebody";
pub(super) const KEY_LIFE_SECONDS: u64 = 3600;

pub(super) struct Scene {
    pub(super) clock: Clock,
    folder: TempDir,
    config: String,
}

/// One life of the attestor.
pub(super) struct Life {
    pub(super) attestor: Arc<Attestor>,
    pub(super) router: Router,
    pub(super) running: Running,
}

pub(super) fn platform() -> SigningKey {
    SigningKey::from_slice(&[1; 32]).unwrap()
}

fn release_key() -> SigningKey {
    SigningKey::from_slice(&[2; 32]).unwrap()
}

/// What a scene has beyond the least.
pub(super) struct Extra<'a> {
    pub(super) at: u64,
    pub(super) trust: &'a str,
    pub(super) development: &'a str,
    pub(super) attestor: &'a str,
}

impl Default for Extra<'_> {
    fn default() -> Self {
        Self { at: 1_800_000_000, trust: "", development: "", attestor: "" }
    }
}

impl Scene {
    /// An attestor whose manifest is in its place.
    pub(super) fn new() -> Self {
        Self::of(&Extra::default())
    }

    /// The same, with more lines under `[development]` and at the end, under `[attestor]`.
    pub(super) fn with(development: &str, attestor: &str) -> Self {
        Self::of(&Extra { development, attestor, ..Extra::default() })
    }

    /// The same, with more lines and at another time.
    pub(super) fn of(extra: &Extra<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let config = config_text(&folder, extra);
        let clock = Clock::manual(UnixTime::from_seconds(extra.at));
        let scene = Self { clock, folder, config };
        scene.publish(1, &release_key());
        scene
    }

    /// The configuration, which is measured.
    pub(super) fn config(&self) -> &str {
        &self.config
    }

    /// The folder that the attestor lives in, to be kept as long as that.
    pub(super) fn into_folder(self) -> TempDir {
        self.folder
    }

    /// Puts a manifest into its place, signed by `key`.
    pub(super) fn publish(&self, serial: u64, key: &SigningKey) {
        let own = measure::take(&self.config, &BTreeMap::new()).unwrap();
        let manifest = Manifest {
            iss: "vendor".to_owned(),
            serial,
            iat: self.clock.now(),
            exp: self.clock.now().plus(1_000_000),
            workloads: vec![listed("attestor", &own), listed("clinic", &clinic().measured)],
        };
        let path = self.folder.path().join("manifest.jws");
        std::fs::write(path, release::sign(&manifest, key)).unwrap();
    }

    pub(super) fn publish_newer(&self, serial: u64) {
        self.publish(serial, &release_key());
    }

    pub(super) async fn start(&self) -> Result<Life, String> {
        let launch = Launch {
            config: self.config.clone(),
            platform: Platform::software(platform()),
            clock: self.clock.clone(),
            network: Network::system(),
            machine: Machine::system(),
        };
        let kept = Arc::new(Mutex::new(None));
        let keep = kept.clone();
        let build = |cell, settings: Settings| async move {
            let attestor = Arc::new(Attestor::open(cell, settings).await?);
            let router = routes(attestor.clone());
            *keep.lock().unwrap() = Some((attestor, router.clone()));
            Ok::<_, BootError>(Routes::plain(router))
        };
        let mut running =
            start("attestor", launch, build).await.map_err(|e| e.code().to_owned())?;
        if let Err(error) = running.ready().await {
            let code = error.code().to_owned();
            running.drain().await;
            return Err(code);
        }
        let (attestor, router) = kept.lock().unwrap().take().unwrap();
        Ok(Life { attestor, router, running })
    }
}

/// What a client of this world starts from.
pub(super) fn trust() -> Trust {
    let jwk = |key: &SigningKey| Jwk::signing(key.verifying_key());
    let anchors = TrustAnchors {
        roots: vec![Root::Software { jwk: jwk(&platform()) }],
        release_keys: vec![jwk(&release_key())],
        issuer: ISSUER.to_owned(),
        manifest_serial_min: 0,
    };
    anchors.try_into().unwrap()
}

impl Life {
    /// A query by `subject` over a fresh nonce.
    pub(super) fn query(&self, subject: &Subject) -> AttestQuery {
        let nonce = self.attestor.nonce().unwrap().nonce;
        self.query_over(subject, nonce)
    }

    pub(super) fn query_over(&self, subject: &Subject, nonce: Nonce) -> AttestQuery {
        let runtime = runtime(nonce);
        let now = self.running.cell().now();
        let evidence = quote(subject, &runtime.report_data(), now, &platform());
        AttestQuery { evidence, runtime, audience: AUDIENCE.to_owned() }
    }

    /// A token of the clinic, signed now.
    pub(super) async fn token(&self) -> String {
        self.attestor.attest(&self.query(&clinic())).await.unwrap().token
    }

    pub(super) fn verified(&self, token: &str) -> Option<VerifiedToken> {
        let keys = self.attestor.keys.in_use().published;
        let expected = Expectation::new(ISSUER, AUDIENCE).hardware_required(false);
        verify(token, &keys, &expected, self.running.cell().now()).ok()
    }

    /// All events of the ledger, each by its proof; those about the state come when they will
    /// and are left out.
    pub(super) fn events(&self) -> Vec<Event> {
        self.numbered().into_iter().map(|(_, event)| event).collect()
    }

    /// The same with their places in the ledger.
    pub(super) fn numbered(&self) -> Vec<(u64, Event)> {
        let ledger = self.running.cell().ledger();
        let proof = |index| ledger.line(index).unwrap().proof;
        let event = |index| (index, proof(index).verify(ledger.key()).unwrap().event);
        let told = |(_, event): &(u64, Event)| !matches!(event, Event::Kept { .. });
        (0..ledger.size()).map(event).filter(told).collect()
    }

    /// Ends this life as a signal would.
    pub(super) async fn end(self) {
        let Self { attestor, router, running } = self;
        drop((attestor, router));
        running.drain().await;
    }
}

pub(super) fn runtime(nonce: Nonce) -> Runtime {
    let signing = SigningKey::from_slice(&[4; 32]).unwrap();
    Runtime::new(nonce, vec![Jwk::signing(signing.verifying_key())], None).unwrap()
}

pub(super) fn code(name: &str) -> Subject {
    let measured = Measured {
        executable: Digest::of(format!("{name} executable")),
        configuration: Digest::of(format!("{name} configuration")),
        libraries: BTreeMap::new(),
    };
    Subject { measured, debug: false, svn: 1 }
}

pub(super) fn clinic() -> Subject {
    code("clinic")
}

fn listed(name: &str, measured: &Measured) -> Release {
    Release {
        name: WorkloadName::parse(name).unwrap(),
        version: "0.1.0".to_owned(),
        measurement: measured.measurement(),
        executable: Some(measured.executable),
        configuration: Some(measured.configuration),
        svn: 1,
        kinds: [TeeKind::Software].into(),
    }
}

fn config_text(folder: &TempDir, extra: &Extra<'_>) -> String {
    let Extra { trust, development, attestor, .. } = extra;
    let jwk = |key: SigningKey| serde_json::to_value(Jwk::signing(key.verifying_key())).unwrap();
    let inline = |value: serde_json::Value| {
        let members = value.as_object().unwrap().iter();
        let members: Vec<_> = members.map(|(name, value)| format!("{name} = {value}")).collect();
        format!("{{ {} }}", members.join(", "))
    };
    let (root, release) = (inline(jwk(platform())), inline(jwk(release_key())));
    let place = |name: &str| format!("{:?}", folder.path().join(name));
    format!(
        r#"profile = "development"
[cell]
workload = "attestor"
listen_sealed = "127.0.0.1:0"
data_dir = {}
[trust]
issuer = "{ISSUER}"
release_keys = [{release}]
{trust}
[development]
software_root = {root}
{development}
[attestor]
manifest = {}
key_life_seconds = {KEY_LIFE_SECONDS}
{attestor}
"#,
        place("data"),
        place("manifest.jws"),
    )
}
