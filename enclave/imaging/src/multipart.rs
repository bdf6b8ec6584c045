//! `multipart/related` (RFC 2387) as `DICOMweb` sends it: parts read as they arrive, parts
//! written as they are opened. Nobody's: pure. No part is larger than its bound, and no
//! chunk of a body is looked at twice.

use memchr::memmem;

/// Bytes of the headers of one part.
const HEADERS_BYTES_MAX: usize = 4096;
/// Bytes before the first part, which nobody needs.
const PREAMBLE_BYTES_MAX: usize = 4096;
/// Parts of one request.
pub const PARTS_MAX: usize = 65_536;
/// Characters of a boundary. RFC 2046 (5.1.1) has 70; Orthanc sends 73, two UUIDs.
const BOUNDARY_MAX: usize = 200;

/// Why a body is not taken as multipart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MultipartFlaw {
    /// The media type names no boundary as RFC 2046 has them.
    #[error("no sound boundary")]
    Boundary,
    /// The headers of a part do not end, or are no headers.
    #[error("a part's headers are not sound")]
    Headers,
    /// A part, or what stands before the first one, is too large, or there are too many.
    #[error("a part is too large, or there are too many")]
    Size,
    /// The body ends before its last boundary.
    #[error("the body was cut short")]
    Cut,
}

/// One part. No `Debug`: it is somebody's image.
pub struct Part {
    /// Its media type without parameters, in lower case; empty where it has none.
    pub media_type: String,
    /// Its bytes.
    pub body: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Preamble,
    Delimiter,
    Headers,
    Body,
    Closed,
}

/// Reads parts from chunks.
pub struct Parser {
    delimiter: memmem::Finder<'static>,
    buffer: Vec<u8>,
    /// Up to where the delimiter was looked for.
    seen: usize,
    state: State,
    media_type: String,
    part_bytes_max: usize,
    parts: usize,
}

impl Parser {
    /// For a body of this boundary.
    pub fn new(boundary: &str, part_bytes_max: usize) -> Result<Self, MultipartFlaw> {
        let sound = (1..=BOUNDARY_MAX).contains(&boundary.len())
            && boundary.bytes().all(|byte| matches!(byte, b' '..=b'~'))
            && !boundary.ends_with(' ');
        if !sound {
            return Err(MultipartFlaw::Boundary);
        }
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        Ok(Self {
            delimiter: memmem::Finder::new(&delimiter).into_owned(),
            // The first delimiter may stand at the very beginning.
            buffer: b"\r\n".to_vec(),
            seen: 0,
            state: State::Preamble,
            media_type: String::new(),
            part_bytes_max,
            parts: 0,
        })
    }

    /// Takes the next bytes of the body.
    pub fn push(&mut self, chunk: &[u8]) {
        if self.state != State::Closed {
            self.buffer.extend_from_slice(chunk);
        }
    }

    /// Bytes that wait for the rest of their part.
    pub const fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// The next whole part; `None` where more bytes are needed, or all parts were read.
    pub fn next_part(&mut self) -> Result<Option<Part>, MultipartFlaw> {
        loop {
            let went_on = match self.state {
                State::Preamble => self.cut(PREAMBLE_BYTES_MAX)?.is_some(),
                State::Delimiter => self.delimiter()?,
                State::Headers => self.headers()?,
                State::Body => {
                    let Some(body) = self.cut(self.part_bytes_max)? else { return Ok(None) };
                    return Ok(Some(Part {
                        media_type: std::mem::take(&mut self.media_type),
                        body,
                    }));
                }
                State::Closed => return Ok(None),
            };
            if !went_on {
                return Ok(None);
            }
        }
    }

    /// Whether the last boundary was read: called at the end of the body.
    pub const fn finish(&self) -> Result<(), MultipartFlaw> {
        if matches!(self.state, State::Closed) { Ok(()) } else { Err(MultipartFlaw::Cut) }
    }

    /// What stands before the next delimiter, which is taken away with it.
    fn cut(&mut self, longest: usize) -> Result<Option<Vec<u8>>, MultipartFlaw> {
        let length = self.delimiter.needle().len();
        let Some(at) = self.delimiter.find(&self.buffer[self.seen..]) else {
            self.seen = self.buffer.len().saturating_sub(length);
            return if self.seen > longest { Err(MultipartFlaw::Size) } else { Ok(None) };
        };
        let at = self.seen + at;
        if at > longest {
            return Err(MultipartFlaw::Size);
        }
        let rest = self.buffer.split_off(at + length);
        let mut before = std::mem::replace(&mut self.buffer, rest);
        before.truncate(at);
        (self.seen, self.state) = (0, State::Delimiter);
        Ok(Some(before))
    }

    /// The end of a delimiter's line: two dashes close the body, spaces mean nothing.
    fn delimiter(&mut self) -> Result<bool, MultipartFlaw> {
        if self.buffer.starts_with(b"--") {
            (self.state, self.buffer) = (State::Closed, Vec::new());
            return Ok(true);
        }
        let Some(end) = memmem::find(&self.buffer, b"\r\n") else {
            return if self.buffer.len() > HEADERS_BYTES_MAX {
                Err(MultipartFlaw::Headers)
            } else {
                Ok(false)
            };
        };
        if !self.buffer[..end].iter().all(|byte| matches!(byte, b' ' | b'\t')) {
            return Err(MultipartFlaw::Headers);
        }
        self.parts += 1;
        if self.parts > PARTS_MAX {
            return Err(MultipartFlaw::Size);
        }
        // The line's end stays: a part without headers begins with an empty line.
        self.buffer.drain(..end);
        self.state = State::Headers;
        Ok(true)
    }

    fn headers(&mut self) -> Result<bool, MultipartFlaw> {
        let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") else {
            return if self.buffer.len() > HEADERS_BYTES_MAX {
                Err(MultipartFlaw::Headers)
            } else {
                Ok(false)
            };
        };
        if end > HEADERS_BYTES_MAX {
            return Err(MultipartFlaw::Headers);
        }
        let text = std::str::from_utf8(&self.buffer[..end]).map_err(|_| MultipartFlaw::Headers)?;
        self.media_type = media_type(text);
        self.buffer.drain(..end + 4);
        (self.seen, self.state) = (0, State::Body);
        Ok(true)
    }
}

fn media_type(headers: &str) -> String {
    let line = headers.split("\r\n").filter_map(|line| line.split_once(':'));
    let value = line.filter(|(name, _)| name.eq_ignore_ascii_case("content-type")).map(|(_, v)| v);
    let value = value.last().unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The head of a part that is written.
pub fn part_head(boundary: &str, media_type: &str, location: Option<&str>) -> String {
    let location = location.map(|at| format!("Content-Location: {at}\r\n")).unwrap_or_default();
    format!("\r\n--{boundary}\r\nContent-Type: {media_type}\r\n{location}\r\n")
}

/// The end of a body that is written.
pub fn close(boundary: &str) -> String {
    format!("\r\n--{boundary}--\r\n")
}

#[cfg(test)]
mod tests;
