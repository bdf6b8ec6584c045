//! One connection in memory: two ways, each in order, each with the time that it takes.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{Fate, Side, View};
use crate::party::{Party, Who};
use crate::shared::Shared;

/// Most that the attacker keeps of one connection.
const KEPT_BYTES_MAX: usize = 256 * 1024;

/// A connection, with both of its ways.
pub(super) struct Connection {
    shared: Arc<Shared>,
    pub(super) from: Who,
    pub(super) to: SocketAddr,
    party: Party,
    pub(super) fate: Fate,
    name: String,
    ways: [Mutex<Way>; 2],
    sent: Mutex<Vec<u8>>,
}

/// What one side writes and the other reads.
#[derive(Default)]
struct Way {
    queue: VecDeque<(Instant, Vec<u8>)>,
    arrived: Option<Instant>,
    ended: Option<Instant>,
    broken: bool,
    silent: bool,
    writes: u64,
    reader: Option<Waker>,
}

impl Connection {
    pub(super) fn new(view: View, to: SocketAddr, party: Party, name: &str) -> Self {
        let View { shared, who: from, .. } = view;
        let trouble = shared.trouble();
        let fate = Fate::of(shared.dice, name, trouble);
        let (ways, sent) = Default::default();
        Self { shared, from, to, party, fate, name: name.to_owned(), ways, sent }
    }

    pub(super) fn is_of(&self, who: Who) -> bool {
        self.from == who || Who::Party(self.party) == who
    }

    pub(super) fn is_over(&self) -> bool {
        [Side::Near, Side::Far].iter().all(|side| {
            let way = self.way(*side);
            way.broken || way.ended.is_some()
        })
    }

    /// What the near side sent.
    pub(super) fn sent(&self) -> Vec<u8> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Both ways break now.
    pub(super) fn reset(&self) {
        for side in [Side::Near, Side::Far] {
            let mut way = self.way(side);
            way.broken = true;
            way.queue.clear();
            let reader = way.reader.take();
            drop(way);
            wake(reader);
        }
    }

    fn way(&self, of: Side) -> MutexGuard<'_, Way> {
        self.ways[of.index()].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owner(&self, side: Side) -> Who {
        match side {
            Side::Near => self.from,
            Side::Far => Who::Party(self.party),
        }
    }

    fn write(&self, side: Side, bytes: &[u8]) -> io::Result<usize> {
        self.shared.eye.look(bytes, || format!("the wire from {}", self.owner(side)));
        let nth = {
            let mut way = self.way(side);
            if way.broken {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            way.writes += 1;
            way.writes - 1
        };
        let calm = self.shared.is_calm();
        let fate = if calm { Fate::Fine } else { self.fate.befalls(side, nth) };
        self.suffer(fate, side, nth, bytes)?;
        Ok(bytes.len())
    }

    fn suffer(&self, fate: Fate, side: Side, nth: u64, bytes: &[u8]) -> io::Result<()> {
        let reset = || io::Error::from(io::ErrorKind::ConnectionReset);
        match fate {
            Fate::Fine => self.send(side, nth, 0, bytes),
            Fate::Slow(more) => self.send(side, nth, more, bytes),
            Fate::HalfOpen(..) => self.way(side).silent = true,
            Fate::Cut(..) => {
                self.send(side, nth, 0, &bytes[..bytes.len() / 2]);
                self.end(side);
            }
            Fate::Turned(..) => self.send(side, nth, 0, &self.turned(nth, bytes)),
            Fate::Reset(..) => {
                self.reset();
                return Err(reset());
            }
            Fate::KilledBefore(..) => {
                self.kill(side);
                return Err(reset());
            }
            Fate::KilledAfter(..) => {
                self.send(side, nth, 0, bytes);
                self.kill(side);
                return Err(reset());
            }
        }
        Ok(())
    }

    /// A client that is killed is one whose connection breaks.
    fn kill(&self, side: Side) {
        match self.owner(side) {
            Who::Party(party) => self.shared.kill(party, "at a write"),
            Who::Client(_) | Who::Attacker => self.reset(),
        }
    }

    fn turned(&self, nth: u64, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        let place = self.shared.dice.below(&self.name, 100 + nth, bytes.len() as u64);
        if let Some(byte) = usize::try_from(place).ok().and_then(|place| bytes.get_mut(place)) {
            *byte ^= 1 << self.shared.dice.below(&self.name, 200 + nth, 8);
        }
        bytes
    }

    fn send(&self, side: Side, nth: u64, more: u64, bytes: &[u8]) {
        if side == Side::Near {
            let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            if sent.len() < KEPT_BYTES_MAX {
                sent.extend_from_slice(bytes);
            }
        }
        let question = 1000 + 2 * nth + side.index() as u64;
        let takes = 1 + more + self.shared.dice.below(&self.name, question, 8);
        let mut way = self.way(side);
        if way.silent {
            return;
        }
        let arrival = Instant::now() + Duration::from_millis(takes);
        let arrival = way.arrived.map_or(arrival, |before| before.max(arrival));
        way.arrived = Some(arrival);
        way.queue.push_back((arrival, bytes.to_vec()));
        let reader = way.reader.take();
        drop(way);
        wake(reader);
    }

    /// The end of the stream, after all that was sent.
    fn end(&self, side: Side) {
        let mut way = self.way(side);
        if way.ended.is_none() && !way.silent {
            let now = Instant::now() + Duration::from_millis(1);
            way.ended = Some(way.arrived.map_or(now, |arrived| arrived.max(now)));
        }
        let reader = way.reader.take();
        drop(way);
        wake(reader);
    }
}

fn wake(reader: Option<Waker>) {
    if let Some(reader) = reader {
        reader.wake();
    }
}

/// One end of a connection.
pub(crate) struct End {
    connection: Arc<Connection>,
    side: Side,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl End {
    pub(super) fn both(connection: &Arc<Connection>) -> (Self, Self) {
        let end = |side| Self { connection: Arc::clone(connection), side, waiting: None };
        (end(Side::Near), end(Side::Far))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.connection.end(self.side);
        // Nobody reads any more: what the other side writes is refused.
        self.connection.way(self.side.other()).broken = true;
    }
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let connection = Arc::clone(&self.connection);
            let mut way = connection.way(self.side.other());
            if way.broken {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let now = Instant::now();
            let next = match way.queue.front() {
                Some((arrival, _)) => Some(*arrival),
                None => way.ended,
            };
            if next.is_some_and(|next| next <= now) {
                if let Some((arrival, bytes)) = way.queue.pop_front() {
                    let taken = bytes.len().min(buffer.remaining());
                    buffer.put_slice(&bytes[..taken]);
                    if taken < bytes.len() {
                        way.queue.push_front((arrival, bytes[taken..].to_vec()));
                    }
                }
                return Poll::Ready(Ok(()));
            }
            way.reader = Some(context.waker().clone());
            drop(way);
            let Some(next) = next else {
                self.waiting = None;
                return Poll::Pending;
            };
            let mut waiting = Box::pin(sleep_until(next));
            let over = waiting.as_mut().poll(context).is_ready();
            self.waiting = Some(waiting);
            if !over {
                return Poll::Pending;
            }
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        Poll::Ready(self.connection.write(self.side, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.end(self.side);
        Poll::Ready(Ok(()))
    }
}
