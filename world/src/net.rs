//! The made-up network: connections in memory that lose, delay, cut and alter, as the seed
//! says. It belongs to the attacker: it keeps what passes, and reads it for what must not
//! be there. No party trusts it.

mod fate;
mod pipe;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::uri::Authority;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use crate::party::{Party, Who};
use crate::shared::Shared;
pub(crate) use fate::{Fate, Side};
use pipe::Connection;
pub(crate) use pipe::End;

/// Connections that wait to be accepted.
const BACKLOG: usize = 256;
/// A connection that nobody answers is given up after this, as TCP's are here.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// Connections whose bytes the attacker keeps.
const KEPT_MAX: usize = 400;

type Arriving = mpsc::Sender<Box<dyn autoclave_cell::network::Wire>>;

/// The network of one run.
#[derive(Default)]
pub(crate) struct Net {
    state: Mutex<State>,
    connections: AtomicU64,
}

#[derive(Default)]
struct State {
    doors: BTreeMap<SocketAddr, Door>,
    made: BTreeMap<(Who, SocketAddr), u64>,
    open: Vec<Arc<Connection>>,
    kept: Vec<Arc<Connection>>,
    away: BTreeMap<Party, Instant>,
}

#[derive(Clone)]
struct Door {
    party: Party,
    arriving: Mailbox,
}

#[derive(Clone)]
enum Mailbox {
    Cell(Arriving),
    Wire(mpsc::Sender<Box<dyn autoclave_wire::Wire>>),
}

/// What one party, in one of its lives, sees of the network.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) shared: Arc<Shared>,
    pub(crate) who: Who,
    pub(crate) life: u64,
}

impl Net {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody reaches `party` for a while.
    pub(crate) fn send_away(&self, party: Party, for_so_long: Duration) {
        self.state().away.insert(party, Instant::now() + for_so_long);
    }

    /// Everybody is reached again.
    pub(crate) fn calm(&self) {
        self.state().away.clear();
    }

    /// Ends what a party has open, as when its process is killed.
    pub(crate) fn forget(&self, party: Party) {
        let mut state = self.state();
        state.doors.retain(|_, door| door.party != party);
        let is_its = |it: &Arc<Connection>| it.is_of(Who::Party(party));
        let (its, others) = std::mem::take(&mut state.open).into_iter().partition(is_its);
        state.open = others;
        drop(state);
        for connection in Vec::from_iter(its) {
            connection.reset();
        }
    }

    /// What the attacker kept of requests: to whom, and the bytes.
    pub(crate) fn kept(&self, nth: u64) -> Option<(SocketAddr, Vec<u8>)> {
        let state = self.state();
        let count = state.kept.len() as u64;
        let kept = state.kept.get(usize::try_from(nth.checked_rem(count)?).ok()?)?;
        Some((kept.to, kept.sent()))
    }

    fn keep(&self, connection: &Arc<Connection>) {
        let mut state = self.state();
        state.open.retain(|it| !it.is_over());
        state.open.push(Arc::clone(connection));
        if state.kept.len() < KEPT_MAX && connection.from != Who::Attacker {
            state.kept.push(Arc::clone(connection));
        }
    }

    fn number(&self, from: Who, to: SocketAddr) -> u64 {
        let mut state = self.state();
        let made = state.made.entry((from, to)).or_insert(0);
        *made += 1;
        *made
    }
}

impl View {
    fn open(&self, at: SocketAddr, arriving: Mailbox) -> io::Result<()> {
        let Who::Party(party) = self.who else { return Err(io::ErrorKind::Unsupported.into()) };
        if !self.shared.is_alive(party, self.life) {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        self.shared.net.state().doors.insert(at, Door { party, arriving });
        Ok(())
    }

    /// A connection, after the time that its way takes.
    pub(crate) async fn connect_to(self, to: SocketAddr) -> io::Result<End> {
        let shared = Arc::clone(&self.shared);
        if let Who::Party(party) = self.who
            && !shared.is_alive(party, self.life)
        {
            std::future::pending::<()>().await;
        }
        let number = shared.net.number(self.who, to);
        let name = format!("{}>{to}#{number}", self.who);
        sleep(Duration::from_millis(1 + shared.dice.below(&name, 0, 20))).await;
        let door = shared.net.state().doors.get(&to).cloned();
        let Some(door) = door else { return Err(io::ErrorKind::ConnectionRefused.into()) };
        self.wait_while_away(door.party).await?;
        let connection = Arc::new(Connection::new(self, to, door.party, &name));
        shared.net.connections.fetch_add(1, Ordering::Relaxed);
        shared.net.keep(&connection);
        if connection.fate != Fate::Fine {
            let (to, fate) = (door.party.name(), connection.fate);
            shared.trace.say(format!("net {} > {to} #{number}: {fate:?}", connection.from));
        }
        let (near, far) = End::both(&connection);
        let arrived = match door.arriving {
            Mailbox::Cell(door) => door.try_send(Box::new(far)).is_ok(),
            Mailbox::Wire(door) => door.try_send(Box::new(far)).is_ok(),
        };
        if arrived { Ok(near) } else { Err(io::ErrorKind::ConnectionRefused.into()) }
    }

    /// Silence, until they are reached again or patience ends.
    async fn wait_while_away(&self, party: Party) -> io::Result<()> {
        let mut away: Vec<Instant> = Vec::new();
        {
            let state = self.shared.net.state();
            away.extend(state.away.get(&party));
            if let Who::Party(own) = self.who {
                away.extend(state.away.get(&own));
            }
        }
        let Some(until) = away.into_iter().max() else { return Ok(()) };
        let patience = Instant::now() + CONNECT_PATIENCE;
        sleep_until(until.min(patience)).await;
        if until > patience { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }

    fn connecting(&self, to: &Authority) -> BoxFuture<'static, io::Result<End>> {
        let (view, to) = (self.clone(), to.as_str().parse::<SocketAddr>());
        async move {
            let to = to.map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
            view.connect_to(to).await
        }
        .boxed()
    }
}

impl autoclave_cell::network::Fabric for View {
    fn listen(
        &self,
        at: SocketAddr,
    ) -> io::Result<mpsc::Receiver<Box<dyn autoclave_cell::network::Wire>>> {
        let (arriving, arrived) = mpsc::channel(BACKLOG);
        self.open(at, Mailbox::Cell(arriving))?;
        Ok(arrived)
    }

    fn connect(
        &self,
        to: &Authority,
    ) -> BoxFuture<'static, io::Result<Box<dyn autoclave_cell::network::Wire>>> {
        let connecting = self.connecting(to);
        async move { Ok(Box::new(connecting.await?) as Box<dyn autoclave_cell::network::Wire>) }
            .boxed()
    }
}

impl autoclave_wire::Fabric for View {
    fn listen(&self, at: SocketAddr) -> io::Result<mpsc::Receiver<Box<dyn autoclave_wire::Wire>>> {
        let (arriving, arrived) = mpsc::channel(BACKLOG);
        self.open(at, Mailbox::Wire(arriving))?;
        Ok(arrived)
    }

    fn connect(
        &self,
        to: &Authority,
    ) -> BoxFuture<'static, io::Result<Box<dyn autoclave_wire::Wire>>> {
        let connecting = self.connecting(to);
        async move { Ok(Box::new(connecting.await?) as Box<dyn autoclave_wire::Wire>) }.boxed()
    }
}
