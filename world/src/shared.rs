//! What all parts of one run share: chance, the story, the network, disks and lives. The
//! world's. A party's life ends here, at once and in the middle of whatever it does.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use autoclave_base::UnixTime;
use autoclave_cell::Clock;
use autoclave_cell::ledger::{Disk, LedgerError};
use autoclave_cell::machine::Simulated;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep};

use crate::dice::Dice;
use crate::disk::{LifeDisk, Medium};
use crate::eye::Eye;
use crate::files;
use crate::net::Net;
use crate::party::Party;
use crate::trace::Trace;

/// The line of a release of the records' key, as it begins.
const RECORDS_RELEASE: &str = r#""event":"release","key":"records/clinic""#;

/// A rule that a run breaks on purpose, to show that it would be noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mischief {
    /// The ledgers' disks say that lines are durable, and they are not.
    SyncThatLies,
    /// After a crash a party finds ledger and state of an earlier day.
    OldDisk,
    /// Somebody repeats what was admitted, below the replay cache.
    SecondIntake,
    /// Somebody sends a patient's name in clear.
    NameInClear,
    /// The clinic loses its records and begins anew.
    LostRecords,
    /// Diagnosis never comes back after its first death.
    NeverBack,
}

/// How rough it gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// Connections of a thousand to which something happens.
    pub(crate) trouble: u64,
    /// Steps on a disk, of a thousand, at which the machine dies.
    pub(crate) deaths: u64,
    /// Machines that die in one run.
    pub(crate) deaths_max: u64,
}

/// Who was killed, or is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// It is dead.
    Killed,
    /// It is told to drain.
    Drain,
}

/// Everything that is shared.
pub(crate) struct Shared {
    /// Chance.
    pub(crate) dice: Dice,
    /// The story.
    pub(crate) trace: Arc<Trace>,
    /// The network.
    pub(crate) net: Net,
    /// Looks for names in clear.
    pub(crate) eye: Eye,
    /// The rule that is broken on purpose.
    pub(crate) mischief: Option<Mischief>,
    /// The deployment's folder.
    pub(crate) root: PathBuf,
    /// Each party's clock.
    pub(crate) clocks: [Clock; 5],
    /// The time as it is.
    pub(crate) true_clock: Clock,
    /// Each ledger's disk.
    pub(crate) media: [Medium; 5],
    weather: Weather,
    stormy: AtomicBool,
    lives: [AtomicU64; 5],
    dead: [AtomicBool; 5],
    pauses: [AtomicU64; 5],
    steps: [AtomicU64; 5],
    deaths: AtomicU64,
    died: [Notify; 5],
    readies: AtomicU64,
    full: [Mutex<Option<Instant>>; 5],
    notices: [mpsc::UnboundedSender<Notice>; 5],
}

/// The ends at which the parties' keepers hear of deaths.
pub(crate) type Notices = [mpsc::UnboundedReceiver<Notice>; 5];

impl Shared {
    /// A run that begins at `now` on these disks.
    pub(crate) fn new(
        seed: u64,
        root: &Path,
        weather: Weather,
        mischief: Option<Mischief>,
        now: UnixTime,
        media: [Medium; 5],
    ) -> (Arc<Self>, Notices) {
        let trace = Arc::new(Trace::begin());
        let channels: [_; 5] = std::array::from_fn(|_| mpsc::unbounded_channel());
        let (notices, heard): (Vec<_>, Vec<_>) = channels.into_iter().unzip();
        let shared = Self {
            dice: Dice::new(seed),
            eye: Eye::new(Arc::clone(&trace)),
            trace,
            net: Net::default(),
            mischief,
            root: root.to_owned(),
            clocks: std::array::from_fn(|_| Clock::manual(now)),
            true_clock: Clock::manual(now),
            media,
            weather,
            stormy: AtomicBool::new(false),
            lives: Default::default(),
            dead: std::array::from_fn(|_| AtomicBool::new(true)),
            pauses: Default::default(),
            steps: Default::default(),
            deaths: AtomicU64::new(0),
            died: Default::default(),
            readies: AtomicU64::new(0),
            full: Default::default(),
            notices: array(notices),
        };
        (Arc::new(shared), array(heard))
    }

