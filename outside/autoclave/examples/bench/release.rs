//! Attestation and key release, end to end: a nonce, evidence, a token (one durable ledger
//! line), and for the token a key (another one), over loopback from real processes. Each
//! round makes a new token. The evidence is software evidence and made here, so that a TEE's
//! own time is left out; sealing, verifying and opening on the caller's side are in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use autoclave_attest::chain::{self, Facts, Signer};
use autoclave_attest::evidence::Measured;
use autoclave_attest::evidence::software::{self, Subject};
use autoclave_attest::handshake::{
    EvidenceAnswer, EvidenceQuery, PeerCheck, To, VerifiedAttestor, VerifiedPeer,
};
use autoclave_attest::jwk::Jwk;
use autoclave_attest::runtime::Runtime;
use autoclave_attest::token::{PASSPORT_AUDIENCE, TokenBook, verify};
use autoclave_base::Digest;
use autoclave_base::ids::WorkloadName;
use autoclave_client::clock::{now, random};
use autoclave_seal::request::{REQUEST_MEDIA_TYPE, seal_bytes};
use autoclave_seal::{Kem, PublicSealingKey, SealingKeys};
use futures::executor::block_on;
use http::Request;
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;

use crate::caller::{attestor, checked, evidence, post, sealing_key};
use crate::load::{self, Ask, Figures, Target};
use crate::table::{ms, table};
use crate::wire::Connection;
use crate::world::{CALLER, TRIVIAL, World, caller_measured};
use crate::{Any, Setup, say};

const BROKER: &str = "broker";
/// Callers at once.
const WORKERS: [usize; 5] = [1, 4, 8, 16, 32];
/// Repetitions of what takes microseconds.
const TIMES: u32 = 2_000;
/// Largest opened answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Tokens per second, and how many of them a core verifies.
pub(crate) fn attest(setup: &Setup) -> Any<String> {
    let (world, _) = World::start(setup, &[])?;
    let attestor = attestor(&world)?;
    let key = SigningKey::generate_from_rng(&mut random());
    let check = PeerCheck::passport(&attestor, WorkloadName::parse(CALLER)?);
    let token = checked(check, &world, |query| evidence(&world, &key, query))?.into_token();
    let expected = attestor.expectation(PASSPORT_AUDIENCE);
    let first = micros(|| {
        let verified = verify(token.raw(), attestor.keys(), &expected, now());
        verified.map(drop).map_err(Into::into)
    })?;
    let book = TokenBook::new(attestor.keys().clone(), expected);
    book.verify(token.raw(), now())?;
    let known = micros(|| book.verify(token.raw(), now()).map(drop).map_err(Into::into))?;
    let trust = world.trust()?;
    let nonce = autoclave_attest::nonce::Nonce::random(&mut random());
    let runtime = Runtime::new(nonce, vec![Jwk::signing(key.verifying_key())], None)?;
    let subject = Subject { measured: caller_measured()?, debug: false, svn: 1 };
    let report = runtime.report_data();
    let quote = software::quote(&subject, &report, now(), &world.platform);
    let endorsements = autoclave_attest::evidence::Endorsements::default();
    let software = micros(|| {
        let verified = trust.verifiers().verify(&quote, &report, &endorsements, now());
        verified.map(drop).map_err(Into::into)
    })?;
    let rows = [
        ("a token seen for the first time", first),
        ("a token that is known", known),
        ("software evidence", software),
    ];
    let rows: Vec<_> =
        rows.iter().map(|(what, time)| vec![(*what).to_owned(), format!("{time:.2}")]).collect();
    Ok(format!("On one core, each {TIMES} times:\n\n{}", table(&["what", "µs"], &rows)))
}

/// The mean time of `work` in microseconds, after a tenth for warming up.
fn micros(mut work: impl FnMut() -> Any<()>) -> Any<f64> {
    for _ in 0..TIMES / 10 {
        work()?;
    }
    let began = Instant::now();
    for _ in 0..TIMES {
        work()?;
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES))
}

/// Rounds of attest and release in a second, and their times at half of that.
pub(crate) fn release(setup: &Setup) -> Any<String> {
    let (world, _) = World::start(setup, &[])?;
    let world = Arc::new(world);
    let target = Round::new(&world)?;
    let (mut rows, mut best) = (Vec::new(), (0.0, 1));
    for workers in WORKERS {
        let figures = load::run(&target, workers, setup.seconds)?;
        say(&format!("{workers} callers: {:.0} rounds/s", figures.per_second()));
        if figures.per_second() > best.0 {
            best = (figures.per_second(), workers);
        }
        rows.push(row(&workers.to_string(), &figures));
    }
    let half = best.0 / 2.0;
    let paced = paced(&target, best.1, half, setup.seconds * 2.0)?;
    rows.push(row(&format!("{} paced at {half:.0}/s (half load)", best.1), &paced));
    let head = ["callers", "rounds/s", "p50 ms", "p99 ms", "caller's CPU ms"];
    Ok(format!(
        "A round is a nonce, software evidence, a new token with its ledger line, and a key with \
         its ledger line; attestor, broker and callers share two cores.\n\n{}",
        table(&head, &rows)
    ))
}

fn row(name: &str, figures: &Figures) -> Vec<String> {
    vec![
        name.to_owned(),
        format!("{:.0}", figures.per_second()),
        ms(figures.percentile(50)),
        ms(figures.percentile(99)),
        ms(figures.client_ms_each()),
    ]
}

