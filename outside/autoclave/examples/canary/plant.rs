//! The markers, and everything that is done with them: admissions in all formats, diagnoses,
//! reads, sign-ins, keys; refused, malformed, cut off and killed ones among them.
//! It belongs to the test.
//! What a client would have to send in clear to leak is not sent: that would be its own leak.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use autoclave::commands::model::read_key;
use autoclave::deploy::accounts::Account;
use autoclave::deploy::configs::{MODEL_KEY, RECORDS_KEY};
use autoclave::deploy::keys::Keys;
use autoclave::deploy::layout::Layout;
use autoclave::deploy::party::Party;
use autoclave::deploy::seed;
use autoclave_base::b64;
use autoclave_client::{Ask, Client, ClientError, Credentials, Session, clock, idempotency_key};
use http::Method;
use serde_json::{Value, json};

use super::common::scene::{self, Scene};
use super::common::{Any, pictures, told};
use super::forms::{self, Marker, Needles};
use super::sinks::{self, Findings};
use super::{CONTROL, MEMORY};

/// Random bytes of a marker: no other text holds them by chance.
const MARKER_BYTES: usize = 12;
const PNG: &str = "image/png";

/// The markers by name.
pub(crate) struct Planted(Vec<Marker>);

impl Planted {
    /// Draws them anew; the model's key is the one that the deployment has.
    pub(crate) fn draw(root: &Path) -> Any<Self> {
        let texts = [
            CONTROL,
            "name",
            "given name",
            "identifier",
            "PNG text",
            "TIFF description",
            "DICOM name",
            "DICOM comment",
            "file name",
            "password",
            "user name",
            "path",
            "header",
            "malformed JSON",
            "bad image",
        ];
        let mut markers: Vec<Marker> = texts.into_iter().map(text).collect();
        let model_key = read_key(&Layout::new(root)?.model_key())?.expose().to_vec();
        markers.push(Marker { name: "model key", bytes: model_key });
        let mut records_key = vec![0; 32];
        rand::Rng::fill_bytes(&mut clock::random(), &mut records_key);
        markers.push(Marker { name: "records key", bytes: records_key });
        Ok(Self(markers))
    }

    /// All of them, the control among them.
    pub(crate) fn markers(&self) -> Vec<Marker> {
        self.0.clone()
    }

    /// The one that is planted in every sink.
    pub(crate) fn control(&self) -> Marker {
        self.0[0].clone()
    }

    fn bytes(&self, name: &str) -> &[u8] {
        let marker = self.0.iter().find(|marker| marker.name == name);
        marker.map(|marker| marker.bytes.as_slice()).unwrap_or_default()
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.bytes(name)).into_owned()
    }
}

/// A name as people have them, with a letter that is written in several ways.
fn text(name: &'static str) -> Marker {
    let mut random = [0; MARKER_BYTES];
    rand::Rng::fill_bytes(&mut clock::random(), &mut random);
    let hex = forms::hex("", &random);
    // Headers, paths and DICOM's default repertoire take ASCII only.
    let ascii = ["control", "path", "header", "DICOM name", "DICOM comment"].contains(&name);
    let letter = if ascii { "o" } else { "ö" };
    Marker { name, bytes: format!("Canary{letter}{hex}").into_bytes() }
}

/// The hospital's administrator imports the records' key before anybody asks for it.
pub(crate) async fn records_key(client: &Arc<Client>, keys: &Keys, planted: &Planted) -> Any<()> {
    let prover = client.prover(scene::workload(Party::Broker)?, keys.administrator.clone());
    let body = json!({ "secret": b64::encode(planted.bytes("records key")) });
    let ask = Ask::new(Method::PUT, format!("/keys/{RECORDS_KEY}")).json(&body);
    prover.send(ask).await.map_err(told)?;
    Ok(())
}

/// A deployment in which everything is done.
pub(crate) struct Run<'a> {
    pub(crate) scene: Scene,
    pub(crate) planted: Planted,
    clinician: Session,
    needles: &'a Needles,
    errors: String,
}

impl<'a> Run<'a> {
    /// Nothing is done yet.
    pub(crate) async fn begin(scene: Scene, planted: Planted, needles: &'a Needles) -> Any<Self> {
        let staff = autoclave::deploy::accounts::open(&scene.layout)?;
        let clinician = staff.iter().find(|account| account.role == "clinician");
        let clinician = clinician.ok_or("no clinician")?;
        let clinician = scene::sign_in(&scene.client, clinician).await?;
        Ok(Self { scene, planted, clinician, needles, errors: String::new() })
    }

