//! Intake in one transaction: the patient's key, the image, and the line that makes a repeated
//! request answer the same; the resources are in the FHIR store before, under ids that the
//! request itself determines. The store's. No repetition, and no crash between two steps,
//! makes a second patient.

use autoclave_base::ids::{ImagingStudyId, PatientId, StaffId};
use autoclave_base::{Digest, UnixTime};
use autoclave_cell::Entropy;
use autoclave_record::build::AdmissionIds;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::{Store, StoreError, id, images, seconds, time};
use crate::image::ImageType;
use crate::keys::{Binding, PatientKey};

/// Under which key a clerk sends an intake, and the digest of what is sent.
#[derive(Clone, Copy)]
pub(crate) struct IntakeKey {
    pub(crate) clerk: StaffId,
    pub(crate) key: Digest,
    pub(crate) request: Digest,
}

/// What an intake key was used for before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// The same request: these are its ids.
    Same(AdmissionIds),
    /// Another request.
    Other,
}

/// An admission to file.
pub(crate) struct NewAdmission {
    pub(crate) ids: AdmissionIds,
    pub(crate) content_type: ImageType,
    pub(crate) image: Vec<u8>,
    pub(crate) now: UnixTime,
}

/// One line of the work list.
pub(crate) struct WorkItem {
    pub(crate) ids: AdmissionIds,
    pub(crate) admitted_at: UnixTime,
    pub(crate) report: Option<String>,
}

const ADMISSION: &str = "admission.study, admission.patient, admission.encounter,
     admission.service_request";

impl Store {
    /// What this key was used for, if it was.
    pub(crate) fn admitted(&self, key: &IntakeKey) -> Result<Option<Admitted>, StoreError> {
        self.read(|connection| used(connection, key))
    }

    /// Files an admission under its key, unless the key was used meanwhile.
    pub(crate) fn admit(
        &self,
        key: &IntakeKey,
        admission: &NewAdmission,
    ) -> Result<Admitted, StoreError> {
        let ids = admission.ids;
        let (patient_key, wrapped) = self.keys().new_patient(ids.patient, &mut Entropy);
        let study = ids.imaging_study.to_string();
        self.change(|transaction| {
            if let Some(before) = used(transaction, key)? {
                return Ok(before);
            }
            insert_patient(transaction, &ids, &wrapped, admission.now)?;
            let (kind, image) = (admission.content_type, &admission.image);
            images::file(transaction, &study, &patient_key, kind, image)?;
            insert_key(transaction, key, &study)?;
            Ok(Admitted::Same(ids))
        })
    }

    /// The ids of the admission that a study belongs to.
    pub(crate) fn admission(
        &self,
        study: ImagingStudyId,
    ) -> Result<Option<AdmissionIds>, StoreError> {
        self.read(|connection| {
            let admission = format!("SELECT {ADMISSION} FROM admission WHERE study = ?1");
            let row = connection.query_row(&admission, [study.to_string()], texts).optional()?;
            row.map(ids).transpose()
        })
    }

    /// The newest admissions, at most `count`, newest first.
    pub(crate) fn work_list(&self, count: u32) -> Result<Vec<WorkItem>, StoreError> {
        self.read(|connection| {
            let list = format!(
                "SELECT {ADMISSION}, admission.admitted_at, diagnosis.report FROM admission
                 LEFT JOIN diagnosis ON diagnosis.study = admission.study
                 ORDER BY admission.admitted_at DESC, admission.rowid DESC LIMIT ?1"
            );
            let mut list = connection.prepare(&list)?;
            let rows =
                list.query_map([count], |row| Ok((texts(row)?, row.get(4)?, row.get(5)?)))?;
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            rows.into_iter().map(work_item).collect()
        })
    }
}

fn work_item(
    (texts, admitted_at, report): ([String; 4], i64, Option<String>),
) -> Result<WorkItem, StoreError> {
    Ok(WorkItem { ids: ids(texts)?, admitted_at: time(admitted_at)?, report })
}

fn used(connection: &Connection, key: &IntakeKey) -> Result<Option<Admitted>, StoreError> {
    let used = format!(
        "SELECT {ADMISSION}, intake.request FROM intake
         JOIN admission ON admission.study = intake.study
         WHERE intake.clerk = ?1 AND intake.key = ?2"
    );
    let row: Option<([String; 4], [u8; 32])> = connection
        .query_row(&used, params![key.clerk.to_string(), key.key.bytes()], |row| {
            Ok((texts(row)?, row.get(4)?))
        })
        .optional()?;
    let Some((texts, request)) = row else { return Ok(None) };
    let same = request == *key.request.bytes();
    Ok(Some(if same { Admitted::Same(ids(texts)?) } else { Admitted::Other }))
}

fn insert_patient(
    transaction: &Transaction<'_>,
    ids: &AdmissionIds,
    wrapped: &[u8],
    now: UnixTime,
) -> Result<(), StoreError> {
    let patient = ids.patient.to_string();
    let key = "INSERT INTO patient_key (patient, wrapped) VALUES (?1, ?2)";
    transaction.execute(key, params![patient, wrapped])?;
    let admission = "INSERT INTO admission
         (study, patient, encounter, service_request, admitted_at) VALUES (?1, ?2, ?3, ?4, ?5)";
    let (study, encounter) = (ids.imaging_study.to_string(), ids.encounter.to_string());
    let request = ids.service_request.to_string();
    transaction.execute(admission, params![study, patient, encounter, request, seconds(now)])?;
    Ok(())
}

fn insert_key(
    transaction: &Transaction<'_>,
    key: &IntakeKey,
    study: &str,
) -> Result<(), StoreError> {
    let insert = "INSERT INTO intake (clerk, key, request, study) VALUES (?1, ?2, ?3, ?4)";
    let (clerk, request) = (key.clerk.to_string(), key.request.bytes());
    transaction.execute(insert, params![clerk, key.key.bytes(), request, study])?;
    Ok(())
}

fn texts(row: &Row<'_>) -> rusqlite::Result<[String; 4]> {
    Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
}

fn ids([study, patient, encounter, request]: [String; 4]) -> Result<AdmissionIds, StoreError> {
    Ok(AdmissionIds {
        patient: id::<PatientId>(&patient)?,
        encounter: id(&encounter)?,
        service_request: id(&request)?,
        imaging_study: id(&study)?,
    })
}

/// Where a diagnosis' answer belongs.
pub(super) const fn answer_at(study: &str) -> Binding<'_> {
    Binding { kind: "diagnosis", id: study, version: 1 }
}

/// For `diagnoses`: the key of a patient who must be there.
pub(super) fn known(key: Option<PatientKey>) -> Result<PatientKey, StoreError> {
    key.ok_or(StoreError::Malformed)
}
