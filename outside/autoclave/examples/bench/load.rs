//! A closed loop: so many workers, each with one connection, each sending its next request
//! when it has the answer to the last. What comes out are counts, times and processor time.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::Any;
use crate::process::{cpu_ms, peak_mb};

/// One worker's next request, with its answer checked.
pub(crate) type Ask = Box<dyn FnMut() -> Any<()> + Send>;

/// Something that is asked over and over.
pub(crate) trait Target: Sync {
    /// A worker with a connection of its own.
    fn worker(&self) -> Any<Ask>;
    /// The server's first process.
    fn pid(&self) -> u32;
}

/// What one run measured.
#[derive(Clone, Default)]
pub(crate) struct Figures {
    /// Time of each request, in milliseconds.
    pub(crate) times: Vec<f64>,
    /// From the first request to the last answer.
    pub(crate) seconds: f64,
    /// Processor time of the server's processes, in milliseconds.
    pub(crate) server_ms: f64,
    /// Processor time of this process, in milliseconds.
    pub(crate) client_ms: f64,
    /// Largest resident memory of the server's processes so far.
    pub(crate) peak_mb: f64,
}

impl Figures {
    /// Takes another run of the same kind in.
    pub(crate) fn add(&mut self, other: Self) {
        self.times.extend(other.times);
        self.seconds += other.seconds;
        self.server_ms += other.server_ms;
        self.client_ms += other.client_ms;
        self.peak_mb = self.peak_mb.max(other.peak_mb);
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of requests are small")]
    fn count(&self) -> f64 {
        self.times.len() as f64
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.count() / self.seconds
    }

    pub(crate) fn server_ms_each(&self) -> f64 {
        self.server_ms / self.count()
    }

    pub(crate) fn client_ms_each(&self) -> f64 {
        self.client_ms / self.count()
    }

    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        percentile(&self.times, percent)
    }
}

/// The time that so many percent of all do not exceed.
pub(crate) fn percentile(times: &[f64], percent: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// Asks `target` with `workers` at once for `seconds`; requests under way at the end count.
pub(crate) fn run(target: &dyn Target, workers: usize, seconds: f64) -> Any<Figures> {
    let asks = (0..workers).map(|_| ready(target)).collect::<Any<Vec<_>>>()?;
    let barrier = Barrier::new(workers);
    let (server, client) = (cpu_ms(target.pid()), cpu_ms(std::process::id()));
    let began = Instant::now();
    let limit = Duration::from_secs_f64(seconds);
    let times = std::thread::scope(|scope| {
        let barrier = &barrier;
        let all: Vec<_> =
            asks.into_iter().map(|ask| scope.spawn(move || repeat(ask, barrier, limit))).collect();
        all.into_iter()
            .map(|one| one.join().map_err(|_| "a worker panicked")?)
            .collect::<Any<Vec<_>>>()
    })?;
    Ok(Figures {
        times: times.concat(),
        seconds: began.elapsed().as_secs_f64(),
        server_ms: cpu_ms(target.pid()) - server,
        client_ms: cpu_ms(std::process::id()) - client,
        peak_mb: peak_mb(target.pid()),
    })
}

/// A worker that has connected and had one answer.
fn ready(target: &dyn Target) -> Any<Ask> {
    let mut ask = target.worker()?;
    ask()?;
    Ok(ask)
}

fn repeat(mut ask: Ask, barrier: &Barrier, limit: Duration) -> Any<Vec<f64>> {
    let mut times = Vec::new();
    barrier.wait();
    let began = Instant::now();
    while began.elapsed() < limit {
        let asked = Instant::now();
        ask()?;
        times.push(asked.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}
