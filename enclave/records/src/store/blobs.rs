//! Blobs, such as images: in parts, each sealed under its patient's key and for its place, so
//! that none is ever whole in memory. The store's. The same bytes of the same patient are
//! kept once; whose they are is part of their digest, so that nobody learns that two patients
//! have the same.

use autoclave_cell::Entropy;
use autoclave_fhir::Kind;
use ring::{digest, hmac};

use super::sql::{Value, first};
use super::{Change, Store, StoreError, View};
use crate::Tenant;
use crate::keys::Place;

/// Clear bytes of a part at most.
pub const PART_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Parts of a blob at most: 64 GiB.
const PARTS_MAX: u32 = 32_768;

/// A blob that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// What it is found by; says nothing without the key.
    pub digest: [u8; 32],
    /// Its bytes.
    pub bytes: u64,
    /// Its parts, the first being 1.
    pub parts: u32,
    number: i64,
    owner: i64,
}

impl Store {
    /// Files a blob of a patient (or of the institution), part by part as `next` yields them;
    /// each of [`PART_BYTES_MAX`] at most. What ends half-way leaves nothing. A blob that is
    /// there already is used once more.
    pub fn blob_put<E: From<StoreError>>(
        &self,
        tenant: Tenant,
        patient: Option<&str>,
        mut next: impl FnMut() -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Blob, E> {
        let owner = self.owner(patient);
        let number = self.change(tenant, |change| change.begin_blob(owner))?;
        let filed = self.file(tenant, owner, number, &mut next);
        if filed.is_err() {
            // What failed may fail again; the next start clears it up.
            let _cleared = self.change(tenant, |change| change.end_blob(number));
        }
        filed
    }

    fn file<E: From<StoreError>>(
        &self,
        tenant: Tenant,
        owner: i64,
        number: i64,
        next: &mut impl FnMut() -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Blob, E> {
        let mut sum = digest::Context::new(&digest::SHA256);
        let (mut bytes, mut parts) = (0, 0);
        while let Some(part) = next()? {
            if part.len() > PART_BYTES_MAX || parts == PARTS_MAX {
                return Err(StoreError::TooLarge.into());
            }
            sum.update(&part);
            bytes += part.len() as u64;
            parts += 1;
            self.change(tenant, |change| change.add_part(owner, number, parts, part))?;
        }
        let digest = self.keyed(tenant, owner, sum.finish().as_ref());
        let blob = Blob { digest, bytes, parts, number, owner };
        Ok(self.change(tenant, |change| change.finish_blob(blob))?)
    }

    fn owner(&self, patient: Option<&str>) -> i64 {
        patient.map_or(0, |id| self.blind().reference(Kind::known("Patient"), id))
    }

    fn keyed(&self, tenant: Tenant, owner: i64, sum: &[u8]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.keys.blobs.expose());
        let mut keyed = hmac::Context::with_key(&key);
        keyed.update(&tenant.0.to_be_bytes());
        keyed.update(&owner.to_be_bytes());
        keyed.update(sum);
        let mut digest = [0; 32];
        digest.copy_from_slice(keyed.sign().as_ref());
        digest
    }
}

impl View<'_> {
    /// The blob of a patient (or of the institution) with this digest.
    pub fn blob(
        &mut self,
        patient: Option<&str>,
        digest: &[u8; 32],
    ) -> Result<Option<Blob>, StoreError> {
        let patient =
            patient.map_or(0, |id| self.shared.keys.blind.reference(Kind::known("Patient"), id));
        self.find_blob(patient, digest)
    }

    /// One part of a blob, the first being 1; `None` behind the last.
    pub fn blob_part(&mut self, blob: &Blob, part: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let find = "SELECT body FROM part WHERE tenant = ?1 AND blob = ?2 AND part = ?3";
        let values = [self.tenant_value(), Value::Int(blob.number), Value::Int(i64::from(part))];
        let Some(body) = first(self.sql, find, &values, |row| row.bytes(0))? else {
            // One that should be there was taken away.
            return if part <= blob.parts { Err(StoreError::Malformed) } else { Ok(None) };
        };
        let at = Place::Part { tenant: self.tenant, blob: blob.number, part };
        Ok(Some(self.key_of(blob.owner)?.open(at, body)?))
    }

