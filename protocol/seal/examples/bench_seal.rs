//! What a sealed request and its sealed answer cost beside the bare cipher: AES-128-GCM
//! over the same bytes in the same chunks of 16 KiB, encrypted and decrypted once each way.
//! Both in turn in one run, on one thread; medians and their ratio. `cargo xtask bench seal`.

use std::error::Error;
use std::time::{Duration, Instant, SystemTime};

use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::{Aes128Gcm, Nonce};
use autoclave_base::UnixTime;
use autoclave_seal::keys::{PublicSealingKey, SealingKeys};
use autoclave_seal::request;
use futures::executor::block_on;

const ROUNDS: usize = 15;
const CHUNK_BYTES: usize = 16 * 1024;
const SIZES: [(&str, usize); 4] = [
    ("1 KiB", 1 << 10),
    ("77 KB PNG", 77_000),
    ("768 KiB tensor", 768 << 10),
    ("20 MB", 20_000_000),
];

type Any<T> = Result<T, Box<dyn Error>>;

#[expect(clippy::disallowed_methods, reason = "a benchmark is a shell")]
fn main() -> Any<()> {
    let keys = SealingKeys::generate(&mut rand::rng());
    let public = PublicSealingKey::best(&keys.public()).ok_or("no key")?.clone();
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let now = UnixTime::from_seconds(seconds);
    say("body, both ways   sealed ms   bare cipher ms   ratio   extra ms");
    for (name, size) in SIZES {
        let body = vec![7_u8; size];
        let (mut sealed, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            sealed.push(timed(|| block_on(round_trip(&keys, &public, now, &body)))?);
            bare.push(timed(|| cipher(&body))?);
        }
        let (sealed, bare) = (median(sealed), median(bare));
        say(&format!(
            "{name:<15} {sealed:>11.3} {bare:>16.3} {:>7.2} {:>10.3}",
            sealed / bare,
            sealed - bare
        ));
    }
    Ok(())
}

/// A request with `body` to an enclave, which answers with the same bytes.
async fn round_trip(
    keys: &SealingKeys,
    to: &PublicSealingKey,
    now: UnixTime,
    body: &[u8],
) -> Any<()> {
    let asked = http::Request::post("/echo").body(body.to_vec())?;
    let (sealed, opener) = request::seal_bytes(asked, to, now).await?;
    let inside = request::open(keys, futures::io::Cursor::new(sealed)).await?;
    let (inner, responder) = inside.into_parts();
    let content = inner.into_body().read_all(body.len()).await?;
    let answer = responder.seal_bytes(http::Response::new(content)).await?;
    let answered = opener.open_bytes(answer, body.len()).await?;
    if answered.body() == body { Ok(()) } else { Err("the answer differs".into()) }
}

/// The same bytes through the bare cipher, there and back.
fn cipher(body: &[u8]) -> Any<()> {
    let cipher = Aes128Gcm::new(&[1; 16].into());
    for way in 0..2_u8 {
        for (number, chunk) in (0_u64..).zip(body.chunks(CHUNK_BYTES)) {
            let mut nonce = [way; 12];
            nonce[4..].copy_from_slice(&number.to_be_bytes());
            let nonce = Nonce::from(nonce);
            let sealed = cipher.encrypt(&nonce, chunk).map_err(|_| "seal")?;
            let opened = cipher.decrypt(&nonce, sealed.as_slice()).map_err(|_| "open")?;
            if opened != chunk {
                return Err("the cipher differs".into());
            }
        }
    }
    Ok(())
}

fn timed(work: impl FnOnce() -> Any<()>) -> Any<Duration> {
    let began = Instant::now();
    work()?;
    Ok(began.elapsed())
}

/// In milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

#[expect(clippy::print_stdout, reason = "a table for people")]
fn say(line: &str) {
    println!("{line}");
}
