//! An enclave with two institutions' policies, its people, and a store that can fail.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use autoclave_attest::dpop::{self, Facts};
use autoclave_attest::jwk::Jwk;
use autoclave_base::{Digest, UnixTime};
use autoclave_ledger::{Event, Label};
use autoclave_policy::govern::Approval;
use autoclave_policy::{Ask, Past, Reason, Thing, Verdict, release_schema};
use axum::Router;
use axum::body::Body;
use futures::future::{BoxFuture, FutureExt as _};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use p256::ecdsa::SigningKey;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::administrators::AdministratorSettings;
use crate::governance::{
    ApproverSettings, Governance, GovernanceSettings, Options, Shelf, ShelfError, Shelved, keeper,
};
use crate::{Cell, Clock, Entropy, Launch, Machine, Network, NoSettings, Platform, Running, start};

pub(super) const LOCK: u64 = 60;
const ALL: &str = r#"@id("all") permit(principal, action == Action::"release", resource);"#;
pub(super) const STRICT: &str = r#"
@id("strict") permit(principal, action == Action::"release", resource)
when { principal.svn >= 7 };
"#;

type Values = Mutex<BTreeMap<String, (u64, Vec<u8>)>>;

/// A store that several enclaves share, and that can stop to take anything.
#[derive(Clone, Default)]
pub(super) struct Store(pub(super) Arc<(Values, AtomicBool)>);

impl Store {
    pub(super) fn fail(&self, fails: bool) {
        self.0.1.store(fails, Ordering::SeqCst);
    }
}

impl Shelf for Store {
    fn read<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Shelved, ShelfError>> {
        std::future::ready(Ok(self.0.0.lock().unwrap().get(name).cloned())).boxed()
    }

    fn write<'a>(
        &'a self,
        name: &'a str,
        expected: Option<u64>,
        value: &'a [u8],
    ) -> BoxFuture<'a, Result<u64, ShelfError>> {
        let mut values = self.0.0.lock().unwrap();
        let written = if self.0.1.load(Ordering::SeqCst) {
            Err(ShelfError::Store("store.down"))
        } else if values.get(name).map(|(writing, _)| *writing) == expected {
            let next = expected.map_or(1, |writing| writing + 1);
            values.insert(name.to_owned(), (next, value.to_vec()));
            Ok(next)
        } else {
            Err(ShelfError::Conflict)
        };
        std::future::ready(written).boxed()
    }

    fn is_shared(&self) -> bool {
        true
    }
}

/// What outlives an enclave.
pub(super) struct Place {
    folder: TempDir,
    beside: TempDir,
    pub(super) clock: Clock,
    pub(super) shelf: Store,
}

impl Place {
    pub(super) fn new() -> Self {
        let clock = Clock::manual(UnixTime::from_seconds(1_795_000_000));
        let [folder, beside] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        Self { folder, beside, clock, shelf: Store::default() }
    }
}

pub(super) struct World {
    pub(super) governance: Arc<Governance>,
    clock: Clock,
    router: Router,
    running: Running,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_slice(Digest::of(name).bytes()).unwrap()
}

fn jwk(name: &str) -> Jwk {
    Jwk::signing(key(name).verifying_key())
}

fn institution(name: &str) -> Label {
    label(if name == "foreign" { "mercy" } else { "acme" })
}

pub(super) fn workload_ask(svn: u32) -> Ask {
    let principal = Thing::new("Workload", "x")
        .with("workload", "clinic")
        .with("kind", "software")
        .with("hw_backed", false)
        .with("debug", false)
        .with("measurement", "sha256:00")
        .with("svn", svn)
        .with("appraisal", "sha256:00");
    let key = Thing::new("Key", "records/clinic")
        .with("owner", "acme")
        .with("purpose", "records")
        .with("version", 1);
    Ask::new(principal, "release", key).in_context("now", "2026-11-18T11:06:40Z")
}

/// `who` signs what they were shown.
pub(super) fn approval(shown: &Value, who: &str, now: UnixTime) -> String {
    let mut signed = shown.clone();
    signed["approver"] = json!(who);
    signed["iat"] = json!(now);
    signed["exp"] = json!(now.plus(3600));
    let approval: Approval = serde_json::from_value(signed).unwrap();
    approval.sign(&key(who))
}

impl World {
    pub(super) async fn start(place: &Place) -> Self {
        Self::open(place.folder.path(), place).await
    }

    /// A replica: another folder, the same store.
    pub(super) async fn beside(place: &Place) -> Self {
        Self::open(place.beside.path(), place).await
    }

    async fn open(folder: &std::path::Path, place: &Place) -> Self {
        let mut running = cell(folder, place.clock.clone()).await;
        running.ready().await.unwrap();
        let governance = Governance::open(running.cell().clone(), options(place)).await.unwrap();
        keeper::round(&governance).await;
        let router = governance.routes();
        Self { governance, clock: place.clock.clone(), router, running }
    }

    pub(super) async fn stop(self) {
        let Self { governance, router, running, .. } = self;
        drop((governance, router));
        running.drain().await;
    }