    fn find_blob(&mut self, owner: i64, digest: &[u8]) -> Result<Option<Blob>, StoreError> {
        let find = "SELECT blob, bytes, parts FROM blob
             WHERE tenant = ?1 AND owner = ?2 AND digest = ?3";
        let values = [self.tenant_value(), Value::Int(owner), Value::Bytes(digest)];
        let found =
            first(self.sql, find, &values, |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?)))?;
        let Some((number, bytes, parts)) = found else { return Ok(None) };
        let digest = digest.try_into().map_err(|_| StoreError::Malformed)?;
        let parts = u32::try_from(parts).map_err(|_| StoreError::Malformed)?;
        Ok(Some(Blob { digest, bytes: bytes.unsigned_abs(), parts, number, owner }))
    }
}

impl Change<'_> {
    /// Uses a blob once less; the last use takes it away. Says whether it was there.
    pub fn blob_drop(
        &mut self,
        patient: Option<&str>,
        digest: &[u8; 32],
    ) -> Result<bool, StoreError> {
        let Some(blob) = self.blob(patient, digest)? else { return Ok(false) };
        let values = [self.tenant_value(), Value::Int(blob.number)];
        let less = "UPDATE blob SET uses = uses - 1 WHERE tenant = ?1 AND blob = ?2
             RETURNING uses";
        if first(self.sql, less, &values, |row| row.int(0))? == Some(0) {
            self.end_blob(blob.number)?;
        }
        Ok(true)
    }

    fn begin_blob(&mut self, owner: i64) -> Result<i64, StoreError> {
        self.key_for(owner)?;
        let number = self.next_row();
        let insert = "INSERT INTO blob (tenant, blob, owner, digest, bytes, parts, uses)
             VALUES (?1, ?2, ?3, ?4, 0, 0, 0)";
        let values =
            [self.tenant_value(), Value::Int(number), Value::Int(owner), Value::Bytes(&[])];
        self.sql.execute(insert, &values)?;
        Ok(number)
    }

    fn add_part(
        &mut self,
        owner: i64,
        number: i64,
        part: u32,
        clear: Vec<u8>,
    ) -> Result<(), StoreError> {
        let at = Place::Part { tenant: self.tenant, blob: number, part };
        let body = self.key_for(owner)?.seal(at, clear, &mut Entropy);
        let insert = "INSERT INTO part (tenant, blob, part, owner, body)
             VALUES (?1, ?2, ?3, ?4, ?5)";
        let values = [
            self.tenant_value(),
            Value::Int(number),
            Value::Int(i64::from(part)),
            Value::Int(owner),
            Value::Bytes(&body),
        ];
        self.sql.execute(insert, &values).map(drop)
    }

    fn finish_blob(&mut self, blob: Blob) -> Result<Blob, StoreError> {
        if let Some(same) = self.find_blob(blob.owner, &blob.digest)? {
            self.end_blob(blob.number)?;
            let more = "UPDATE blob SET uses = uses + 1 WHERE tenant = ?1 AND blob = ?2";
            let values = [self.tenant_value(), Value::Int(same.number)];
            self.sql.execute(more, &values)?;
            return Ok(same);
        }
        let finish = "UPDATE blob SET digest = ?3, bytes = ?4, parts = ?5, uses = 1
             WHERE tenant = ?1 AND blob = ?2";
        let bytes = i64::try_from(blob.bytes).map_err(|_| StoreError::TooLarge)?;
        let values = [
            self.tenant_value(),
            Value::Int(blob.number),
            Value::Bytes(&blob.digest),
            Value::Int(bytes),
            Value::Int(i64::from(blob.parts)),
        ];
        if self.sql.execute(finish, &values)? == 1 { Ok(blob) } else { Err(StoreError::Erased) }
    }

    fn end_blob(&mut self, number: i64) -> Result<(), StoreError> {
        let values = [self.tenant_value(), Value::Int(number)];
        for table in ["part", "blob"] {
            let gone = format!("DELETE FROM {table} WHERE tenant = ?1 AND blob = ?2");
            self.sql.execute(&gone, &values)?;
        }
        Ok(())
    }
}

/// Clears up what ended half-way.
pub(super) const UNFINISHED: &str = "
    DELETE FROM part WHERE EXISTS (SELECT 1 FROM blob b
        WHERE b.tenant = part.tenant AND b.blob = part.blob AND b.uses = 0);
    DELETE FROM blob WHERE uses = 0;
";
