//! The second implementation: chunked OHTTP for one KEM at a time, on `hpke` alone.

use aes_gcm::{AeadInOut as _, Aes128Gcm, KeyInit as _};
use hkdf::Hkdf;
use hpke::aead::{AeadCtxR, AeadCtxS, AesGcm128};
use hpke::kdf::HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use sha2::Sha256;

use super::Given;
use super::bhttp::varint;

pub const REQUEST_INFO: &[u8] = b"message/bhttp chunked request";
pub const RESPONSE_LABEL: &[u8] = b"message/bhttp chunked response";
pub const WHOLE_REQUEST_INFO: &[u8] = b"message/bhttp request";
pub const WHOLE_RESPONSE_LABEL: &[u8] = b"message/bhttp response";
const SECRET_BYTES: usize = 16;
const FINAL: &[u8] = b"final";

pub fn header(key_id: u8, kem: u16) -> Vec<u8> {
    [vec![key_id], kem.to_be_bytes().to_vec(), vec![0, 1, 0, 1]].concat()
}

pub fn info(label: &[u8], header: &[u8]) -> Vec<u8> {
    [label, &[0], header].concat()
}

/// The client, up to its answer.
pub struct Client<K: Kem> {
    pub header: Vec<u8>,
    pub enc: Vec<u8>,
    context: AeadCtxS<AesGcm128, HkdfSha256, K>,
}

impl<K: Kem> Client<K> {
    pub fn new(key_id: u8, public: &[u8], ekm: &[u8]) -> Self {
        let header = header(key_id, K::KEM_ID);
        let public = K::PublicKey::from_bytes(public).unwrap();
        let info = info(REQUEST_INFO, &header);
        let mut rng = Given::new(&[ekm]);
        let (enc, context) =
            hpke::setup_sender_with_rng::<_, _, K>(&OpModeS::Base, &public, &info, &mut rng)
                .unwrap();
        Self { header, enc: enc.to_bytes().to_vec(), context }
    }

    pub fn envelope(&self) -> Vec<u8> {
        [self.header.as_slice(), &self.enc].concat()
    }

    /// One framed chunk.
    pub fn chunk(&mut self, plain: &[u8], last: bool) -> Vec<u8> {
        let mut sealed = plain.to_vec();
        let aad = if last { FINAL } else { b"" };
        let tag = self.context.seal_inout_detached(sealed.as_mut_slice().into(), aad).unwrap();
        sealed.extend_from_slice(&tag.to_bytes());
        frame(&sealed, last)
    }

    /// The whole request; the last chunk is the final one.
    pub fn request(&mut self, chunks: &[&[u8]]) -> Vec<u8> {
        let mut sealed = self.envelope();
        for (at, chunk) in chunks.iter().enumerate() {
            sealed.extend(self.chunk(chunk, at + 1 == chunks.len()));
        }
        sealed
    }

    pub fn secret(&self) -> [u8; SECRET_BYTES] {
        let mut secret = [0; SECRET_BYTES];
        self.context.export(RESPONSE_LABEL, &mut secret).unwrap();
        secret
    }

    /// Opens an answer, or gives none.
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, mut rest) = sealed.split_at_checked(SECRET_BYTES)?;
        let mut keys = AnswerKeys::new(&self.secret(), &self.enc, nonce);
        let mut plain = Vec::new();
        loop {
            let (chunk, last) = unframe(&mut rest)?;
            plain.extend(keys.open(chunk, last)?);
            if last {
                return Some(plain);
            }
        }
    }
}

/// The enclave's side.
pub struct Server<K: Kem> {
    pub enc: Vec<u8>,
    pub context: AeadCtxR<AesGcm128, HkdfSha256, K>,
}

impl<K: Kem> Server<K> {
    pub fn new(private: &[u8], enc: &[u8], info: &[u8]) -> Self {
        let private = K::PrivateKey::from_bytes(private).unwrap();
        let key = K::EncappedKey::from_bytes(enc).unwrap();
        let context = hpke::setup_receiver(&OpModeR::Base, &private, &key, info).unwrap();
        Self { enc: enc.to_vec(), context }
    }

