//! A man in the middle between client and edge: he alters, drops, repeats, reorders and cuts
//! what passes in either direction. Everything that he changes is refused or repeated under
//! the same idempotency key, and nothing happens twice.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use autoclave::deploy::party::Party;
use autoclave_client::{Client, Options, Session, idempotency_key, trust};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::common::scene::{self, Scene};
use super::common::{Any, told};
use super::works;

/// What he does to the next sealed message that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tamper {
    Nothing,
    /// Flips one bit so many hundredths into the request's body.
    FlipRequest(usize),
    /// Flips one bit of the answer's body.
    FlipAnswer(usize),
    /// Cuts the request's body, and ends it properly for HTTP.
    CutRequest(usize),
    /// Cuts the answer's body.
    CutAnswer(usize),
    /// Exchanges two sealed chunks of the request's body.
    Reorder,
    /// Lets the request through and loses the answer.
    DropAnswer,
    /// Loses the request.
    DropRequest,
    /// Sends the request twice and gives the second answer.
    Repeat,
    /// Gives an answer that was made for another request.
    OldAnswer,
}

const TAMPERS: [Tamper; 21] = [
    Tamper::FlipRequest(0),
    Tamper::FlipRequest(1),
    Tamper::FlipRequest(50),
    Tamper::FlipRequest(99),
    Tamper::FlipRequest(100),
    Tamper::FlipAnswer(0),
    Tamper::FlipAnswer(10),
    Tamper::FlipAnswer(50),
    Tamper::FlipAnswer(100),
    Tamper::CutRequest(0),
    Tamper::CutRequest(50),
    Tamper::CutRequest(99),
    Tamper::CutAnswer(0),
    Tamper::CutAnswer(50),
    Tamper::CutAnswer(99),
    Tamper::Reorder,
    Tamper::DropAnswer,
    Tamper::DropRequest,
    Tamper::Repeat,
    Tamper::OldAnswer,
    Tamper::Nothing,
];

/// Paths that carry proofs in clear: each answer is altered in turn.
const IN_CLEAR: [&str; 5] =
    ["/evidence", "/attest/manifest", "/jwks.json", "/attest/nonce", "/attest"];

/// What he is about to do, and what he keeps.
#[derive(Default)]
struct Man {
    tamper: Option<Tamper>,
    alter_path: Option<&'static str>,
    old_answer: Vec<u8>,
}

type Shared = Arc<Mutex<Man>>;

/// Every tampering in turn, then proof that nothing was doubled.
pub(crate) async fn tampers(scene: &mut Scene) -> Any<String> {
    let man = Shared::default();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let standing = tokio::spawn(stand(listener, scene.ports.sealed(Party::Edge), man.clone()));
    let believed = altered_proofs(scene, address, &man).await?;
    let client = connect(scene, address).await?;
    let session = client.restore(scene.session.saved());
    let image = scene::image(scene::picture()?)?;
    let mut families = Vec::new();
    for tamper in TAMPERS {
        let family = format!("Middle-{}", idempotency_key());
        let patient = scene::patient(&family);
        lock(&man).tamper = Some(tamper);
        let altered = session.intake(&patient, &image, &family).await;
        if lock(&man).tamper.take().is_some() {
            return Err(format!("{tamper:?} did not take place").into());
        }
        // A client that is told that its key is unknown verifies and seals anew, once.
        let sealed_anew = matches!(tamper, Tamper::FlipRequest(0 | 1) | Tamper::Nothing);
        if altered.is_ok() && !sealed_anew {
            return Err(format!("{tamper:?} is not noticed").into());
        }
        session.intake(&patient, &image, &family).await.map_err(told)?;
        families.push(family);
    }
    once_each(&session, &families).await?;
    standing.abort();
    works(scene).await?;
    Ok(format!(
        "{} ways to tamper noticed, {believed} altered proofs not believed, {} patients once each",
        TAMPERS.len() - 1,
        families.len()
    ))
}

