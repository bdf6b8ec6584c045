//! The diagnosis enclave, started for real on loopback beside a toy attestor, a toy broker
//! and whoever calls; everything passes its sealed door.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::unused_async,
    reason = "a test may fail; the toy world is shared"
)]

#[path = "../../cell/tests/support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use autoclave_attest::receipt::{self, VerifiedReceipt};
use autoclave_attest::token::{PASSPORT_AUDIENCE, TOKEN_LIFE_SECONDS, VerifiedToken, verify};
use autoclave_base::ids::{KeyName, WorkloadName};
use autoclave_base::{Digest, Problem, Secret, b64, jcs};
use autoclave_cell::release::{INFO, REFUSED, ReleasedKey, binding};
use autoclave_cell::{Cell, Entropy, Refusal, Running, measure, start, telemetry};
use autoclave_ledger::{Event, LedgerProof, LogKey};
use autoclave_seal::{file, request, wrap};
use axum::body::Bytes;
use axum::extract::{Request as Incoming, State};
use axum::routing::{any, get};
use axum::{Json, Router};
use ed25519_dalek::VerifyingKey;
use http::{Request, Response};
use image::{DynamicImage, ImageFormat, Luma};
use serde_json::{Value, json};
use support::{Site, World, exchange, sealing_key};

const MODEL: &[u8] = include_bytes!("fixtures/threshold.onnx");
const KEY: [u8; 32] = [7; 32];
const PNG: &str = "image/png";

/// Releases [`KEY`] to diagnosis, whatever it is called.
fn broker(cell: Arc<Cell>) -> Router {
    Router::new().route("/keys/{*rest}", any(release)).with_state(cell)
}

async fn release(
    State(cell): State<Arc<Cell>>,
    request: Incoming,
) -> Result<Json<ReleasedKey>, Refusal> {
    let accepted = [vec![workload("diagnosis")]];
    let chain = cell.chain(&request.into_parts().0, Digest::of(""), &accepted).await?;
    let (to, token) = (best_key(chain.caller()), chain.caller().digest());
    let key = KeyName::parse("model/test").unwrap();
    let aad = binding(&key, 1, token);
    let wrapped = wrap::wrap(&mut cell.rng(), &to, INFO, &aad, &KEY).unwrap();
    Ok(Json(ReleasedKey { key, version: 1, token, wrapped }))
}

fn best_key(token: &VerifiedToken) -> autoclave_seal::PublicSealingKey {
    let (key_id, jwk) = token.sealing_keys().next().unwrap();
    match jwk.key() {
        autoclave_attest::jwk::Key::XWing(bytes) => {
            autoclave_seal::PublicSealingKey::from_parts(key_id, autoclave_seal::Kem::XWing, bytes)
                .unwrap()
        }
        other => panic!("not the best key: {other:?}"),
    }
}

/// Releases nothing.
fn refusing_broker(_: Arc<Cell>) -> Router {
    Router::new().fallback(|| async { Refusal::forbidden(REFUSED, "The key is not released.") })
}

fn caller(_: Arc<Cell>) -> Router {
    Router::new().route("/", get(|| async {}))
}

fn workload(name: &str) -> WorkloadName {
    WorkloadName::parse(name).unwrap()
}

struct Scene {
    world: World,
    clinic: Running,
    diagnosis: Running,
    _broker: Running,
    stranger: Site,
    _sites: [Site; 3],
}

impl Scene {
    async fn new() -> Self {
        Self::with(broker, Digest::of(MODEL)).await
    }