    pub fn secret(&self, label: &[u8]) -> [u8; SECRET_BYTES] {
        let mut secret = [0; SECRET_BYTES];
        self.context.export(label, &mut secret).unwrap();
        secret
    }

    pub fn open(&mut self, sealed: &[u8], aad: &[u8]) -> Vec<u8> {
        let (ct, tag) = sealed.split_at(sealed.len() - 16);
        let mut plain = ct.to_vec();
        let tag = hpke::aead::AeadTag::from_bytes(tag).unwrap();
        self.context.open_inout_detached(plain.as_mut_slice().into(), aad, &tag).unwrap();
        plain
    }
}

/// The keys of one answer (RFC 9458, section 4.4).
pub struct AnswerKeys {
    pub key: [u8; 16],
    pub nonce: [u8; 12],
    sequence: u64,
}

impl AnswerKeys {
    pub fn new(secret: &[u8], enc: &[u8], response_nonce: &[u8]) -> Self {
        let salt = [enc, response_nonce].concat();
        let hkdf = Hkdf::<Sha256>::new(Some(&salt), secret);
        let (mut key, mut nonce) = ([0; 16], [0; 12]);
        hkdf.expand(b"key", &mut key).unwrap();
        hkdf.expand(b"nonce", &mut nonce).unwrap();
        Self { key, nonce, sequence: 0 }
    }

    pub fn seal(&mut self, plain: &[u8], last: bool) -> Vec<u8> {
        let mut sealed = plain.to_vec();
        let nonce = self.next_nonce().into();
        let aad = if last { FINAL } else { b"" };
        self.cipher().encrypt_in_place(&nonce, aad, &mut sealed).unwrap();
        sealed
    }

    pub fn open(&mut self, sealed: &[u8], last: bool) -> Option<Vec<u8>> {
        let mut plain = sealed.to_vec();
        let nonce = self.next_nonce().into();
        let aad = if last { FINAL } else { b"" };
        self.cipher().decrypt_in_place(&nonce, aad, &mut plain).ok()?;
        Some(plain)
    }

    /// The whole answer; the last chunk is the final one.
    pub fn answer(&mut self, response_nonce: &[u8], chunks: &[&[u8]]) -> Vec<u8> {
        let mut sealed = response_nonce.to_vec();
        for (at, chunk) in chunks.iter().enumerate() {
            let last = at + 1 == chunks.len();
            sealed.extend(frame(&self.seal(chunk, last), last));
        }
        sealed
    }

    fn cipher(&self) -> Aes128Gcm {
        Aes128Gcm::new(&self.key.into())
    }

    fn next_nonce(&mut self) -> [u8; 12] {
        let mut nonce = self.nonce;
        for (to, from) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *to ^= from;
        }
        self.sequence += 1;
        nonce
    }
}

/// A length, or zero for the final chunk, and the chunk.
pub fn frame(sealed: &[u8], last: bool) -> Vec<u8> {
    let length = if last { 0 } else { sealed.len() as u64 };
    [varint(length), sealed.to_vec()].concat()
}

/// Takes one chunk off; the final one is all that is left.
pub fn unframe<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], bool)> {
    let first = *rest.first()?;
    let width = 1_usize << (first >> 6);
    let (length, after) = rest.split_at_checked(width)?;
    let start = u64::from(first & 0x3f);
    let length = length[1..].iter().fold(start, |value, byte| value << 8 | u64::from(*byte));
    if length == 0 {
        *rest = &[];
        return Some((after, true));
    }
    let (chunk, left) = after.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = left;
    Some((chunk, false))
}

/// A sealed message in its parts: what comes before the chunks, then each chunk as framed.
pub fn parts(sealed: &[u8], before: usize) -> Vec<Vec<u8>> {
    let mut parts = vec![sealed[..before].to_vec()];
    let mut rest = &sealed[before..];
    while !rest.is_empty() {
        let start = rest;
        unframe(&mut rest).unwrap();
        parts.push(start[..start.len() - rest.len()].to_vec());
    }
    parts
}