    async fn ask(&self, who: &str, method: &str, path: &str, body: &Value) -> Answer {
        let path = format!("/admin/policies/{path}");
        let plain = path.split('?').next().unwrap();
        let facts = Facts { method, path: plain, session: None };
        let proof = dpop::prove(&key(who), facts, &mut Entropy, self.clock.now());
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder().method(method).uri(path).header(dpop::HEADER, proof);
        let answer = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        Answer { status, body: serde_json::from_slice(&bytes).unwrap_or_default() }
    }

    pub(super) async fn get(&self, who: &str, path: &str) -> Answer {
        self.ask(who, "GET", path, &Value::Null).await
    }

    pub(super) async fn post(&self, who: &str, path: &str, body: Value) -> Answer {
        self.ask(who, "POST", path, &body).await
    }

    pub(super) async fn proposed(&self) {
        self.post("author", "release/versions", json!({ "text": STRICT })).await;
        self.post("author", "release/versions/2/propose", json!({})).await;
    }

    pub(super) async fn approve(&self, who: &str, number: u32) -> Answer {
        let shown = self.get(who, &format!("release/versions/{number}")).await.body;
        let jws = approval(&shown["to_approve"], who, self.clock.now());
        let path = format!("release/versions/{number}/approve");
        self.post(who, &path, json!({ "approval": jws })).await
    }

    /// The strict policy is in force.
    pub(super) async fn strict(&self) {
        self.proposed().await;
        self.approve("first", 2).await;
        self.approve("second", 2).await;
        self.pass(LOCK).await;
    }

    /// Time passes, by all clocks.
    pub(super) async fn pass(&self, seconds: u64) {
        keeper::round(&self.governance).await;
        self.clock.advance(seconds);
        keeper::round(&self.governance).await;
    }

    /// How many of one question the policy of `owner` grants: one or none.
    pub(super) fn decides(&self, owner: &str, svn: u32) -> usize {
        let policy = self.governance.in_force(&label(owner)).unwrap();
        usize::from(Verdict::of(policy.book(), &workload_ask(svn)).granted)
    }

    /// A decision by the policy of the moment, as a role notes it.
    pub(super) fn note(&self, svn: u32, line: u64) {
        let (policy, ask) = (self.governance.in_force(&label("acme")).unwrap(), workload_ask(svn));
        let verdict = Verdict::of(policy.book(), &ask);
        let reason = |why| Reason::new(why, policy.reference());
        let now = self.clock.now();
        self.governance.note(Past {
            operation: label("release"),
            owner: Some(label("acme")),
            policy: Some(policy.decider().clone()),
            caller: label("clinic"),
            claims: ask.principal().digest(),
            ask: Some(ask),
            granted: verdict.granted,
            code: None,
            rules: verdict.rules,
            why: verdict.why.into_iter().map(reason).collect(),
            first: now,
            last: now,
            count: 1,
            lines: [line].into(),
        });
    }

    /// The steps that the ledger names, in their order.
    pub(super) fn steps(&self) -> Vec<String> {
        let ledger = self.running.cell().ledger();
        let event = |index| ledger.line(index).unwrap().proof.verify(ledger.key()).unwrap().event;
        let step = |event| match event {
            Event::PolicyStep { step, .. } => Some(step.to_string()),
            _ => None,
        };
        (0..ledger.size()).map(event).filter_map(step).collect()
    }
}

fn options(place: &Place) -> Options {
    let approver = |name: &str| ApproverSettings {
        name: label(name),
        institution: institution(name),
        jwk: jwk(name),
    };
    let settings = GovernanceSettings {
        lock_seconds: LOCK,
        approvers: ["first", "second", "foreign"].map(approver).to_vec(),
    };
    let author = AdministratorSettings {
        name: label("author"),
        institution: label("acme"),
        jkt: jwk("author").thumbprint(),
    };
    Options {
        name: "release",
        schema: release_schema(),
        configured: ALL.to_owned(),
        owners: vec![label("acme"), label("mercy")],
        settings,
        administrators: vec![author],
        shelf: Some(Box::new(place.shelf.clone())),
    }
}

async fn cell(folder: &std::path::Path, clock: Clock) -> Running {
    let inline = |name: &str| {
        let json = serde_json::to_value(jwk(name)).unwrap();
        let member = |(name, value): (&String, &Value)| format!("{name} = {value}");
        json.as_object().unwrap().iter().map(member).collect::<Vec<_>>().join(", ")
    };
    let config = format!(
        r#"
profile = "development"
[cell]
workload = "attestor"
listen_sealed = "127.0.0.1:0"
data_dir = {folder:?}
[trust]
issuer = "https://attestor.test"
release_keys = [{{ {} }}]
[development]
software_root = {{ {} }}
"#,
        inline("release"),
        inline("root")
    );
    let platform = Platform::software(key("root"));
    let (network, machine) = (Network::system(), Machine::system());
    let launch = Launch { config, platform, clock, network, machine };
    let build = |_: Arc<Cell>, _: NoSettings| async { Ok(Router::new()) };
    start("attestor", launch, build).await.unwrap()
}
