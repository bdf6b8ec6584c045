//! A deployment in one process that plays edge, attestor and clinic, and can lie.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use autoclave_attest::appraise::appraise;
use autoclave_attest::evidence::software::{Subject, quote};
use autoclave_attest::evidence::{
    Endorsements, Measured, Root, SoftwareVerifier, TeeKind, Verifier as _,
};
use autoclave_attest::handshake::{
    AttestQuery, EvidenceAnswer, EvidenceQuery, NonceAnswer, TokenAnswer, Trust, TrustAnchors,
};
use autoclave_attest::jwk::Jwk;
use autoclave_attest::nonce::Nonce;
use autoclave_attest::release::{self, Manifest, Release, verify_manifest};
use autoclave_attest::runtime::Runtime;
use autoclave_attest::token::{Issuance, Issuer, KeySet};
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, Problem};
use autoclave_client::clock::{now, random};
use autoclave_seal::request::{RESPONSE_MEDIA_TYPE, open};
use autoclave_seal::{Kem, SealingKeys};
use futures::io::Cursor;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;

const ISSUER: &str = "http://attestor.test";
/// What the clinic answers to whoever signs in.
const SIGNED_IN: &str = r#"{"session":"s-1","role":"clerk","expires_at":1700000000}"#;

pub(crate) struct Fake {
    root: SigningKey,
    release: SigningKey,
    attestor: Mutex<SigningKey>,
    pub(crate) clinic: Mutex<Clinic>,
}

/// What the clinic is at the moment.
pub(crate) struct Clinic {
    pub(crate) code: &'static str,
    pub(crate) debug: bool,
    pub(crate) signing: SigningKey,
    pub(crate) sealing: SealingKeys,
    pub(crate) opened: u32,
    pub(crate) verified: u32,
}

impl Clinic {
    /// As after a restart: other keys.
    pub(crate) fn restart(&mut self) {
        self.signing = key();
        self.sealing = SealingKeys::generate(&mut random());
    }
}

fn key() -> SigningKey {
    SigningKey::generate_from_rng(&mut random())
}

fn jwk(key: &SigningKey) -> Jwk {
    Jwk::signing(key.verifying_key())
}

pub(crate) fn clinic() -> WorkloadName {
    WorkloadName::parse("clinic").unwrap()
}

fn measured(code: &str) -> Measured {
    let (executable, configuration) = (Digest::of(code), Digest::of("configuration"));
    Measured { executable, configuration, libraries: BTreeMap::new() }
}

impl Fake {
    pub(crate) async fn start() -> (Arc<Self>, String) {
        let sealing = SealingKeys::generate(&mut random());
        let clinic = Clinic {
            code: "clinic",
            debug: false,
            signing: key(),
            sealing,
            opened: 0,
            verified: 0,
        };
        let fake = Arc::new(Self {
            root: key(),
            release: key(),
            attestor: Mutex::new(key()),
            clinic: Mutex::new(clinic),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, Arc::clone(&fake)));
        (fake, address)
    }

    pub(crate) fn trust(&self) -> Trust {
        let anchors = TrustAnchors {
            roots: vec![Root::Software { jwk: jwk(&self.root) }],
            release_keys: vec![jwk(&self.release)],
            issuer: ISSUER.to_owned(),
            manifest_serial_min: 0,
        };
        anchors.try_into().unwrap()
    }

    /// The attestor gets a new key and forgets the old one.
    pub(crate) fn rotate_attestor(&self) {
        *self.attestor.lock().unwrap() = key();
    }

    fn attestor(&self) -> SigningKey {
        self.attestor.lock().unwrap().clone()
    }

    fn jwks(&self) -> KeySet {
        KeySet::new(vec![jwk(&self.attestor())]).unwrap()
    }

    fn manifest(&self) -> String {
        let release_of = |name: &str| Release {
            name: WorkloadName::parse(name).unwrap(),
            version: "1".to_owned(),
            measurement: measured(name).measurement(),
            executable: Some(measured(name).executable),
            configuration: Some(measured(name).configuration),
            svn: 1,
            kinds: [TeeKind::Software].into(),
        };
        let manifest = Manifest {
            iss: "vendor".to_owned(),
            serial: 1,
            iat: now().minus(10),
            exp: now().plus(86_400),
            workloads: ["attestor", "clinic"].map(release_of).to_vec(),
        };
        release::sign(&manifest, &self.release)
    }

    fn evidence(&self, code: &str, debug: bool, runtime: Runtime) -> Vec<u8> {
        let subject = Subject { measured: measured(code), debug, svn: 1 };
        let evidence = quote(&subject, &runtime.report_data(), now(), &self.root);
        serde_json::to_vec(&EvidenceAnswer { evidence, runtime }).unwrap()
    }

    fn attestors_evidence(&self, nonce: Nonce) -> Vec<u8> {
        let keys = vec![jwk(&self.attestor())];
        let runtime = Runtime::new(nonce, keys, Some(self.jwks().digest())).unwrap();
        self.evidence("attestor", false, runtime)
    }

