//! Attacks on the seal: replayed, altered, cut, reordered, dated wrongly, for others.
//! They belong to the probe.
//! What is sealed asks for nothing, so that even a success would change nothing.

use autoclave_client::Bytes;
use autoclave_client::clock::now;
use autoclave_seal::request::{ResponseOpener, seal_bytes};
use http::Request;

use crate::commands::probe::Attack;
use crate::commands::probe::site::{Site, Tried};

const CLINIC: &str = "clinic";
/// A request that would be answered with a plain "who are you".
const PATH: &str = "/patients";
/// Bytes of body that make more than one chunk.
const LONG_BYTES: usize = 3 * 16 * 1024;
/// Key id, KEM, KDF, AEAD.
const SUITE_BYTES: usize = 7;
/// The window is two minutes.
const OLD_SECONDS: u64 = 3_600;
/// Everything that the seal refuses with.
const SEAL: &[&str] = &["seal."];

macro_rules! spoiled {
    ($($name:literal, $tries:literal, $length:expr, $spoil:expr;)*) => {
        &[
            Attack {
                name: "seal.replayed",
                tries: "a sealed request, byte for byte, a second time",
                refused_by: &["seal.replayed"],
                run: |site| Box::pin(replayed(site)),
            },
            Attack {
                name: "seal.date_old",
                tries: "a sealed request from an hour ago",
                refused_by: &["seal.date"],
                run: |site| Box::pin(dated(site, false)),
            },
            Attack {
                name: "seal.date_future",
                tries: "a sealed request from in an hour",
                refused_by: &["seal.date"],
                run: |site| Box::pin(dated(site, true)),
            },
            Attack {
                name: "seal.another_party",
                tries: "a request sealed to the broker, posted to the clinic",
                refused_by: SEAL,
                run: |site| Box::pin(misdirected(site)),
            },
            $(Attack {
                name: $name,
                tries: $tries,
                refused_by: SEAL,
                run: |site| Box::pin(spoiled(site, $length, $spoil)),
            },)*
        ]
    };
}

pub(super) const ATTACKS: &[Attack] = spoiled! {
    "seal.ciphertext_altered", "one bit of the last chunk changed", 0, |sealed| flip(sealed, 1);
    "seal.first_chunk_altered", "one bit of the first chunk changed", 0, |sealed| {
        let place = sealed.len() / 2;
        sealed[place] ^= 1;
    };
    "seal.encapsulated_altered", "one bit of the encapsulated key changed", 0, |sealed| {
        sealed[SUITE_BYTES + 40] ^= 1;
    };
    "seal.key_id_unknown", "a key that the party has not", 0, |sealed| sealed[0] ^= 0x55;
    "seal.suite_weak", "a suite that was not agreed (KDF and AEAD of zeroes)", 0, |sealed| {
        sealed[3..SUITE_BYTES].fill(0);
    };
    "seal.truncated", "the last chunk taken away", LONG_BYTES, |sealed| {
        let length = sealed.len() / 2;
        sealed.truncate(length);
    };
    "seal.cut_in_head", "cut within its head", 0, |sealed| sealed.truncate(20);
    "seal.empty", "nothing at all", 0, Vec::clear;
    "seal.trailing", "bytes after the last chunk", 0, |sealed| sealed.extend([0; 64]);
    "seal.chunks_swapped", "the second and third kibibytes of a long body exchanged", LONG_BYTES,
        |sealed| {
            let (from, to) = (20 * 1024, 40 * 1024);
            for place in 0..1024 {
                sealed.swap(from + place, to + place);
            }
        };
};

fn flip(sealed: &mut [u8], from_end: usize) {
    let place = sealed.len() - from_end;
    sealed[place] ^= 1;
}

async fn made(
    site: &Site,
    party: &str,
    bytes: usize,
    at: u64,
) -> Result<(Vec<u8>, ResponseOpener), String> {
    let key = site.sealing_key(party).await?;
    let request = Request::post(PATH).body(Bytes::from(vec![b'x'; bytes]));
    let request = request.map_err(|error| error.to_string())?;
    let at = autoclave_base::UnixTime::from_seconds(at);
    seal_bytes(request, &key, at).await.map_err(|error| error.to_string())
}

async fn replayed(site: &Site) -> Tried {
    let (sealed, opener) = made(site, CLINIC, 0, now().seconds()).await?;
    let path = format!("/parties/{CLINIC}/sealed");
    let kind = autoclave_seal::request::REQUEST_MEDIA_TYPE;
    let first = site.plain(http::Method::POST, &path, kind, sealed.clone()).await?;
    if !first.status.is_success() {
        return Err(format!("the first one was refused: {}", first.status));
    }
    site.raw(CLINIC, sealed, opener).await
}

async fn dated(site: &Site, ahead: bool) -> Tried {
    let now = now();
    let at = if ahead { now.plus(OLD_SECONDS) } else { now.minus(OLD_SECONDS) };
    let (sealed, opener) = made(site, CLINIC, 0, at.seconds()).await?;
    site.raw(CLINIC, sealed, opener).await
}

async fn misdirected(site: &Site) -> Tried {
    let (sealed, opener) = made(site, "broker", 0, now().seconds()).await?;
    site.raw(CLINIC, sealed, opener).await
}

async fn spoiled(site: &Site, bytes: usize, spoil: fn(&mut Vec<u8>)) -> Tried {
    let (mut sealed, opener) = made(site, CLINIC, bytes, now().seconds()).await?;
    spoil(&mut sealed);
    site.raw(CLINIC, sealed, opener).await
}
