//! Resources, sealed under their patient's key. The store's. A body that does
//! not open in its own place is an error, never an empty answer.

use autoclave_base::ids::PatientId;
use autoclave_base::{Phi, Secret};
use autoclave_cell::Entropy;
use autoclave_record::{Resource, ResourceKind};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::{Store, StoreError, id};
use crate::keys::{Binding, PatientKey};

impl Store {
    /// Whose record it is, or `None` where there is no such resource.
    pub(crate) fn owner(
        &self,
        kind: ResourceKind,
        of: &str,
    ) -> Result<Option<PatientId>, StoreError> {
        self.read(|connection| {
            let owner = "SELECT patient FROM resource WHERE kind = ?1 AND id = ?2 LIMIT 1";
            let patient: Option<String> = connection
                .query_row(owner, params![kind.name(), of], |row| row.get(0))
                .optional()?;
            patient.as_deref().map(id).transpose()
        })
    }

    /// The newest version of a resource of that patient.
    pub(crate) fn resource(
        &self,
        patient: PatientId,
        kind: ResourceKind,
        of: &str,
    ) -> Result<Option<Resource>, StoreError> {
        self.read(|connection| {
            let Some(key) = self.patient_key(connection, patient)? else { return Ok(None) };
            newest(connection, &key, kind, of)
        })
    }

    /// Unwraps a patient's key; `None` where the patient is unknown or was erased.
    pub(super) fn patient_key(
        &self,
        connection: &Connection,
        patient: PatientId,
    ) -> Result<Option<PatientKey>, StoreError> {
        let wrapped = "SELECT wrapped FROM patient_key WHERE patient = ?1";
        let wrapped: Option<Secret<Vec<u8>>> = connection
            .query_row(wrapped, [patient.to_string()], |row| row.get(0).map(Secret::new))
            .optional()?;
        let key = wrapped.map(|wrapped| self.keys().patient(patient, wrapped.expose().clone()));
        Ok(key.transpose()?)
    }
}

pub(super) fn newest(
    connection: &Connection,
    key: &PatientKey,
    kind: ResourceKind,
    of: &str,
) -> Result<Option<Resource>, StoreError> {
    let newest = "SELECT version, body FROM resource
         WHERE kind = ?1 AND id = ?2 ORDER BY version DESC LIMIT 1";
    let row: Option<(u32, Vec<u8>)> = connection
        .query_row(newest, params![kind.name(), of], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((version, body)) = row else { return Ok(None) };
    let clear = Phi::new(key.open(Binding { kind: kind.name(), id: of, version }, body)?);
    Resource::from_slice(clear.expose()).map(Some).map_err(|_| StoreError::Malformed)
}

/// Files a new version of a resource.
pub(super) fn file(
    transaction: &Transaction<'_>,
    patient: PatientId,
    key: &PatientKey,
    resource: &Resource,
) -> Result<(), StoreError> {
    let (kind, of, version) = (resource.kind().name(), resource.id(), resource.version());
    let at = Binding { kind, id: of, version };
    let body = key.seal(at, resource.to_bytes().into_inner(), &mut Entropy);
    let insert =
        "INSERT INTO resource (kind, id, version, patient, body) VALUES (?1, ?2, ?3, ?4, ?5)";
    transaction.execute(insert, params![kind, of, version, patient.to_string(), body])?;
    Ok(())
}
