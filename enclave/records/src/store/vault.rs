//! Patients' keys in the database: each wrapped in its bucket, each bucket under the root,
//! which is elsewhere. The store's. Keys in use are remembered in memory, and forgotten as
//! soon as anything about them changes.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use autoclave_cell::Entropy;
use lru::LruCache;

use super::StoreError;
use super::sql::{Sql, Value, all, first};
use crate::Tenant;
use crate::keys::{DataKey, Place, Root, RootKeeper, Roots};

/// Keys that are remembered: a hospital's patients of a week.
const REMEMBERED_MAX: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
/// Buckets of an institution. Erasing a patient wraps the keys of one bucket anew, and all
/// buckets: about a thousand each with a million patients.
const BUCKETS: u64 = 1_024;

/// The keys in use, and the root.
pub(super) struct Vault {
    pub(super) keeper: Arc<dyn RootKeeper>,
    roots: RwLock<Roots>,
    remembered: Mutex<LruCache<(Tenant, i64), DataKey>>,
    /// Moves on whenever what is remembered may be out of date.
    epoch: AtomicU64,
}

/// What the database has of a patient's key.
pub(super) enum Held {
    /// The key.
    Key(DataKey),
    /// Nothing: there never was one.
    Nothing,
    /// It was destroyed.
    Erased,
}

impl Vault {
    pub(super) fn new(keeper: Arc<dyn RootKeeper>, roots: Roots) -> Self {
        Self {
            keeper,
            roots: RwLock::new(roots),
            remembered: Mutex::new(LruCache::new(REMEMBERED_MAX)),
            epoch: AtomicU64::new(0),
        }
    }

    /// The root of that number.
    pub(super) fn root(&self, number: i64) -> Result<Root, StoreError> {
        let roots = self.roots.read().unwrap_or_else(PoisonError::into_inner);
        let number = u64::try_from(number).map_err(|_| StoreError::Malformed)?;
        roots.of(number).cloned().ok_or(StoreError::RolledBack)
    }

    /// Keeps these roots from now on, at their keeper first.
    pub(super) fn set_roots(&self, roots: Roots) -> Result<(), StoreError> {
        roots.keep(&*self.keeper)?;
        *self.roots.write().unwrap_or_else(PoisonError::into_inner) = roots;
        Ok(())
    }