    async fn with(broker: fn(Arc<Cell>) -> Router, digest: Digest) -> Self {
        telemetry::start();
        let world = World::new().await;
        let (place, clinic_place) = (world.site("broker"), world.site("clinic"));
        let stranger = world.site("stranger");
        let broker = world.run(&place, broker).await;
        let clinic = world.run(&clinic_place, caller).await;
        let mut site = world.unlisted_site("diagnosis");
        let models = tempfile::tempdir().unwrap();
        let file = models.path().join("model.sealed");
        let url = format!("http://{}", broker.addresses().sealed);
        site.config = configured(&site, &url, &file, digest);
        list(&world, &site);
        // Tokens of before, and what was verified under the manifest of before, are gone.
        world.clock.advance(TOKEN_LIFE_SECONDS + 1);
        // Real time has not passed: who sleeps until its renewal is woken by who asks.
        for running in [&broker, &clinic] {
            running.cell().token().await.unwrap();
        }
        let sealed =
            file::seal_bytes(&mut Entropy, &Secret::new(KEY), "model:test", MODEL).unwrap();
        std::fs::write(&file, sealed).unwrap();
        let mut diagnosis =
            start("diagnosis", world.launch(&site), autoclave_diagnosis::build).await.unwrap();
        diagnosis.ready().await.unwrap();
        let sites = [place, clinic_place, site];
        Self { world, clinic, diagnosis, _broker: broker, stranger, _sites: sites }
    }

    /// Sends with the chain of one enclave.
    async fn ask_as(
        &self,
        from: &Running,
        request: http::request::Builder,
        body: &[u8],
    ) -> Response<Bytes> {
        let url = format!("http://{}", self.diagnosis.addresses().sealed);
        let peer = from.cell().peer(workload("diagnosis"), &url).unwrap();
        peer.send(request.body(Bytes::copy_from_slice(body)).unwrap(), &[]).await.unwrap()
    }

    async fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Response<Bytes> {
        let request = Request::post(path).header("content-type", content_type);
        self.ask_as(&self.clinic, request, body).await
    }

    async fn get(&self, path: &str) -> Response<Bytes> {
        self.ask_as(&self.clinic, Request::get(path), b"").await
    }

    /// The receipt's signature, and the ledger line that it names.
    async fn check(
        &self,
        receipt: &str,
        token: &str,
        proof: &LedgerProof,
    ) -> (VerifiedReceipt, Event) {
        let attestor = self.clinic.cell().attestor().await.unwrap();
        let expectation = attestor.expectation(PASSPORT_AUDIENCE).workload(workload("diagnosis"));
        let token = verify(token, attestor.keys(), &expectation, self.world.clock.now()).unwrap();
        let receipt = receipt::verify(receipt, &token).unwrap();
        let line = &receipt.receipt().line;
        let key = VerifyingKey::from_bytes(&token.ledger_key().unwrap()).unwrap();
        let entry = proof.verify(&LogKey::new(&line.origin, key).unwrap()).unwrap();
        assert_eq!((proof.index, &proof.origin), (line.index, &line.origin));
        (receipt, entry.event)
    }
}

fn configured(site: &Site, broker: &str, file: &Path, digest: Digest) -> String {
    format!(
        r#"callers = [["clinic"], ["cache", "clinic"]]
{}
[broker]
url = "{broker}"
[[models]]
name = "test"
version = "1"
file = "{}"
digest = "{digest}"
key = "model/test"
preprocessing = "brain-mri"
"#,
        site.config,
        file.display(),
    )
}

fn list(world: &World, site: &Site) {
    let measured = measure::take(&site.config, &std::collections::BTreeMap::new()).unwrap();
    let mut manifest = world.manifest.lock().unwrap();
    let mut release = manifest.workloads[0].clone();
    release.name = workload("diagnosis");
    release.measurement = measured.measurement();
    release.executable = Some(measured.executable);
    release.configuration = Some(measured.configuration);
    manifest.workloads.push(release);
}

fn disc() -> Vec<u8> {
    let image = image::ImageBuffer::from_fn(256, 256, |x: u32, y: u32| {
        let near = x.abs_diff(100).pow(2) + y.abs_diff(80).pow(2) < 400;
        Luma([if near { 250_u8 } else { 20 }])
    });
    let mut png = std::io::Cursor::new(Vec::new());
    DynamicImage::ImageLuma8(image).write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner()
}

fn code(response: &Response<Bytes>) -> String {
    Problem::parse(response.body())
        .map_or_else(|| format!("{:?}", response.body()), |problem| problem.code.into_owned())
}