    /// A party begins a life; its number.
    pub(crate) fn be_born(&self, party: Party) -> u64 {
        self.dead[party.index()].store(false, Ordering::SeqCst);
        self.lives[party.index()].fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Whether this life still is.
    pub(crate) fn is_alive(&self, party: Party, life: u64) -> bool {
        self.lives[party.index()].load(Ordering::SeqCst) == life
            && !self.dead[party.index()].load(Ordering::SeqCst)
    }

    /// Kills a party: its connections break, its disk keeps what it has, and whatever its
    /// tasks still do reaches nobody.
    pub(crate) fn kill(&self, party: Party, at: &str) {
        if self.dead[party.index()].swap(true, Ordering::SeqCst) {
            return;
        }
        self.trace.say(format!("kill {} {at}", party.name()));
        self.deaths.fetch_add(1, Ordering::SeqCst);
        self.media[party.index()].cut_power(self.dice, party);
        self.net.forget(party);
        files::take_snapshot(&self.root, party, &self.trace);
        self.died[party.index()].notify_waiters();
        self.tell(party, Notice::Killed);
    }

    /// Returns when this life has ended.
    pub(crate) async fn died(&self, party: Party, life: u64) {
        loop {
            let mut died = std::pin::pin!(self.died[party.index()].notified());
            died.as_mut().enable();
            if !self.is_alive(party, life) {
                return;
            }
            died.await;
        }
    }

    /// Whether the party lives, in whichever life.
    pub(crate) fn lives_now(&self, party: Party) -> bool {
        !self.dead[party.index()].load(Ordering::SeqCst)
    }

    /// A party became ready. A clinic that is ready holds the records' key, so there must
    /// be a durable line of that release.
    pub(crate) fn is_ready(&self, party: Party) {
        self.trace.say(format!("{} is ready", party.name()));
        if party == Party::Clinic {
            let readies = self.readies.fetch_add(1, Ordering::SeqCst) + 1;
            let lines = self.media[Party::Broker.index()].durable_count(RECORDS_RELEASE);
            self.trace.holds(lines as u64 >= readies, || {
                format!("a key left without its line: {readies} clinics, {lines} lines")
            });
        }
    }

    /// Tells a party's keeper.
    pub(crate) fn tell(&self, party: Party, notice: Notice) {
        let _keeper_is_gone = self.notices[party.index()].send(notice);
    }

    /// At a step on a disk: sometimes the machine dies right there.
    pub(crate) fn may_die(&self, party: Party, life: u64, what: &str) {
        if !self.is_alive(party, life) {
            return;
        }
        let nth = self.steps[party.index()].fetch_add(1, Ordering::SeqCst);
        let name = format!("death of {}", party.name());
        if self.is_stormy()
            && self.deaths.load(Ordering::SeqCst) < self.weather.deaths_max
            && self.dice.happens(&name, nth, self.weather.deaths)
        {
            self.kill(party, what);
        }
    }

    /// Connections of a thousand to which something happens now.
    pub(crate) fn trouble(&self) -> u64 {
        if self.is_stormy() { self.weather.trouble } else { 0 }
    }

    /// Whether things go wrong now.
    pub(crate) fn is_stormy(&self) -> bool {
        self.stormy.load(Ordering::SeqCst)
    }

    pub(crate) fn is_calm(&self) -> bool {
        !self.is_stormy()
    }

    /// Lets things go wrong, or no longer.
    pub(crate) fn set_storm(&self, stormy: bool) {
        self.stormy.store(stormy, Ordering::SeqCst);
        self.trace.say(if stormy { "the storm begins" } else { "the storm is over" });
        if !stormy {
            self.net.calm();
            for full in &self.full {
                *full.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
        }
    }

    /// A party's ledger has no room for a while.
    pub(crate) fn fill_disk(&self, party: Party, for_so_long: Duration) {
        let mut full = self.full[party.index()].lock().unwrap_or_else(PoisonError::into_inner);
        *full = Some(Instant::now() + for_so_long);
    }

    pub(crate) fn disk_is_full(&self, party: Party) -> bool {
        let full = self.full[party.index()].lock().unwrap_or_else(PoisonError::into_inner);
        full.is_some_and(|until| Instant::now() < until)
    }

    /// A party's folder.
    pub(crate) fn folder(&self, party: Party) -> PathBuf {
        files::folder(&self.root, party)
    }
}

/// One machine in one life.
pub(crate) struct Machinery {
    pub(crate) shared: Arc<Shared>,
    pub(crate) party: Party,
    pub(crate) life: u64,
}

impl Simulated for Machinery {
    fn pause(&self) -> BoxFuture<'static, ()> {
        let (shared, party, life) = (Arc::clone(&self.shared), self.party, self.life);
        async move {
            let nth = shared.pauses[party.index()].fetch_add(1, Ordering::SeqCst);
            let name = format!("pause of {}", party.name());
            let mut takes = shared.dice.below(&name, nth, 4);
            if shared.is_stormy() && shared.dice.happens(&name, 1_000_000 + nth, 4) {
                takes += 1000 + shared.dice.below(&name, 2_000_000 + nth, 9000);
            }
            sleep(Duration::from_millis(takes)).await;
            shared.may_die(party, life, "between two steps");
            if !shared.is_alive(party, life) {
                std::future::pending::<()>().await;
            }
        }
        .boxed()
    }

    fn ledger_disk(&self, _folder: &Path) -> Result<Arc<dyn Disk>, LedgerError> {
        let (shared, party, life) = (Arc::clone(&self.shared), self.party, self.life);
        let medium = shared.media[party.index()].clone();
        Ok(Arc::new(LifeDisk { shared, party, life, medium }))
    }
}

/// As many as there are parties.
#[expect(clippy::panic, reason = "made of one for each party a few lines above")]
fn array<T>(all: Vec<T>) -> [T; 5] {
    all.try_into().unwrap_or_else(|_| panic!("one for each party"))
}
