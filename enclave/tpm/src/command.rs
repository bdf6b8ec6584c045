//! One command and its answer: header, handles, authorisations, parameters (Part 1,
//! section 18). An authorisation is the empty password or a policy session.

use crate::wire::{Reader, Writer};
use crate::{TpmError, code};

/// Bytes of a header: tag, size, code.
pub(crate) const HEADER_BYTES: usize = 10;
/// The same as a size on the wire.
const HEADER_SIZE: u32 = 10;
/// Longest answer that is read: the `TPM_PT_MAX_RESPONSE_SIZE` of real TPMs.
pub(crate) const ANSWER_BYTES_MAX: usize = 4096;

/// `TPM_ST_NO_SESSIONS`
const PLAIN: u16 = 0x8001;
/// `TPM_ST_SESSIONS`
const AUTHORISED: u16 = 0x8002;
/// A session lives on after the command; it is flushed by whoever began it.
const CONTINUE: u8 = 1;

/// A command's number and its name for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) u32, pub(crate) &'static str);

/// A command in the making.
pub(crate) struct Command {
    code: Code,
    handles: Writer,
    sessions: Option<Writer>,
    parameters: Writer,
    answers_handle: bool,
}

/// What the form of an answer depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    command: &'static str,
    has_handle: bool,
    is_authorised: bool,
}

impl Command {
    pub(crate) fn new(code: Code) -> Self {
        let (handles, parameters) = (Writer::default(), Writer::default());
        Self { code, handles, sessions: None, parameters, answers_handle: false }
    }

    /// A handle that needs no authorisation.
    pub(crate) fn handle(mut self, handle: u32) -> Self {
        self.handles = self.handles.u32(handle);
        self
    }

    /// A handle authorised by the empty password.
    pub(crate) fn owned(self, handle: u32) -> Self {
        self.authorised(handle, code::PASSWORD)
    }

    /// A handle authorised by a policy session.
    pub(crate) fn by_policy(self, handle: u32, session: u32) -> Self {
        self.authorised(handle, session)
    }

    fn authorised(mut self, handle: u32, session: u32) -> Self {
        let (nonce, hmac) = (&[], &[]);
        let sessions = self.sessions.take().unwrap_or_default();
        self.sessions = Some(sessions.u32(session).sized(nonce).u8(CONTINUE).sized(hmac));
        self.handle(handle)
    }

    pub(crate) fn u16(self, value: u16) -> Self {
        self.with(|parameters| parameters.u16(value))
    }

    pub(crate) fn u32(self, value: u32) -> Self {
        self.with(|parameters| parameters.u32(value))
    }

    pub(crate) fn sized(self, bytes: &[u8]) -> Self {
        self.with(|parameters| parameters.sized(bytes))
    }

    pub(crate) fn with(mut self, write: impl FnOnce(Writer) -> Writer) -> Self {
        self.parameters = write(self.parameters);
        self
    }

    /// The answer begins with a handle.
    pub(crate) const fn answering_handle(mut self) -> Self {
        self.answers_handle = true;
        self
    }

    /// The form of its answer.
    pub(crate) const fn form(&self) -> Form {
        let is_authorised = self.sessions.is_some();
        Form { command: self.code.1, has_handle: self.answers_handle, is_authorised }
    }

    /// The command as it is sent.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        let tag = if self.sessions.is_some() { AUTHORISED } else { PLAIN };
        let body = match self.sessions {
            Some(sessions) => self.handles.u32(length(sessions.bytes())).raw(sessions.bytes()),
            None => self.handles,
        };
        let body = body.raw(self.parameters.bytes());
        let size = length(body.bytes()).saturating_add(HEADER_SIZE);
        Writer::default().u16(tag).u32(size).u32(self.code.0).raw(body.bytes()).bytes().to_vec()
    }
}

/// Commands are some hundred bytes long.
fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// The size that an answer's header names, its header included.
pub(crate) fn answer_bytes(header: [u8; HEADER_BYTES]) -> Result<usize, TpmError> {
    let mut header = Reader::new(&header);
    let (_tag, size) = (header.u16()?, header.u32()?);
    match usize::try_from(size) {
        Ok(size) if (HEADER_BYTES..=ANSWER_BYTES_MAX).contains(&size) => Ok(size),
        _ => Err(TpmError::Malformed),
    }
}

/// An answer that says success.
#[derive(Debug)]
pub(crate) struct Response {
    bytes: Vec<u8>,
    handle: u32,
    parameters: std::ops::Range<usize>,
}

impl Response {
    pub(crate) fn parse(bytes: Vec<u8>, form: Form) -> Result<Self, TpmError> {
        let mut reader = Reader::new(&bytes);
        let (_tag, _size, code) = (reader.u16()?, reader.u32()?, reader.u32()?);
        if code != 0 {
            return Err(TpmError::Refused { command: form.command, code });
        }
        let handle = if form.has_handle { reader.u32()? } else { code::NULL };
        let length = if form.is_authorised { Some(reader.u32()?) } else { None };
        let rest = reader.rest().len();
        let begin = bytes.len() - rest;
        let length = length.map_or(Ok(rest), usize::try_from).map_err(|_| TpmError::Malformed)?;
        if length > rest {
            return Err(TpmError::Malformed);
        }
        Ok(Self { parameters: begin..begin + length, bytes, handle })
    }

    /// The handle that it begins with.
    pub(crate) const fn handle(&self) -> u32 {
        self.handle
    }

    pub(crate) fn parameters(&self) -> Reader<'_> {
        Reader::new(&self.bytes[self.parameters.clone()])
    }
}
