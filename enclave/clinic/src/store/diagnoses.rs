//! The result of a study: the ids of its three resources, which are in the FHIR store before,
//! and the diagnosis enclave's whole answer. The store's. A study has one result; a second is
//! never written.

use autoclave_base::Phi;
use autoclave_base::ids::ImagingStudyId;
use autoclave_cell::Entropy;
use autoclave_record::build::{AdmissionIds, ResultIds};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::admissions::{answer_at, known};
use super::{Store, StoreError};

/// A result to file.
pub(crate) struct NewDiagnosis {
    pub(crate) of: AdmissionIds,
    pub(crate) ids: ResultIds,
    /// The verified answer, as JSON.
    pub(crate) answer: Phi<Vec<u8>>,
}

/// A filed result.
pub(crate) struct FiledDiagnosis {
    pub(crate) observation: String,
    pub(crate) report: String,
    pub(crate) provenance: String,
    pub(crate) answer: Phi<Vec<u8>>,
}

impl Store {
    /// The result of a study, if there is one.
    pub(crate) fn diagnosis(
        &self,
        of: &AdmissionIds,
    ) -> Result<Option<FiledDiagnosis>, StoreError> {
        self.read(|connection| self.filed(connection, of))
    }

    /// The report of a study, if its result is filed: what says whether it is.
    pub(crate) fn filed_report(&self, study: ImagingStudyId) -> Result<Option<String>, StoreError> {
        self.read(|connection| {
            let report = "SELECT report FROM diagnosis WHERE study = ?1";
            Ok(connection.query_row(report, [study.to_string()], |row| row.get(0)).optional()?)
        })
    }

    /// Files a result, unless there is one meanwhile; gives the one that stands.
    pub(crate) fn file_diagnosis(&self, new: NewDiagnosis) -> Result<FiledDiagnosis, StoreError> {
        self.change(|transaction| {
            if let Some(before) = self.filed(transaction, &new.of)? {
                return Ok(before);
            }
            let key = known(self.patient_key(transaction, new.of.patient)?)?;
            let study = new.of.imaging_study.to_string();
            let answer = key.seal(answer_at(&study), new.answer.into_inner(), &mut Entropy);
            let insert = "INSERT INTO diagnosis (study, observation, report, provenance, answer)
                 VALUES (?1, ?2, ?3, ?4, ?5)";
            let ids = [
                new.ids.observation.to_string(),
                new.ids.report.to_string(),
                new.ids.provenance.to_string(),
            ];
            transaction.execute(insert, params![study, ids[0], ids[1], ids[2], answer])?;
            self.filed(transaction, &new.of)?.ok_or(StoreError::Malformed)
        })
    }

    fn filed(
        &self,
        connection: &Connection,
        of: &AdmissionIds,
    ) -> Result<Option<FiledDiagnosis>, StoreError> {
        let study = of.imaging_study.to_string();
        let row = "SELECT observation, report, provenance, answer FROM diagnosis WHERE study = ?1";
        let row: Option<([String; 3], Vec<u8>)> = connection
            .query_row(row, [&study], |row| {
                Ok(([row.get(0)?, row.get(1)?, row.get(2)?], row.get(3)?))
            })
            .optional()?;
        let Some(([observation, report, provenance], answer)) = row else { return Ok(None) };
        let key = known(self.patient_key(connection, of.patient)?)?;
        let answer = Phi::new(key.open(answer_at(&study), answer)?);
        Ok(Some(FiledDiagnosis { observation, report, provenance, answer }))
    }
}