    /// What is remembered may be put there at this time only.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    pub(super) fn remember(&self, epoch: u64, tenant: Tenant, owner: i64, key: &DataKey) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if epoch == self.epoch() {
            remembered.put((tenant, owner), key.clone());
        }
    }

    pub(super) fn recall(&self, tenant: Tenant, owner: i64) -> Option<DataKey> {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.get(&(tenant, owner)).cloned()
    }

    /// Forgets all keys.
    pub(super) fn forget(&self) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        self.epoch.fetch_add(1, Ordering::SeqCst);
        remembered.clear();
    }

    /// A patient's key as the database has it; 0 is the institution.
    pub(super) fn held(
        &self,
        sql: &mut dyn Sql,
        tenant: Tenant,
        owner: i64,
    ) -> Result<Held, StoreError> {
        let find = "SELECT p.wrapped, p.bucket, coalesce(b.wrapped, p.wrapped), c.root
             FROM patient_key p CROSS JOIN changes c
             LEFT JOIN bucket b ON b.tenant = p.tenant AND b.bucket = p.bucket
             WHERE p.tenant = ?1 AND p.patient = ?2 AND c.one = 1";
        let values = [Value::Int(i64::from(tenant.0)), Value::Int(owner)];
        let found = first(sql, find, &values, |row| {
            Ok((row.bytes(0)?, row.int(1)?, row.bytes(2)?, row.int(3)?))
        })?;
        let Some((wrapped, bucket, rooted, root)) = found else { return Ok(Held::Nothing) };
        if wrapped.is_empty() {
            return Ok(Held::Erased);
        }
        let root = self.root(root)?;
        let at = Place::Bucket { tenant, bucket, root: root.number };
        let bucket = DataKey::unroot(&root, at, rooted)?;
        Ok(Held::Key(bucket.unwrap(Place::Patient { tenant, patient: owner }, wrapped)?))
    }

    /// A new key for a patient who has none.
    pub(super) fn make(
        &self,
        sql: &mut dyn Sql,
        tenant: Tenant,
        owner: i64,
        root: i64,
    ) -> Result<DataKey, StoreError> {
        let root = self.root(root)?;
        let number = bucket_of(owner);
        let at = Place::Bucket { tenant, bucket: number, root: root.number };
        let find = "SELECT wrapped FROM bucket WHERE tenant = ?1 AND bucket = ?2";
        let place = [Value::Int(i64::from(tenant.0)), Value::Int(number)];
        let rooted = first(sql, find, &place, |row| row.bytes(0))?;
        let bucket = if let Some(rooted) = rooted {
            DataKey::unroot(&root, at, rooted)?
        } else {
            let bucket = DataKey::new(&mut Entropy);
            let rooted = bucket.rooted(&root, at, &mut Entropy);
            let [tenant, number] = place;
            let insert = "INSERT INTO bucket (tenant, bucket, wrapped) VALUES (?1, ?2, ?3)";
            sql.execute(insert, &[tenant, number, Value::Bytes(&rooted)])?;
            bucket
        };
        let key = DataKey::new(&mut Entropy);
        let wrapped = key.wrapped(&bucket, Place::Patient { tenant, patient: owner }, &mut Entropy);
        let insert =
            "INSERT INTO patient_key (tenant, patient, bucket, wrapped) VALUES (?1, ?2, ?3, ?4)";
        let tenant = Value::Int(i64::from(tenant.0));
        let values = [tenant, Value::Int(owner), Value::Int(number), Value::Bytes(&wrapped)];
        sql.execute(insert, &values)?;
        Ok(key)
    }

    /// Destroys a patient's key: its bucket has a new key from now on, under the next root,
    /// and so has every other bucket.
    pub(super) fn destroy(
        sql: &mut dyn Sql,
        tenant: Tenant,
        patient: i64,
        (old, new): (&Root, &Root),
    ) -> Result<(), StoreError> {
        let number = bucket_of(patient);
        let gone = "UPDATE patient_key SET wrapped = ?3 WHERE tenant = ?1 AND patient = ?2";
        let tenant_value = || Value::Int(i64::from(tenant.0));
        sql.execute(gone, &[tenant_value(), Value::Int(patient), Value::Bytes(&[])])?;
        let buckets = "SELECT tenant, bucket, wrapped FROM bucket";
        for (of, bucket, rooted) in
            all(sql, buckets, &[], |row| Ok((row.int(0)?, row.int(1)?, row.bytes(2)?)))?
        {
            let of = Tenant(u16::try_from(of).map_err(|_| StoreError::Malformed)?);
            let at = Place::Bucket { tenant: of, bucket, root: old.number };
            let mut key = DataKey::unroot(old, at, rooted)?;
            if (of, bucket) == (tenant, number) {
                key = rewrap(sql, tenant, number, &key)?;
            }
            let at = Place::Bucket { tenant: of, bucket, root: new.number };
            let rooted = key.rooted(new, at, &mut Entropy);
            let update = "UPDATE bucket SET wrapped = ?3 WHERE tenant = ?1 AND bucket = ?2";
            let of = Value::Int(i64::from(of.0));
            sql.execute(update, &[of, Value::Int(bucket), Value::Bytes(&rooted)])?;
        }
        Ok(())
    }
}

/// Wraps all keys of a bucket under a new one, and answers that.
fn rewrap(
    sql: &mut dyn Sql,
    tenant: Tenant,
    bucket: i64,
    old: &DataKey,
) -> Result<DataKey, StoreError> {
    let new = DataKey::new(&mut Entropy);
    let keys = "SELECT patient, wrapped FROM patient_key WHERE tenant = ?1 AND bucket = ?2";
    let place = [Value::Int(i64::from(tenant.0)), Value::Int(bucket)];
    for (patient, wrapped) in all(sql, keys, &place, |row| Ok((row.int(0)?, row.bytes(1)?)))? {
        if wrapped.is_empty() {
            continue;
        }
        let at = Place::Patient { tenant, patient };
        let wrapped = old.unwrap(at, wrapped)?.wrapped(&new, at, &mut Entropy);
        let update = "UPDATE patient_key SET wrapped = ?3 WHERE tenant = ?1 AND patient = ?2";
        let tenant = Value::Int(i64::from(tenant.0));
        sql.execute(update, &[tenant, Value::Int(patient), Value::Bytes(&wrapped)])?;
    }
    Ok(new)
}

/// The bucket of a patient; keys are evenly spread already.
fn bucket_of(patient: i64) -> i64 {
    i64::try_from(patient.cast_unsigned() % BUCKETS).unwrap_or(0)
}