/// An open loop: rounds are due at fixed times, and a late one counts from when it was due.
fn paced(target: &Round, workers: usize, rate: f64, seconds: f64) -> Any<Figures> {
    let mut asks = Vec::new();
    for _ in 0..workers {
        asks.push(target.worker()?);
    }
    #[expect(clippy::cast_precision_loss, reason = "a handful of workers")]
    let step = Duration::from_secs_f64(workers as f64 / rate);
    let (began, limit) = (Instant::now(), Duration::from_secs_f64(seconds));
    let times = std::thread::scope(|scope| {
        let working: Vec<_> = (0_u32..)
            .zip(asks)
            .map(|(nth, ask)| {
                let offset =
                    step.mul_f64(f64::from(nth) / f64::from(u32::try_from(workers).unwrap_or(1)));
                scope.spawn(move || punctual(ask, began + offset, step, limit))
            })
            .collect();
        let joined = working.into_iter().map(|one| one.join().map_err(|_| "a worker panicked")?);
        joined.collect::<Any<Vec<_>>>()
    })?;
    Ok(Figures {
        times: times.concat(),
        seconds: began.elapsed().as_secs_f64(),
        ..Figures::default()
    })
}

fn punctual(mut ask: Ask, first: Instant, step: Duration, limit: Duration) -> Any<Vec<f64>> {
    let (mut due, mut times) = (first, Vec::new());
    while due.duration_since(first) < limit {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        ask()?;
        times.push(due.elapsed().as_secs_f64() * 1e3);
        due += step;
    }
    Ok(times)
}

/// What a round needs that is the same each time.
struct Round {
    world: Arc<World>,
    attestor: Arc<VerifiedAttestor>,
    broker: Arc<VerifiedPeer>,
    sealing: PublicSealingKey,
    address: SocketAddr,
    /// This program: hashed once, since it is the program that a TEE would have hashed.
    measured: Measured,
}

impl Round {
    fn new(world: &Arc<World>) -> Any<Self> {
        let attestor = Arc::new(attestor(world)?);
        let address = world.address(1);
        let check = PeerCheck::start(&attestor, WorkloadName::parse(BROKER)?, &mut random());
        let broker = checked(check, world, |query| {
            let line = "POST /.well-known/autoclave/evidence";
            Ok(post(&mut Connection::to(address), line, query)?.1)
        })?;
        let sealing = sealing_key(&broker).ok_or("no sealing key")?;
        let (world, broker) = (Arc::clone(world), Arc::new(broker));
        Ok(Self { world, attestor, broker, sealing, address, measured: caller_measured()? })
    }
}

impl Target for Round {
    fn worker(&self) -> Any<Ask> {
        let mut one = Worker {
            key: SigningKey::generate_from_rng(&mut random()),
            keys: SealingKeys::generate(&mut random()),
            attestor: Connection::to(self.world.address(0)),
            broker: Connection::to(self.address),
            world: Arc::clone(&self.world),
            verified: Arc::clone(&self.attestor),
            to: Arc::clone(&self.broker),
            sealing: self.sealing.clone(),
            measured: self.measured.clone(),
        };
        Ok(Box::new(move || one.round()))
    }

    fn pid(&self) -> u32 {
        std::process::id()
    }
}

struct Worker {
    key: SigningKey,
    keys: SealingKeys,
    attestor: Connection,
    broker: Connection,
    world: Arc<World>,
    verified: Arc<VerifiedAttestor>,
    to: Arc<VerifiedPeer>,
    sealing: PublicSealingKey,
    measured: Measured,
}

impl Worker {
    fn round(&mut self) -> Any<()> {
        let verified = Arc::clone(&self.verified);
        let mut check = PeerCheck::passport(&verified, WorkloadName::parse(CALLER)?);
        while let Some(ask) = check.next() {
            let (status, body) = match ask.to {
                To::Attestor => {
                    let line = format!("{} {}", ask.method, ask.path);
                    post(&mut self.attestor, &line, &ask.body)?
                }
                To::Peer => (200, self.evidence(&ask.body)?),
            };
            check.answer(status, &body, now())?;
        }
        let token = check.finish()?.into_token();
        let target = format!("/keys/model/{TRIVIAL}/release");
        let signer = Signer { token: &token, key: &self.key };
        let facts = Facts { method: "POST", target: &target, body: Digest::of("") };
        let links = chain::extend(&[], signer, self.to.thumbprint(), facts, &mut random(), now());
        let request = Request::post(&target).header(chain::HEADER, chain::encode(&links));
        let request = request.body(Vec::new())?;
        let (sealed, opener) = block_on(seal_bytes(request, &self.sealing, now()))?;
        let head = format!("content-type: {REQUEST_MEDIA_TYPE}\r\n");
        let answer = self.broker.exchange("POST /sealed", &head, &sealed)?;
        let answer = block_on(opener.open_bytes(answer.body, ANSWER_BYTES_MAX))?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(format!("no key: {}", String::from_utf8_lossy(answer.body())).into())
    }

    /// Evidence of this program with a key that the broker can wrap to.
    fn evidence(&self, query: &[u8]) -> Any<Vec<u8>> {
        let EvidenceQuery { nonce } = serde_json::from_slice(query)?;
        let mut keys = vec![Jwk::signing(self.key.verifying_key())];
        for public in self.keys.public() {
            if public.kem() == Kem::XWing {
                keys.push(Jwk::xwing(public.key_id(), public.bytes())?);
            }
        }
        let runtime = Runtime::new(nonce, keys, None)?;
        let subject = Subject { measured: self.measured.clone(), debug: false, svn: 1 };
        let platform = &self.world.platform;
        let evidence = software::quote(&subject, &runtime.report_data(), now(), platform);
        Ok(serde_json::to_vec(&EvidenceAnswer { evidence, runtime })?)
    }
}