    fn clinics_evidence(&self, nonce: Nonce) -> Vec<u8> {
        let mut clinic = self.clinic.lock().unwrap();
        clinic.verified += 1;
        let mut keys = vec![jwk(&clinic.signing)];
        for key in clinic.sealing.public() {
            keys.push(match key.kem() {
                Kem::XWing => Jwk::xwing(key.key_id(), key.bytes()).unwrap(),
                Kem::X25519 => Jwk::x25519(key.key_id(), key.bytes().try_into().unwrap()),
            });
        }
        let runtime = Runtime::new(nonce, keys, None).unwrap();
        self.evidence(clinic.code, clinic.debug, runtime)
    }

    fn attest(&self, query: &AttestQuery) -> Vec<u8> {
        let root = SoftwareVerifier::new(&jwk(&self.root)).unwrap();
        let report_data = query.runtime.report_data();
        let verified =
            root.verify(&query.evidence, &report_data, &Endorsements::new(), now()).unwrap();
        let manifest = verify_manifest(&self.manifest(), &[jwk(&self.release)], now()).unwrap();
        let issuance = Issuance {
            issuer: Issuer { name: ISSUER, build: "test" },
            audience: &query.audience,
            verified: &verified,
            runtime: &query.runtime,
            appraisal: &appraise(&verified, &manifest),
        };
        let token = issuance.claims(&mut random(), now()).sign(&self.attestor());
        serde_json::to_vec(&TokenAnswer { token }).unwrap()
    }

    async fn answer(&self, path: &str, body: &[u8]) -> Response<Full<Bytes>> {
        let nonce = || serde_json::from_slice::<EvidenceQuery>(body).unwrap().nonce;
        let json = match path {
            "/parties/attestor/.well-known/autoclave/evidence" => self.attestors_evidence(nonce()),
            "/parties/attestor/.well-known/jwks.json" => serde_json::to_vec(&self.jwks()).unwrap(),
            "/parties/attestor/attest/manifest" => self.manifest().into_bytes(),
            "/parties/attestor/attest/nonce" => {
                let nonce = Nonce::random(&mut random());
                serde_json::to_vec(&NonceAnswer { nonce, expires_at: now().plus(60) }).unwrap()
            }
            "/parties/attestor/attest" => self.attest(&serde_json::from_slice(body).unwrap()),
            "/parties/clinic/.well-known/autoclave/evidence" => self.clinics_evidence(nonce()),
            "/parties/clinic/sealed" => return self.sealed(body.to_vec()).await,
            _ => return refusal(404, "edge.route_unknown"),
        };
        Response::new(Full::from(json))
    }

    /// Echoes path and body; `/refuse` is refused inside the seal, `/auth/sign-in` signs in, and
    /// `/who` echoes the session and the proof's head, which holds the key.
    async fn sealed(&self, body: Vec<u8>) -> Response<Full<Bytes>> {
        let keys = self.clinic.lock().unwrap().sealing.clone();
        let opened = match open(&keys, Cursor::new(body)).await {
            Ok(opened) => opened,
            Err(error) => return refusal(422, error.code()),
        };
        self.clinic.lock().unwrap().opened += 1;
        let (request, responder) = opened.into_parts();
        let path = request.uri().path().to_owned();
        let who = who(request.headers());
        let body = request.into_body().read_all(1024).await.unwrap();
        let mut inner = Response::new(match path.as_str() {
            "/auth/sign-in" => SIGNED_IN.as_bytes().to_vec(),
            "/who" => who.into_bytes(),
            _ => [path.as_bytes(), b" ", &body].concat(),
        });
        if path == "/refuse" {
            *inner.status_mut() = StatusCode::FORBIDDEN;
            *inner.body_mut() = Problem::new(403, "policy.refused", "No.").to_json();
        }
        let sealed = responder.seal_bytes(inner).await.unwrap();
        let mut response = Response::new(Full::from(sealed));
        let media_type = header::HeaderValue::from_static(RESPONSE_MEDIA_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        response
    }
}

fn who(headers: &header::HeaderMap) -> String {
    let text = |name| headers.get(name).map_or("", |value| value.to_str().unwrap());
    let proof = text("dpop").split('.').next().unwrap();
    format!("{} {proof}", text("authorization"))
}

fn refusal(status: u16, code: &'static str) -> Response<Full<Bytes>> {
    let problem = Problem::new(status, code, "No.");
    let mut response = Response::new(Full::from(problem.to_json()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

async fn serve(listener: tokio::net::TcpListener, fake: Arc<Fake>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let fake = Arc::clone(&fake);
        let service = service_fn(move |request: Request<Incoming>| {
            let fake = Arc::clone(&fake);
            async move {
                let path = request.uri().path().to_owned();
                let body = request.into_body().collect().await.unwrap().to_bytes();
                Ok::<_, Infallible>(fake.answer(&path, &body).await)
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
