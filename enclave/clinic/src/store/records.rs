//! Patients' keys, what an erasure takes of the clinic's own, and resources from before the
//! records were a FHIR store of their own. The store's. A body that does not open in its own
//! place is an error, never an empty answer.

use autoclave_base::ids::PatientId;
use autoclave_base::{Phi, Secret};
use autoclave_record::Resource;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Store, StoreError, id};
use crate::keys::{Binding, PatientKey};

/// Old resources that are moved in one go.
const BATCH: u32 = 200;

impl Store {
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

    /// Some of the resources that earlier versions of this program kept here.
    pub(crate) fn old_resources(&self) -> Result<Vec<Resource>, StoreError> {
        type Row = (String, String, u32, String, Vec<u8>);
        self.read(|connection| {
            let old = "SELECT kind, id, version, patient, body FROM resource
                 ORDER BY patient, kind, id, version LIMIT ?1";
            let mut old = connection.prepare(old)?;
            let rows = old.query_map([BATCH], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })?;
            let rows = rows.collect::<Result<Vec<Row>, _>>()?;
            let opened = rows.into_iter().map(|(kind, of, version, patient, body)| {
                let key = self.patient_key(connection, id(&patient)?)?;
                let key = key.ok_or(StoreError::Malformed)?;
                let at = Binding { kind: &kind, id: &of, version };
                let clear = Phi::new(key.open(at, body)?);
                Resource::from_slice(clear.expose()).map_err(|_| StoreError::Malformed)
            });
            opened.collect()
        })
    }

    /// Forgets old resources, which are kept elsewhere by now.
    pub(crate) fn forget_old(&self, moved: &[Resource]) -> Result<(), StoreError> {
        self.change(|transaction| {
            for resource in moved {
                let gone = "DELETE FROM resource WHERE kind = ?1 AND id = ?2 AND version = ?3";
                let (kind, version) = (resource.kind().name(), resource.version());
                transaction.execute(gone, params![kind, resource.id(), version])?;
            }
            Ok(())
        })
    }

    /// Erases all that the clinic itself keeps of a patient: key, images, results, admissions.
    pub(crate) fn erase(&self, patient: &str) -> Result<(), StoreError> {
        self.change(|transaction| {
            let of = "SELECT study FROM admission WHERE patient = ?1";
            for table in ["image_part", "image", "diagnosis", "intake"] {
                let gone = format!("DELETE FROM {table} WHERE study IN ({of})");
                transaction.execute(&gone, [patient])?;
            }
            for table in ["admission", "resource", "patient_key"] {
                let gone = format!("DELETE FROM {table} WHERE patient = ?1");
                transaction.execute(&gone, [patient])?;
            }
            Ok(())
        })
    }
}