    /// Does all of it; the texts of all errors that clients were told, and the control.
    pub(crate) async fn everything(&mut self, findings: &mut Findings) -> Any<String> {
        self.staff().await?;
        self.images().await?;
        self.bad_images().await?;
        self.malformed().await?;
        self.broker().await?;
        self.look_at_memory(findings, "after requests")?;
        self.cut_off().await?;
        self.killed(findings).await?;
        let control = b64::encode([b"x", self.planted.bytes(CONTROL)].concat());
        Ok(format!("{}{control}\n", self.errors))
    }

    /// The edge's memory, while somebody at its door has sent it the control.
    pub(crate) fn look_at_memory(&self, findings: &mut Findings, when: &str) -> Any<()> {
        let mut stranger = TcpStream::connect(self.scene.ports.sealed(Party::Edge))?;
        let control = self.planted.text(CONTROL);
        stranger.write_all(format!("GET /{control} HTTP/1.1\r\nhost: {control}\r\n").as_bytes())?;
        let id = self.scene.parties.id(Party::Edge)?;
        // The edge may need a moment to read what was sent.
        for _ in 0..50 {
            let (bytes, found) = sinks::memory(id, self.needles)?;
            let seen = found.iter().any(|(marker, _)| *marker == CONTROL);
            findings.note(MEMORY, when, bytes, found);
            if seen {
                return Ok(());
            }
        }
        Err("the control is not seen in the memory of the edge".into())
    }

