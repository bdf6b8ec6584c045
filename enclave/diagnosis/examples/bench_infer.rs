//! What sealing costs beside the model: an image through intake, engine and mask in
//! process, and the same with the request sealed and opened before and the answer sealed
//! and opened after. Both in turn in one run; medians and their ratio. No network, no
//! ledger, no attestation: those are measured where servers are. `cargo xtask bench infer`.
//!
//!     bench_infer [MODEL [IMAGE]]

use std::error::Error;
use std::num::NonZeroU8;
use std::time::{Duration, Instant, SystemTime};

use autoclave_base::UnixTime;
use autoclave_diagnosis::brain::{self, Mask};
use autoclave_diagnosis::config::EngineConfig;
use autoclave_diagnosis::engine::{Engine, Runtime};
use autoclave_diagnosis::intake::Picture;
use autoclave_seal::keys::{PublicSealingKey, SealingKeys};
use autoclave_seal::request;
use futures::executor::block_on;

const ROUNDS: usize = 21;
const ANSWER_BYTES_MAX: usize = 16 << 20;
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/brain-mri/");

type Any<T> = Result<T, Box<dyn Error>>;

#[expect(clippy::disallowed_methods, reason = "a benchmark is a shell")]
fn main() -> Any<()> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().unwrap_or_else(|| format!("{FOLDER}brain-mri.onnx"));
    let image = arguments.next().unwrap_or_else(|| format!("{FOLDER}phantoms/phantom-1.png"));
    let (model, image) = (std::fs::read(model)?, std::fs::read(image)?);
    let threads = NonZeroU8::new(2).ok_or("threads")?;
    let engine = Runtime::start(&EngineConfig::Rten { threads })?.load(&model)?;
    let keys = SealingKeys::generate(&mut rand::rng());
    let public = PublicSealingKey::best(&keys.public()).ok_or("no key")?.clone();
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let now = UnixTime::from_seconds(seconds);
    let (mut plain, mut sealed) = (Vec::new(), Vec::new());
    diagnose(engine.as_ref(), &image)?;
    for _ in 0..ROUNDS {
        plain.push(timed(|| diagnose(engine.as_ref(), &image).map(drop))?);
        sealed.push(timed(|| {
            block_on(sealed_diagnosis(engine.as_ref(), &keys, (&public, now), &image))
        })?);
    }
    let (plain, sealed) = (median(plain), median(sealed));
    say(&format!("in process {plain:.2} ms, sealed {sealed:.2} ms, ratio {:.4}", sealed / plain));
    Ok(())
}

/// The mask as PNG.
fn diagnose(engine: &dyn Engine, image: &[u8]) -> Any<Vec<u8>> {
    let picture = Picture::decode("image/png", image)?;
    let tensor = brain::tensor(&picture, "image")?;
    let answer = engine.run(&[tensor.view()])?;
    Ok(Mask::of(&answer[0], picture.width(), picture.height())?.png()?)
}

async fn sealed_diagnosis(
    engine: &dyn Engine,
    keys: &SealingKeys,
    (to, now): (&PublicSealingKey, UnixTime),
    image: &[u8],
) -> Any<()> {
    let asked = http::Request::post("/diagnose/brain-mri").body(image.to_vec())?;
    let (sealed, opener) = request::seal_bytes(asked, to, now).await?;
    let inside = request::open(keys, futures::io::Cursor::new(sealed)).await?;
    let (inner, responder) = inside.into_parts();
    let image = inner.into_body().read_all(ANSWER_BYTES_MAX).await?;
    let answer = responder.seal_bytes(http::Response::new(diagnose(engine, &image)?)).await?;
    opener.open_bytes(answer, ANSWER_BYTES_MAX).await?;
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

#[expect(clippy::print_stdout, reason = "a line for people")]
fn say(line: &str) {
    println!("{line}");
}