async fn connect(scene: &Scene, address: SocketAddr) -> Any<Arc<Client>> {
    let trust = trust::read(&scene.layout.client().join("trust.json"))?;
    let options = Options { address: format!("http://{address}"), trust };
    Ok(Arc::new(Client::connect(options).await?))
}

/// Whoever alters evidence, manifest, keys or token is not believed, and nothing is sent.
async fn altered_proofs(scene: &Scene, address: SocketAddr, man: &Shared) -> Any<usize> {
    for path in IN_CLEAR {
        lock(man).alter_path = Some(path);
        let verified = match connect(scene, address).await {
            Ok(client) => client.verify(&scene::workload(Party::Clinic)?).await.is_ok(),
            Err(_) => false,
        };
        let untouched = lock(man).alter_path.take().is_some();
        if verified || untouched {
            return Err(format!("{path}: altered and believed, or never asked").into());
        }
    }
    Ok(IN_CLEAR.len())
}

async fn once_each(session: &Session, families: &[String]) -> Any<()> {
    let ask = autoclave_client::Ask::new(http::Method::GET, "/patients");
    let answer = session.send(ask.header("purpose-of-use", "TREAT")).await.map_err(told)?;
    let text = String::from_utf8_lossy(answer.response.body()).into_owned();
    for family in families {
        if text.matches(&format!("\"family\":\"{family}\"")).count() != 1 {
            return Err(format!("{family} is not there once").into());
        }
    }
    Ok(())
}

fn lock(man: &Shared) -> std::sync::MutexGuard<'_, Man> {
    man.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stands in the middle of every connection.
async fn stand(listener: TcpListener, edge: SocketAddr, man: Shared) {
    while let Ok((client, _)) = listener.accept().await {
        let man = man.clone();
        tokio::spawn(async move {
            let _broken = pass(client, edge, &man).await;
        });
    }
}

/// Passes one request after another, each whole, on a connection of its own.
async fn pass(mut client: TcpStream, edge: SocketAddr, man: &Shared) -> Any<()> {
    while let Some(request) = Message::read(&mut client).await? {
        let is_sealed = request.start.contains("/sealed ");
        let tamper = if is_sealed { lock(man).tamper.take() } else { None };
        let tamper = tamper.unwrap_or(Tamper::Nothing);
        let mut answer = match tamper {
            Tamper::DropRequest => return Ok(()),
            Tamper::Repeat => {
                exchange(edge, &request).await?;
                exchange(edge, &request).await?
            }
            _ => exchange(edge, &request.tampered(tamper)).await?,
        };
        let old = if is_sealed {
            std::mem::replace(&mut lock(man).old_answer, answer.body.clone())
        } else {
            Vec::new()
        };
        match tamper {
            Tamper::DropAnswer => return Ok(()),
            Tamper::OldAnswer => answer.body = old,
            Tamper::FlipAnswer(at) => flip(&mut answer.body, at),
            Tamper::CutAnswer(at) => answer.body.truncate(answer.body.len() * at / 100),
            _ => {}
        }
        let path = request.start.split(' ').nth(1).unwrap_or_default().to_owned();
        let alters = |path_end: &mut &'static str| path.ends_with(*path_end);
        if lock(man).alter_path.take_if(alters).is_some() {
            alter_text(&mut answer.body);
        }
        client.write_all(&answer.to_bytes()).await?;
    }
    Ok(())
}

/// Changes one letter in the middle of what is signed, so that its form stays.
fn alter_text(body: &mut [u8]) {
    let middle = body.len() / 2;
    if let Some(letter) = body[middle..].iter_mut().find(|byte| byte.is_ascii_alphanumeric()) {
        *letter = if *letter == b'a' { b'b' } else { b'a' };
    }
}

fn flip(body: &mut [u8], at: usize) {
    let last = body.len().saturating_sub(1);
    if let Some(byte) = body.get_mut(last * at / 100) {
        *byte ^= 1;
    }
}