    fn note<T>(&mut self, outcome: Result<T, ClientError>) -> Option<T> {
        let error = match outcome {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let _infallible = writeln!(self.errors, "{error} {error:?} {}", error.code());
        if let ClientError::Refused { problem, .. } = &error {
            self.errors.push_str(&String::from_utf8_lossy(&problem.to_json()));
            self.errors.push('\n');
        }
        None
    }

    /// An outcome that must be a refusal.
    fn refused<T>(&mut self, what: &str, outcome: Result<T, ClientError>) -> Any<()> {
        if self.note(outcome).is_some() {
            Err(format!("{what} is not refused").into())
        } else {
            Ok(())
        }
    }

    async fn send(&self, ask: Ask) -> Result<Vec<u8>, ClientError> {
        let ask = ask.header("purpose-of-use", "TREAT");
        let answer = self.scene.session.send(ask).await?;
        Ok(answer.response.into_body())
    }

    /// An account whose password is a marker; sign-ins that fail, and one that does not.
    async fn staff(&mut self) -> Any<()> {
        let accounts = autoclave::deploy::accounts::open(&self.scene.layout)?;
        let password = self.planted.text("password");
        let account = Account { user: "canary".into(), password, ..accounts[0].clone() };
        let keys = Keys::open(&self.scene.layout)?;
        seed::staff(&self.scene.client, &keys.administrator, std::slice::from_ref(&account))
            .await?;
        let user = self.planted.text("user name");
        let code = account.code(clock::now())?;
        let wrong = format!("{}x", account.password);
        for (user, password, totp) in [
            (user.as_str(), account.password.as_str(), code.as_str()),
            ("canary", wrong.as_str(), code.as_str()),
            ("canary", account.password.as_str(), "000000x"),
        ] {
            let credentials = Credentials { user, password, totp };
            let clinic = scene::workload(Party::Clinic)?;
            let outcome = self.scene.client.sign_in(clinic, &credentials).await;
            self.refused("a wrong sign-in", outcome)?;
        }
        let session: Session = scene::sign_in(&self.scene.client, &account).await?;
        let outcome = session.send(Ask::new(Method::POST, "/auth/sign-out")).await;
        self.note(outcome).ok_or("no sign-out")?;
        Ok(())
    }

    fn patient(&self) -> Value {
        json!({
            "family": self.planted.text("name"),
            "given": [self.planted.text("given name")],
            "birthDate": "1970-01-01",
            "identifier": {
                "system": "https://example.org/notes", "value": self.planted.text("identifier"),
            },
        })
    }

    async fn intake(
        &mut self,
        patient: &str,
        image: &[u8],
        media_type: &str,
    ) -> Result<Value, ClientError> {
        let ask = form(patient, image, media_type, &self.planted.text("file name"));
        let answer = self.send(ask).await?;
        Ok(serde_json::from_slice(&answer).unwrap_or_default())
    }

    /// Admissions in three formats, each diagnosed, twice, and read back.
    async fn images(&mut self) -> Any<()> {
        let png =
            pictures::png_with_text(&scene::picture()?, "Comment", &self.planted.text("PNG text"));
        let tiff = pictures::tiff_with_description(&self.planted.text("TIFF description"));
        let (name, comment) = (self.planted.text("DICOM name"), self.planted.text("DICOM comment"));
        let dicom = pictures::dicom_with_tags(&name, &comment);
        let patient = self.patient().to_string();
        for (image, kind) in [(png, PNG), (tiff, "image/tiff"), (dicom, "application/dicom")] {
            let ids = self.intake(&patient, &image, kind).await;
            let ids = self.note(ids).ok_or_else(|| format!("{kind} is not admitted"))?;
            let study = ids["imaging_study"].as_str().ok_or("no study")?.to_owned();
            for path in ["diagnosis", "diagnosis"] {
                let ask = Ask::new(Method::POST, format!("/imaging-studies/{study}/{path}"));
                let outcome = self.send(ask).await;
                self.note(outcome).ok_or_else(|| format!("{kind}: {}", self.errors))?;
            }
            let read = self.reads(&study, &ids).await?;
            if !read.windows(image.len()).any(|window| window == image) {
                return Err("the image does not come back: nothing was planted".into());
            }
        }
        Ok(())
    }

    /// Everything that can be read of a study, in one piece.
    async fn reads(&mut self, study: &str, ids: &Value) -> Any<Vec<u8>> {
        let patient = ids["patient"].as_str().ok_or("no patient")?;
        let mut all = Vec::new();
        for path in [
            format!("/imaging-studies/{study}/image"),
            format!("/imaging-studies/{study}/mask"),
            format!("/fhir/Patient/{patient}"),
            "/patients".to_owned(),
        ] {
            let ask = Ask::new(Method::GET, path).header("purpose-of-use", "TREAT");
            let outcome = self.clinician.send(ask).await;
            let answer = self.note(outcome).ok_or_else(|| format!("not read: {}", self.errors))?;
            all.extend(answer.response.into_body());
        }
        let name = self.planted.bytes("name");
        let seen = all.windows(name.len()).any(|window| window == name);
        if seen { Ok(all) } else { Err("the name does not come back: nothing was planted".into()) }
    }

    /// Images that are refused at intake, and one that only diagnosis finds out.
    async fn bad_images(&mut self) -> Any<()> {
        let marker = self.planted.bytes("bad image").to_vec();
        let patient = self.patient().to_string();
        let dead = [b"\x89PNG\r\n\x1a\n".as_slice(), &marker].concat();
        for (image, kind) in
            [(marker.as_slice(), PNG), (&[], PNG), (&dead, "image/tiff"), (&marker, "text/plain")]
        {
            let outcome = self.intake(&patient, image, kind).await;
            self.refused("a bad image", outcome)?;
        }
        let cut =
            pictures::png_with_text(&scene::picture()?, "Comment", &self.planted.text("bad image"));
        for image in [dead.as_slice(), &cut[..cut.len() / 2]] {
            let ids = self.intake(&patient, image, PNG).await;
            let ids = self.note(ids).ok_or("refused too early")?;
            let path = format!(
                "/imaging-studies/{}/diagnosis",
                ids["imaging_study"].as_str().unwrap_or_default()
            );
            let outcome = self.send(Ask::new(Method::POST, path)).await;
            self.refused("a broken image", outcome)?;
        }
        Ok(())
    }

    /// Requests that are malformed in every part that takes a text.
    async fn malformed(&mut self) -> Any<()> {
        let (json, path) = (self.planted.text("malformed JSON"), self.planted.text("path"));
        let header = self.planted.text("header");
        let long = json.repeat(50);
        for patient in [
            json.clone(),
            format!("{{\"family\": \"{json}\", \"surprise\": \"{json}\"}}"),
            format!("{{\"family\": \"{json}\", \"birthDate\": \"{json}\"}}"),
            format!("{{\"family\": \"{json}\", \"gender\": \"{json}\"}}"),
            format!("{{\"family\": \"{long}\"}}"),
            format!("{{\"family\": \"{json}"),
        ] {
            let outcome = self.intake(&patient, &scene::picture()?, PNG).await;
            self.refused("a malformed patient", outcome)?;
        }
        for ask in [
            Ask::new(Method::GET, format!("/fhir/Patient/{path}")),
            Ask::new(Method::GET, format!("/fhir/{path}/1")),
            Ask::new(Method::GET, format!("/{path}")),
            Ask::new(Method::DELETE, format!("/imaging-studies/{path}/image")),
            Ask::new(Method::POST, format!("/imaging-studies/{path}/diagnosis")),
            Ask::new(Method::GET, "/patients").header("purpose-of-use", header.clone()),
            Ask::new(Method::POST, "/intake").header("idempotency-key", header.clone()),
            Ask::new(Method::POST, "/intake").body(format!("multipart/{header}"), json.clone()),
            Ask::new(Method::POST, "/auth/sign-in").body("application/json", json.clone()),
            Ask::new(Method::POST, "/staff").body("application/json", json.clone()),
        ] {
            let outcome = self.send(ask).await;
            self.refused("a malformed request", outcome)?;
        }
        Ok(())
    }

    /// Keys that are imported by nobody who may, or malformed.
    async fn broker(&mut self) -> Any<()> {
        let broker = scene::workload(Party::Broker)?;
        let (model, records) = (self.planted.bytes("model key"), self.planted.bytes("records key"));
        let keys = Keys::open(&self.scene.layout)?;
        for (key, secret, name) in [
            (&keys.administrator, b64::encode(model), MODEL_KEY),
            (&keys.provider, b64::encode(records), RECORDS_KEY),
            (&keys.provider, format!("{}!", b64::encode(model)), MODEL_KEY),
            (&keys.release, b64::encode(records), RECORDS_KEY),
        ] {
            let prover = self.scene.client.prover(broker.clone(), key.clone());
            let ask =
                Ask::new(Method::PUT, format!("/keys/{name}")).json(&json!({ "secret": secret }));
            let outcome = prover.send(ask).await;
            self.refused("a stranger's key", outcome)?;
        }
        Ok(())
    }

    /// Clients that go away in the middle of what they send.
    async fn cut_off(&mut self) -> Any<()> {
        let patient = self.patient().to_string();
        let png =
            pictures::png_with_text(&scene::picture()?, "Comment", &self.planted.text("PNG text"));
        let large = [png.as_slice(), &png.repeat(20)].concat();
        let file_name = self.planted.text("file name");
        for millis in [2, 5, 15, 40] {
            let ask = form(&patient, &large, PNG, &file_name);
            let limit = std::time::Duration::from_millis(millis);
            if let Ok(outcome) = tokio::time::timeout(limit, self.send(ask)).await {
                self.note(outcome);
            }
        }
        Ok(())
    }

    /// The parties that see the markers die while they work.
    async fn killed(&mut self, findings: &mut Findings) -> Any<()> {
        let patient = self.patient().to_string();
        let png =
            pictures::png_with_text(&scene::picture()?, "Comment", &self.planted.text("PNG text"));
        for party in [Party::Clinic, Party::Diagnosis, Party::Edge, Party::Broker] {
            let working =
                tokio::spawn(work(self.scene.session.clone(), form(&patient, &png, PNG, "x")));
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            if party == Party::Edge {
                self.look_at_memory(findings, "before it is killed")?;
            }
            self.scene.parties.kill(party).await?;
            for error in working.await? {
                self.note::<()>(Err(error));
            }
            self.scene.parties.restart(party).await?;
            // Whoever starts may do so because another is gone.
            self.scene.parties.tend()?;
        }
        let outcome = self.intake(&patient, &png, PNG).await;
        self.note(outcome).ok_or_else(|| format!("no admission after kills: {}", self.errors))?;
        Ok(())
    }
}

/// Admissions until one fails.
async fn work(session: Arc<Session>, ask: Ask) -> Vec<ClientError> {
    const ROUNDS: usize = 30;
    let mut errors = Vec::new();
    for _ in 0..ROUNDS {
        let mut again = Ask::new(ask.method.clone(), ask.path.clone());
        again.headers = ask.headers.clone();
        again.headers.retain(|(name, _)| *name != "idempotency-key");
        again.body = ask.body.clone();
        let again =
            again.header("idempotency-key", idempotency_key()).header("purpose-of-use", "TREAT");
        if let Err(error) = session.send(again).await {
            errors.push(error);
            break;
        }
    }
    errors
}

/// An admission as a careless client would send it: with the file's own name.
fn form(patient: &str, image: &[u8], media_type: &str, file_name: &str) -> Ask {
    let boundary = format!("autoclave-{}", idempotency_key());
    let mut body = Vec::new();
    for (name, kind, bytes) in
        [("patient", "application/json", patient.as_bytes()), ("image", media_type, image)]
    {
        let head = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"; \
             filename=\"{file_name}\"\r\ncontent-type: {kind}\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ask::new(Method::POST, "/intake")
        .header("idempotency-key", idempotency_key())
        .body(format!("multipart/form-data; boundary={boundary}"), body)
}