fn kserve_code(response: &Response<Bytes>) -> String {
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    assert!(body["error"].as_str().is_some_and(|sentence| sentence.ends_with('.')), "{body}");
    body["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_image_is_answered_with_mask_receipt_and_line() {
    let scene = Scene::new().await;
    let image = disc();
    let response = scene.post("/diagnose/test", PNG, &image).await;
    assert_eq!(response.status(), 200, "{}", code(&response));
    let answer: Value = serde_json::from_slice(response.body()).unwrap();
    let members: BTreeSet<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["chain", "ledger", "receipt", "result", "token"]));
    assert!(answer["result"]["findings"]["pixels"].as_u64().unwrap() > 1000);
    let mask = b64::decode(answer["result"]["mask"]["data"].as_str().unwrap()).unwrap();
    let mask = image::load_from_memory(&mask).unwrap().into_luma8();
    assert_eq!((mask[(100, 80)].0, mask[(10, 10)].0), ([255], [0]));
    let proof: LedgerProof = serde_json::from_value(answer["ledger"].clone()).unwrap();
    let text = |name: &str| answer[name].as_str().unwrap();
    let (receipt, event) = scene.check(text("receipt"), text("token"), &proof).await;
    let receipt = receipt.receipt();
    assert_eq!(receipt.request, Digest::of(&image));
    assert_eq!(receipt.response, jcs::digest(&answer["result"]).unwrap());
    assert_eq!((receipt.model.digest, receipt.model.version.as_str()), (Digest::of(MODEL), "1"));
    assert_eq!(receipt.engine, "rten 0.27.0");
    assert_eq!(receipt.chain, [scene.clinic.cell().token().await.unwrap().digest()]);
    let Event::Result { request, response, caller, token, .. } = event else { panic!("{event:?}") };
    assert_eq!((request, response, token), (receipt.request, receipt.response, receipt.token));
    assert_eq!(caller, workload("clinic"));
}

#[tokio::test]
async fn a_bad_image_is_refused_and_leaves_no_line() {
    let scene = Scene::new().await;
    let before = scene.diagnosis.cell().ledger().size();
    for (content_type, body, status, expected) in [
        (PNG, b"".to_vec(), 422, "image.empty"),
        ("image/tiff", disc(), 422, "image.type_mismatch"),
        ("image/jpeg", disc(), 415, "image.type_unsupported"),
        (PNG, disc()[..500].to_vec(), 422, "image.undecodable"),
    ] {
        let response = scene.post("/diagnose/test", content_type, &body).await;
        assert_eq!((response.status().as_u16(), code(&response).as_str()), (status, expected));
    }
    let unknown = scene.post("/diagnose/none", PNG, &disc()).await;
    assert_eq!((unknown.status().as_u16(), code(&unknown).as_str()), (404, "model.unknown"));
    assert_eq!(scene.diagnosis.cell().ledger().size(), before);
}

#[tokio::test]
async fn callers_without_an_accepted_chain_are_refused_before_anything_else() {
    let scene = Scene::new().await;
    let before = scene.diagnosis.cell().ledger().size();
    // A stranger who seals well, but shows no chain.
    let key = sealing_key(&scene.world.verify(&scene.diagnosis).await);
    for path in ["/diagnose/test", "/v2/models/test/infer"] {
        let bare = Request::post(path)
            .header("content-type", PNG)
            .body(b"not even an image".to_vec())
            .unwrap();
        let (sealed, opener) =
            request::seal_bytes(bare, &key, scene.world.clock.now()).await.unwrap();
        let answer =
            exchange(&scene.diagnosis, "POST", "/sealed", request::REQUEST_MEDIA_TYPE, &sealed)
                .await;
        let answer = opener.open_bytes(answer.body, 100_000).await.unwrap();
        let (status, body) =
            (answer.status().as_u16(), String::from_utf8(answer.into_body()).unwrap());
        assert!(status == 401 && body.contains("\"chain.missing\""), "{status} {body}");
    }
    // Attested code that is not on the list of callers.
    let stranger = scene.world.run(&scene.stranger, caller).await;
    let request = Request::post("/diagnose/test").header("content-type", PNG);
    let refused = scene.ask_as(&stranger, request, &disc()).await;
    assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (403, "chain.not_accepted"));
    // Nothing but the three refusals was told.
    assert_eq!(scene.diagnosis.cell().ledger().size(), before + 3);
}