/// Exchanges the second and the third sealed chunk, which are equally long.
fn reorder(body: &mut [u8]) {
    let (Some(second), Some(third)) = (chunk(body, 1), chunk(body, 2)) else { return };
    if second.len() == third.len() {
        let (before, after) = body.split_at_mut(third.start);
        before[second].swap_with_slice(&mut after[..third.len()]);
    }
}

/// Where a sealed chunk lies, with the QUIC integer that is its length.
fn chunk(body: &[u8], number: usize) -> Option<std::ops::Range<usize>> {
    const HEAD_BYTES: usize = 7 + 1120;
    let mut start = HEAD_BYTES;
    for at in 0..=number {
        let prefix = 1_usize << (body.get(start)? >> 6);
        let first = usize::from(body[start] & 0x3f);
        let rest = body.get(start + 1..start + prefix)?;
        let length = rest.iter().fold(first, |length, byte| length << 8 | usize::from(*byte));
        let end = start + prefix + length;
        if at == number {
            return (end <= body.len()).then_some(start..end);
        }
        start = end;
    }
    None
}

async fn exchange(edge: SocketAddr, request: &Message) -> Any<Message> {
    let mut stream = TcpStream::connect(edge).await?;
    stream.write_all(&request.to_bytes()).await?;
    Ok(Message::read(&mut stream).await?.ok_or("no answer")?)
}

/// A whole HTTP/1.1 message.
#[derive(Clone)]
struct Message {
    start: String,
    fields: Vec<String>,
    body: Vec<u8>,
}

impl Message {
    async fn read(stream: &mut TcpStream) -> Any<Option<Self>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return Ok(None),
            }
        }
        let head = String::from_utf8(head)?.to_ascii_lowercase();
        let mut lines = head.lines().filter(|line| !line.is_empty()).map(str::to_owned);
        let start = lines.next().ok_or("no first line")?;
        let fields: Vec<String> = lines.collect();
        let field = |name: &str| {
            fields
                .iter()
                .find_map(|line| line.strip_prefix(name))
                .map(|value| value.trim().to_owned())
        };
        let body = match (field("content-length:"), field("transfer-encoding:")) {
            (Some(length), _) => {
                let mut body = vec![0; length.parse()?];
                stream.read_exact(&mut body).await?;
                body
            }
            (None, Some(_)) => chunks(stream).await?,
            (None, None) => Vec::new(),
        };
        let framing = |line: &String| {
            !line.starts_with("content-length:") && !line.starts_with("transfer-encoding:")
        };
        let start = start.replacen("get ", "GET ", 1).replacen("post ", "POST ", 1);
        let start = start.replacen("http/1.1", "HTTP/1.1", 1);
        Ok(Some(Self { start, fields: fields.into_iter().filter(framing).collect(), body }))
    }

    fn to_bytes(&self) -> Vec<u8> {
        let fields: String = self.fields.iter().flat_map(|line| [line.as_str(), "\r\n"]).collect();
        let head = format!("{}\r\n{fields}content-length: {}\r\n\r\n", self.start, self.body.len());
        [head.as_bytes(), &self.body].concat()
    }

    fn tampered(&self, tamper: Tamper) -> Self {
        let mut request = self.clone();
        match tamper {
            Tamper::FlipRequest(at) => flip(&mut request.body, at),
            Tamper::CutRequest(at) => request.body.truncate(request.body.len() * at / 100),
            Tamper::Reorder => reorder(&mut request.body),
            _ => {}
        }
        request
    }
}

/// The data of a chunked body (RFC 9112, section 7.1).
async fn chunks(stream: &mut TcpStream) -> Any<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(stream.read_u8().await?);
        }
        let length = usize::from_str_radix(std::str::from_utf8(&line)?.trim(), 16)?;
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk).await?;
        if length == 0 {
            return Ok(body);
        }
        body.extend_from_slice(&chunk[..length]);
    }
}
