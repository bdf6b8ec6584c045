//! Connections that read: a few, each lent to one snapshot at a time. The store's. Whoever
//! finds none waits for one.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::StoreError;
use super::sql::Sql;

/// Longest wait until all snapshots that were open have ended.
const QUIET_WAIT: Duration = Duration::from_secs(10);

/// Makes a connection.
pub(super) type Connect = Box<dyn Fn() -> Result<Box<dyn Sql>, StoreError> + Send + Sync>;

/// The connections.
pub(super) struct Pool {
    connect: Connect,
    open_max: usize,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Box<dyn Sql>>,
    lent: usize,
    is_draining: bool,
}

impl Pool {
    pub(super) fn new(connect: Connect, open_max: usize) -> Self {
        let open_max = open_max.max(1);
        Self { connect, open_max, state: Mutex::default(), freed: Condvar::new() }
    }

    /// A connection, in a new snapshot.
    pub(super) fn snapshot(&self) -> Result<Lent<'_>, StoreError> {
        let mut lent = self.take()?;
        if lent.begin_read().is_err() && lent.is_broken() {
            // The server was away since: all that were kept are of no use.
            drop(lent);
            self.lock().idle.clear();
            lent = self.take()?;
            lent.begin_read()?;
        }
        if lent.is_open() { Ok(lent) } else { Err(StoreError::Unavailable) }
    }

    /// Waits until every snapshot that is open by now has ended, new ones waiting meanwhile;
    /// in vain after a while.
    pub(super) fn wait_quiet(&self) {
        let mut state = self.lock();
        state.is_draining = true;
        let ended = self.freed.wait_timeout_while(state, QUIET_WAIT, |state| state.lent > 0);
        ended.unwrap_or_else(PoisonError::into_inner).0.is_draining = false;
        self.freed.notify_all();
    }

    /// A connection outside any transaction.
    pub(super) fn take(&self) -> Result<Lent<'_>, StoreError> {
        let mut state = self.lock();
        while state.lent >= self.open_max || state.is_draining {
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.lent += 1;
        let idle = state.idle.pop();
        drop(state);
        // Counted from here on, and given back by its drop in any case.
        let mut lent = Lent { pool: self, sql: idle };
        if lent.sql.as_ref().is_none_or(|sql| sql.is_broken()) {
            lent.sql = None;
            lent.sql = Some((self.connect)()?);
        }
        Ok(lent)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is lent.
pub(super) struct Lent<'a> {
    pool: &'a Pool,
    sql: Option<Box<dyn Sql>>,
}

impl Lent<'_> {
    /// Ends the snapshot.
    pub(super) fn end(&mut self) {
        if self.is_open() && self.execute("ROLLBACK", &[]).is_err() {
            self.sql = None;
        }
    }
}

impl Deref for Lent<'_> {
    type Target = dyn Sql;

    #[expect(clippy::expect_used, reason = "only `end`, after which nobody has it, takes it")]
    fn deref(&self) -> &(dyn Sql + 'static) {
        self.sql.as_deref().expect("a connection until the end")
    }
}

impl DerefMut for Lent<'_> {
    #[expect(clippy::expect_used, reason = "only `end`, after which nobody has it, takes it")]
    fn deref_mut(&mut self) -> &mut (dyn Sql + 'static) {
        self.sql.as_deref_mut().expect("a connection until the end")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if self.sql.is_some() {
            self.end();
        }
        let sql = self.sql.take().filter(|sql| !sql.is_broken());
        let mut state = self.pool.lock();
        state.lent -= 1;
        state.idle.extend(sql);
        drop(state);
        self.pool.freed.notify_all();
    }
}