#[tokio::test]
async fn tensors_go_in_and_out_in_binary_with_receipt_in_headers() {
    let scene = Scene::new().await;
    let values: Vec<u8> = (0..3 * 65536_u32)
        .flat_map(|i| (f32::from((i % 511) as u16) / 255.0 - 1.0).to_le_bytes())
        .collect();
    let header = json!({
        "id": "r-1", "parameters": {"binary_data_output": true},
        "inputs": [{"name": "image", "shape": [1, 3, 256, 256], "datatype": "FP32",
                    "parameters": {"binary_data_size": values.len()}}],
    });
    let json = header.to_string();
    let body = [json.as_bytes(), &values].concat();
    let request = Request::post("/v2/models/test/versions/1/infer")
        .header("content-type", "application/octet-stream")
        .header("inference-header-content-length", json.len());
    let response = scene.ask_as(&scene.clinic, request, &body).await;
    assert_eq!(response.status(), 200, "{:?}", response.body());
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    let split: usize = header("inference-header-content-length").parse().unwrap();
    let shown: Value = serde_json::from_slice(&response.body()[..split]).unwrap();
    assert_eq!(
        (&shown["id"], &shown["outputs"][0]["name"]),
        (&json!("r-1"), &json!("probability"))
    );
    assert_eq!(response.body().len() - split, 65536 * 4);
    let proof = b64::decode(&header("autoclave-ledger")).unwrap();
    let proof: LedgerProof = serde_json::from_slice(&proof).unwrap();
    let (receipt, _) =
        scene.check(&header("autoclave-receipt"), &header("autoclave-token"), &proof).await;
    assert_eq!(receipt.receipt().request, Digest::of(&body));
    assert_eq!(receipt.receipt().response, Digest::of(response.body()));
}

#[tokio::test]
async fn bad_tensors_are_refused_in_the_protocols_form() {
    let scene = Scene::new().await;
    let input = |shape: &Value, data: &Value| {
        json!({"inputs": [{"name": "image", "shape": shape, "datatype": "FP32", "data": data}]})
            .to_string()
    };
    let before = scene.diagnosis.cell().ledger().size();
    for (path, body, status, expected) in [
        ("/v2/models/test/infer", "{}".to_owned(), 400, "kserve.malformed"),
        ("/v2/models/test/infer", input(&json!([1, 2]), &json!([0, 0])), 400, "tensor.shape"),
        ("/v2/models/test/infer", input(&json!([1, 2]), &json!([0])), 400, "tensor.length"),
        ("/v2/models/none/infer", input(&json!([1]), &json!([0])), 404, "model.unknown"),
        ("/v2/models/test/versions/2/infer", input(&json!([1]), &json!([0])), 404, "model.unknown"),
    ] {
        let response = scene.post(path, "application/json", body.as_bytes()).await;
        assert_eq!(
            (response.status().as_u16(), kserve_code(&response).as_str()),
            (status, expected)
        );
    }
    assert_eq!(scene.diagnosis.cell().ledger().size(), before);
}

#[tokio::test]
async fn the_protocols_get_routes_answer() {
    let scene = Scene::new().await;
    for path in [
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/test/ready",
        "/v2/models/test/versions/1/ready",
    ] {
        assert_eq!(scene.get(path).await.status(), 200, "{path}");
    }
    let metadata: Value =
        serde_json::from_slice(scene.get("/v2/models/test").await.body()).unwrap();
    assert_eq!(metadata["inputs"][0]["shape"], json!([-1, 3, 256, 256]));
    assert_eq!(metadata["versions"], json!(["1"]));
    assert_eq!(scene.get("/v2/models/test/versions/9").await.status(), 404);
}

#[tokio::test]
async fn without_its_key_the_model_is_not_ready_and_says_so() {
    let scene = Scene::with(refusing_broker, Digest::of(MODEL)).await;
    let ready = scene.get("/v2/health/ready").await;
    assert_eq!((ready.status().as_u16(), kserve_code(&ready).as_str()), (503, "release.refused"));
    let answer = scene.post("/diagnose/test", PNG, &disc()).await;
    assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (503, "release.refused"));
}

#[tokio::test]
async fn a_model_of_another_digest_is_never_run() {
    let scene = Scene::with(broker, Digest::of("another model")).await;
    let answer = scene.post("/diagnose/test", PNG, &disc()).await;
    assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (503, "model.digest"));
}
