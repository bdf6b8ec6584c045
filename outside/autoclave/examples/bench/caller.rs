//! The attested program that asks: this one. It gets its own token from the attestor,
//! verifies the enclave, and seals each request with a fresh proof on its chain, as the
//! clinic does. What it checks of each answer: it opens, is a success, and has a receipt;
//! the first of each connection is checked to the end.

use std::net::SocketAddr;
use std::sync::Arc;

use autoclave_attest::chain::{self, Facts, Signer};
use autoclave_attest::evidence::software::{self, Subject};
use autoclave_attest::handshake::{
    AttestorCheck, EvidenceAnswer, EvidenceQuery, PeerCheck, To, VerifiedAttestor, VerifiedPeer,
};
use autoclave_attest::jwk::{Jwk, Key};
use autoclave_attest::receipt;
use autoclave_attest::runtime::Runtime;
use autoclave_attest::token::{PASSPORT_AUDIENCE, VerifiedToken, verify};
use autoclave_base::Digest;
use autoclave_base::ids::WorkloadName;
use autoclave_client::clock::{now, random};
use autoclave_seal::request::{REQUEST_MEDIA_TYPE, RESPONSE_MEDIA_TYPE, seal_bytes};
use autoclave_seal::{Kem, PublicSealingKey};
use futures::executor::block_on;
use http::{Request, Response};
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;
use serde_json::Value;

use crate::Any;
use crate::load::{self, Target};
use crate::wire::Connection;
use crate::world::{CALLER, Enclave, World, caller_measured};

const DIAGNOSIS: &str = "diagnosis";
/// Largest opened answer.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// A request that is sent over and over.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// An attested caller of one enclave.
pub(crate) struct Caller {
    key: SigningKey,
    token: VerifiedToken,
    attestor: VerifiedAttestor,
    peer: VerifiedPeer,
    sealing: PublicSealingKey,
    address: SocketAddr,
}

impl Caller {
    /// Attests this program, and verifies the enclave.
    pub(crate) fn new(world: &World, enclave: &Enclave) -> Any<Arc<Self>> {
        let key = SigningKey::generate_from_rng(&mut random());
        let attestor = attestor(world)?;
        let own = PeerCheck::passport(&attestor, WorkloadName::parse(CALLER)?);
        let own = checked(own, world, |query| evidence(world, &key, query))?;
        let peer = PeerCheck::start(&attestor, WorkloadName::parse(DIAGNOSIS)?, &mut random());
        let peer = checked(peer, world, |query| {
            let line = "POST /.well-known/autoclave/evidence";
            Ok(post(&mut Connection::to(enclave.address), line, query)?.1)
        })?;
        let sealing = sealing_key(&peer).ok_or("no sealing key")?;
        let (token, address) = (own.into_token(), enclave.address);
        Ok(Arc::new(Self { key, token, attestor, peer, sealing, address }))
    }

    /// Sends one request sealed, and opens its answer.
    pub(crate) fn ask(
        &self,
        connection: &mut Connection,
        question: &Question,
    ) -> Any<Response<Vec<u8>>> {
        let mut request = Request::post(&question.path).header(chain::HEADER, self.chain(question));
        for (name, value) in &question.headers {
            request = request.header(*name, value);
        }
        let request = request.body(question.body.clone())?;
        let (sealed, opener) = block_on(seal_bytes(request, &self.sealing, now()))?;
        let head = format!("content-type: {REQUEST_MEDIA_TYPE}\r\n");
        let answer = connection.exchange("POST /sealed", &head, &sealed)?;
        if answer.content_type != RESPONSE_MEDIA_TYPE {
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(format!("refused outside: {} {body}", answer.status).into());
        }
        let answer = block_on(opener.open_bytes(answer.body, ANSWER_BYTES_MAX))?;
        if !answer.status().is_success() {
            let body = String::from_utf8_lossy(answer.body()).into_owned();
            return Err(format!("refused inside: {} {body}", answer.status()).into());
        }
        Ok(answer)
    }

    fn chain(&self, question: &Question) -> String {
        let signer = Signer { token: &self.token, key: &self.key };
        let body = Digest::of(&question.body);
        let facts = Facts { method: "POST", target: &question.path, body };
        let to = self.peer.thumbprint();
        chain::encode(&chain::extend(&[], signer, to, facts, &mut random(), now()))
    }

