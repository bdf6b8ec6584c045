//! One HTTP/1.1 connection, kept alive where the server lets it: as little work on the
//! client's side as there can be, since it shares the cores with what it measures.
//! Nothing here seals or checks; lengths and chunks are believed.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::Any;

/// No server here takes longer for one request.
const SILENCE_MAX: Duration = Duration::from_mins(10);

/// TLS where the server speaks nothing else, or what it speaks in the clear.
trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

type Reader = BufReader<Box<dyn Stream>>;

/// A connection to one server.
pub(crate) struct Connection {
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    stream: Option<Reader>,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    /// Where what is under way can be asked for.
    pub(crate) location: String,
    pub(crate) body: Vec<u8>,
}

/// What an answer's head says of its body.
#[derive(Default)]
struct Head {
    status: u16,
    content_type: String,
    location: String,
    length: Option<usize>,
    chunked: bool,
    closes: bool,
}

impl Connection {
    pub(crate) const fn to(address: SocketAddr) -> Self {
        Self { address, tls: None, stream: None }
    }

    /// Over TLS, where there is a configuration.
    pub(crate) const fn over(address: SocketAddr, tls: Option<Arc<ClientConfig>>) -> Self {
        Self { address, tls, stream: None }
    }

    /// `head` has the header fields, each ending in CRLF; the body's length is added. A kept
    /// connection that the server has closed meanwhile is opened anew, once.
    pub(crate) fn exchange(&mut self, line: &str, head: &str, body: &[u8]) -> Any<Answer> {
        let mut request = Vec::with_capacity(body.len() + 512);
        let length = body.len();
        write!(
            request,
            "{line} HTTP/1.1\r\nhost: bench\r\ncontent-length: {length}\r\n{head}\r\n"
        )?;
        request.extend_from_slice(body);
        let kept = self.stream.is_some();
        match self.once(&request) {
            Err(_) if kept => {
                self.stream = None;
                self.once(&request)
            }
            outcome => outcome,
        }
    }

    fn once(&mut self, request: &[u8]) -> Any<Answer> {
        if self.stream.is_none() {
            self.stream = Some(BufReader::with_capacity(64 << 10, self.open()?));
        }
        let reader = self.stream.as_mut().ok_or("no connection")?;
        reader.get_mut().write_all(request)?;
        reader.get_mut().flush()?;
        let head = read_head(reader)?;
        let body = read_body(reader, &head)?;
        if head.closes {
            self.stream = None;
        }
        Ok(Answer {
            status: head.status,
            content_type: head.content_type,
            location: head.location,
            body,
        })
    }

    fn open(&self) -> Any<Box<dyn Stream>> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some(tls) => {
                let name = ServerName::try_from("localhost")?;
                Box::new(StreamOwned::new(ClientConnection::new(tls.clone(), name)?, stream))
            }
        })
    }
}

fn read_head(reader: &mut Reader) -> Any<Head> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).ok_or("no status line")?.parse()?;
    let mut head = Head { status, closes: line.starts_with("HTTP/1.0"), ..Head::default() };
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let field = line.trim_end();
        if field.is_empty() {
            return Ok(head);
        }
        let (name, value) = field.split_once(':').ok_or("no header field")?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => head.length = Some(value.parse()?),
            "content-type" => value.clone_into(&mut head.content_type),
            "content-location" => value.clone_into(&mut head.location),
            "transfer-encoding" => head.chunked = value.eq_ignore_ascii_case("chunked"),
            "connection" => head.closes = value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
}

fn read_body(reader: &mut Reader, head: &Head) -> Any<Vec<u8>> {
    let mut body = Vec::new();
    if head.chunked {
        while read_chunk(reader, &mut body)? {}
    } else if let Some(length) = head.length {
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
    } else if head.closes {
        reader.read_to_end(&mut body)?;
    }
    Ok(body)
}

/// Appends one chunk; whether more follow.
fn read_chunk(reader: &mut Reader, body: &mut Vec<u8>) -> Any<bool> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let length = usize::from_str_radix(line.trim_end(), 16)?;
    let start = body.len();
    body.resize(start + length, 0);
    reader.read_exact(&mut body[start..])?;
    reader.read_line(&mut line)?;
    Ok(length > 0)
}
