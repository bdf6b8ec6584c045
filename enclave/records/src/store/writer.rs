//! The one connection that changes. Changes come one after another, each in a savepoint of
//! its own; those that wait already share one commit, and none returns before it. The
//! store's. A change that fails takes nothing with it but itself.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::StoreError;
use super::pool::Connect;
use super::sql::{Sql, Value, first};

/// Changes that share a commit at most.
const BATCH_MAX: usize = 64;

/// The connection, and who waits for it.
pub(super) struct Writer {
    connect: Connect,
    state: Mutex<State>,
    waiting: AtomicUsize,
}

struct State {
    sql: Option<Box<dyn Sql>>,
    batch: Option<Batch>,
}

/// Changes that will be committed together.
struct Batch {
    counters: Counters,
    changes: usize,
    tried: usize,
    /// A savepoint was not gone back to: nothing of it may be committed.
    is_spoilt: bool,
    outcome: Arc<Outcome>,
}

/// What every change counts on.
#[derive(Clone, Copy)]
pub(super) struct Counters {
    /// Changes so far, this batch among them.
    pub(super) serial: i64,
    /// The next row.
    pub(super) next: i64,
    /// The root that buckets are wrapped under.
    pub(super) root: i64,
}

/// What became of a batch.
#[derive(Default)]
struct Outcome {
    result: Mutex<Option<Result<i64, StoreError>>>,
    known: Condvar,
}

impl Outcome {
    fn set(&self, result: Result<i64, StoreError>) {
        *self.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        self.known.notify_all();
    }

    fn wait(&self) -> Result<i64, StoreError> {
        let result = self.result.lock().unwrap_or_else(PoisonError::into_inner);
        let result = self.known.wait_while(result, |result| result.is_none());
        result.unwrap_or_else(PoisonError::into_inner).unwrap_or(Err(StoreError::Engine))
    }
}

impl Writer {
    pub(super) const fn new(connect: Connect) -> Self {
        let state = Mutex::new(State { sql: None, batch: None });
        Self { connect, state, waiting: AtomicUsize::new(0) }
    }

    /// Runs `work` alone and commits it, with whatever else is due. Answers the serial that
    /// holds it.
    pub(super) fn change<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&mut dyn Sql, &mut Counters) -> Result<T, E>,
    ) -> Result<(T, i64), E> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut state = self.lock();
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let outcome = self.ready(&mut state)?;
        let done = catch_unwind(AssertUnwindSafe(|| turn(&mut state, work)));
        // Whoever waits by now has its turn in this batch, and commits it then.
        let is_last = self.waiting.load(Ordering::SeqCst) == 0;
        let is_full = state.batch.as_ref().is_none_or(|batch| batch.tried >= BATCH_MAX);
        if is_last || is_full {
            commit(&mut state);
        }
        drop(state);
        let value = done.unwrap_or_else(|panic| resume_unwind(panic))?;
        outcome.wait().map(|serial| (value, serial)).map_err(E::from)
    }

    /// Runs `work` on the connection outside any transaction.
    pub(super) fn alone<T>(
        &self,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut state = self.lock();
        // Somebody who waits holds it open; what is there is committed first.
        commit(&mut state);
        self.connected(&mut state)?;
        work(state.sql.as_deref_mut().ok_or(StoreError::Unavailable)?)
    }

    /// A batch that is open.
    fn ready(&self, state: &mut State) -> Result<Arc<Outcome>, StoreError> {
        if let Some(batch) = &state.batch {
            return Ok(batch.outcome.clone());
        }
        self.connected(state)?;
        let mut counters = begin(state);
        if counters.is_err() && state.sql.as_ref().is_none_or(|sql| sql.is_broken()) {
            // The server was away since the last change.
            state.sql = None;
            self.connected(state)?;
            counters = begin(state);
        }
        let counters = match counters {
            Ok(counters) => counters,
            Err(error) => {
                roll_back(state);
                return Err(error);
            }
        };
        let outcome = Arc::<Outcome>::default();
        state.batch = Some(Batch {
            counters,
            changes: 0,
            tried: 0,
            is_spoilt: false,
            outcome: outcome.clone(),
        });
        Ok(outcome)
    }

    fn connected(&self, state: &mut State) -> Result<(), StoreError> {
        if state.sql.as_ref().is_none_or(|sql| sql.is_broken()) {
            state.sql = None;
            state.sql = Some((self.connect)()?);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins, and counts; in a shared database this waits for every other writer.
fn begin(state: &mut State) -> Result<Counters, StoreError> {
    let sql = state.sql.as_deref_mut().ok_or(StoreError::Unavailable)?;
    sql.begin_change()?;
    let count = "UPDATE changes SET serial = serial + 1 WHERE one = 1
         RETURNING serial, next, root";
    let counters = first(sql, count, &[], |row| {
        Ok(Counters { serial: row.int(0)?, next: row.int(1)?, root: row.int(2)? })
    })?;
    counters.ok_or(StoreError::Malformed)
}

/// One change, in its savepoint.
fn turn<T, E: From<StoreError>>(
    state: &mut State,
    work: impl FnOnce(&mut dyn Sql, &mut Counters) -> Result<T, E>,
) -> Result<T, E> {
    let (Some(sql), Some(batch)) = (state.sql.as_deref_mut(), state.batch.as_mut()) else {
        return Err(StoreError::Engine.into());
    };
    batch.tried += 1;
    sql.execute("SAVEPOINT one_change", &[])?;
    let before = batch.counters;
    let done = catch_unwind(AssertUnwindSafe(|| work(sql, &mut batch.counters)));
    let mut closed = Ok(0);
    if !matches!(done, Ok(Ok(_))) {
        batch.counters = before;
        closed = sql.execute("ROLLBACK TO SAVEPOINT one_change", &[]);
    }
    closed = closed.and_then(|_| sql.execute("RELEASE SAVEPOINT one_change", &[]));
    batch.is_spoilt |= closed.is_err();
    let value = done.unwrap_or_else(|panic| resume_unwind(panic))?;
    closed?;
    batch.changes += 1;
    Ok(value)
}

/// Commits the batch that is open, if one is, and says so to all whose changes are in it.
fn commit(state: &mut State) {
    let Some(batch) = state.batch.take() else { return };
    let done = match state.sql.as_deref_mut() {
        // An engine out of space may have ended the transaction by itself.
        Some(sql) if batch.changes > 0 && !batch.is_spoilt && sql.is_open() => {
            write_down(sql, &batch.counters)
        }
        _ => Err(StoreError::Engine),
    };
    if done.is_err() {
        roll_back(state);
    }
    batch.outcome.set(done);
}

fn write_down(sql: &mut dyn Sql, counters: &Counters) -> Result<i64, StoreError> {
    let values = [Value::Int(counters.next), Value::Int(counters.root)];
    sql.execute("UPDATE changes SET next = ?1, root = ?2 WHERE one = 1", &values)?;
    sql.execute("COMMIT", &[])?;
    Ok(counters.serial)
}

fn roll_back(state: &mut State) {
    if let Some(sql) = state.sql.as_deref_mut()
        && sql.is_open()
        && sql.execute("ROLLBACK", &[]).is_err()
    {
        state.sql = None;
    }
}