    /// The receipt: the token beside it, its signature, and that it is for this request.
    pub(crate) fn check(&self, question: &Question, answer: &Response<Vec<u8>>) -> Any<()> {
        let (receipt, token) = receipt_of(answer)?;
        let expected = self.attestor.expectation(PASSPORT_AUDIENCE);
        let expected = expected.workload(WorkloadName::parse(DIAGNOSIS)?);
        let token = verify(&token, self.attestor.keys(), &expected, now())?;
        let receipt = receipt::verify(&receipt, &token)?;
        if receipt.receipt().request == Digest::of(&question.body) {
            Ok(())
        } else {
            Err("the receipt is for another request".into())
        }
    }
}

/// Receipt and token: in headers of the inference route, in the body of the image route.
fn receipt_of(answer: &Response<Vec<u8>>) -> Any<(String, String)> {
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
    if let (Some(receipt), Some(token)) = (header("autoclave-receipt"), header("autoclave-token")) {
        return Ok((receipt.to_owned(), token.to_owned()));
    }
    let body: Value = serde_json::from_slice(answer.body())?;
    let text = |name: &str| body[name].as_str().map(str::to_owned).ok_or("no receipt");
    Ok((text("receipt")?, text("token")?))
}

pub(crate) fn attestor(world: &World) -> Any<VerifiedAttestor> {
    let (trust, mut rng) = (world.trust()?, random());
    let mut check = AttestorCheck::start(&trust, &mut rng);
    let mut connection = Connection::to(world.address(0));
    while let Some(ask) = check.next() {
        let (status, body) =
            post(&mut connection, &format!("{} {}", ask.method, ask.path), &ask.body)?;
        check.answer(status, &body, now())?;
    }
    Ok(check.finish()?)
}

pub(crate) fn checked(
    mut check: PeerCheck<'_>,
    world: &World,
    mut peer: impl FnMut(&[u8]) -> Any<Vec<u8>>,
) -> Any<VerifiedPeer> {
    let mut connection = Connection::to(world.address(0));
    while let Some(ask) = check.next() {
        let (status, body) = match ask.to {
            To::Attestor => {
                post(&mut connection, &format!("{} {}", ask.method, ask.path), &ask.body)?
            }
            To::Peer => (200, peer(&ask.body)?),
        };
        check.answer(status, &body, now())?;
    }
    Ok(check.finish()?)
}

pub(crate) fn post(connection: &mut Connection, line: &str, body: &[u8]) -> Any<(u16, Vec<u8>)> {
    let answer = connection.exchange(line, "content-type: application/json\r\n", body)?;
    Ok((answer.status, answer.body))
}

/// This program's own evidence, by the deployment's software root.
pub(crate) fn evidence(world: &World, key: &SigningKey, query: &[u8]) -> Any<Vec<u8>> {
    let EvidenceQuery { nonce } = serde_json::from_slice(query)?;
    let runtime = Runtime::new(nonce, vec![Jwk::signing(key.verifying_key())], None)?;
    let subject = Subject { measured: caller_measured()?, debug: false, svn: 1 };
    let evidence = software::quote(&subject, &runtime.report_data(), now(), &world.platform);
    Ok(serde_json::to_vec(&EvidenceAnswer { evidence, runtime })?)
}

pub(crate) fn sealing_key(peer: &VerifiedPeer) -> Option<PublicSealingKey> {
    let read = |(id, jwk): (u8, &Jwk)| match jwk.key() {
        Key::XWing(bytes) => PublicSealingKey::from_parts(id, Kem::XWing, bytes).ok(),
        Key::X25519(bytes) => PublicSealingKey::from_parts(id, Kem::X25519, bytes).ok(),
        _ => None,
    };
    let keys: Vec<_> = peer.sealing_keys().filter_map(read).collect();
    PublicSealingKey::best(&keys).cloned()
}

/// An enclave that is asked one question over and over.
pub(crate) struct Sealed {
    pub(crate) caller: Arc<Caller>,
    pub(crate) question: Question,
    pub(crate) pid: u32,
}

impl Target for Sealed {
    fn worker(&self) -> Any<load::Ask> {
        let (caller, question) = (Arc::clone(&self.caller), self.question.clone());
        let mut connection = Connection::to(caller.address);
        let first = caller.ask(&mut connection, &question)?;
        caller.check(&question, &first)?;
        Ok(Box::new(move || caller.ask(&mut connection, &question).map(drop)))
    }

    fn pid(&self) -> u32 {
        self.pid
    }
}
