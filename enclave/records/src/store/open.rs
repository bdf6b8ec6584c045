//! Opening: the database under its key, its tables as this program knows them, and the root
//! that its patients' keys are wrapped under. The store's. An older copy does not open once a
//! patient was erased, and nothing is created where something was expected.

use std::sync::{Arc, Mutex, OnceLock};

use autoclave_cell::Entropy;

use super::blobs::UNFINISHED;
use super::codec::Codec;
use super::pool::{Connect, Pool};
use super::sql::{Sql, Value, number};
use super::vault::Vault;
use super::writer::Writer;
use super::{Engine, Options, Presence, Shared, Store, StoreError, postgres, schema, sqlite};
use crate::keys::{RecordsKeys, Root, RootKeeper, Roots};

/// Pages that the connection that changes keeps in memory.
const WRITER_CACHE_KIB: u32 = 65_536;
/// Pages that each connection that reads keeps in memory.
const READER_CACHE_KIB: u32 = 16_384;

impl Store {
    /// Opens the records, or creates them where none were expected.
    pub fn open(options: Options) -> Result<Self, StoreError> {
        let keys = RecordsKeys::derive(&options.records);
        let presence = options.engine.presence();
        let (for_writer, for_readers) = connections(&options.engine, &keys)?;
        let writer = Writer::new(for_writer);
        let roots = writer.alone(|sql| {
            if presence == Presence::Expected && schema::version(sql)? == 0 {
                return Err(StoreError::Missing);
            }
            schema::up(sql)?;
            sql.run(UNFINISHED)?;
            roots(sql, &*options.roots)
        })?;
        let vault = Vault::new(options.roots, roots);
        let readers = Pool::new(for_readers, options.readers);
        let store = Self(Arc::new(Shared {
            keys,
            vault,
            indexer: options.indexer,
            codec: Codec::default(),
            readers,
            writer,
            kept: OnceLock::new(),
            erasing: Mutex::new(()),
        }));
        store.keep_index_current()?;
        Ok(store)
    }
}

pub(super) fn connections(
    engine: &Engine,
    keys: &RecordsKeys,
) -> Result<(Connect, Connect), StoreError> {
    match engine {
        Engine::Sqlite { path, presence } => {
            sqlite::create_or_find(path, *presence)?;
            let connect = |cache| -> Connect {
                let (path, key) = (path.clone(), keys.pages.clone());
                Box::new(move || Ok(Box::new(sqlite::connect(&path, &key, cache)?)))
            };
            Ok((connect(WRITER_CACHE_KIB), connect(READER_CACHE_KIB)))
        }
        Engine::Postgres(settings) => {
            let runtime = postgres::runtime()?;
            let connect = || -> Connect {
                let (runtime, settings) = (runtime.clone(), settings.clone());
                Box::new(move || Ok(Box::new(postgres::connect(&runtime, &settings)?)))
            };
            Ok((connect(), connect()))
        }
    }
}

/// The root that the database is under; of two, the other one goes.
fn roots(sql: &mut dyn Sql, keeper: &dyn RootKeeper) -> Result<Roots, StoreError> {
    let number = number(sql, "SELECT root FROM changes WHERE one = 1", &[])?;
    let used = u64::try_from(number).map_err(|_| StoreError::Malformed)?;
    let kept = Roots::load(keeper)?;
    if used == 0 {
        return first_root(sql, keeper, kept.as_ref());
    }
    let roots = kept.ok_or(StoreError::Root)?;
    let root = roots.of(used).ok_or(StoreError::RolledBack)?.clone();
    let settled = Roots::new(vec![root]);
    if roots.is_unsettled() {
        settled.keep(keeper)?;
    }
    Ok(settled)
}

/// A new database: it gets a root, kept before it is used.
fn first_root(
    sql: &mut dyn Sql,
    keeper: &dyn RootKeeper,
    kept: Option<&Roots>,
) -> Result<Roots, StoreError> {
    let root = match kept.and_then(|kept| kept.of(1)) {
        // The last attempt ended between the two steps.
        Some(root) => root.clone(),
        None if kept.is_some() => return Err(StoreError::RolledBack),
        None => Root::new(1, &mut Entropy),
    };
    let roots = Roots::new(vec![root]);
    roots.keep(keeper)?;
    sql.execute("UPDATE changes SET root = ?1 WHERE one = 1", &[Value::Int(1)])?;
    Ok(roots)
}

impl Store {
    /// The numbers of the steps that opening would apply to a database's tables. A dry run: it
    /// changes nothing.
    pub fn steps_due(options: &Options) -> Result<Vec<usize>, StoreError> {
        if let Engine::Sqlite { path, .. } = &options.engine
            && !path.exists()
        {
            return Err(StoreError::Missing);
        }
        let keys = RecordsKeys::derive(&options.records);
        let (connect, _) = connections(&options.engine, &keys)?;
        let mut sql = connect()?;
        schema::due(&mut *sql)
    }
}
