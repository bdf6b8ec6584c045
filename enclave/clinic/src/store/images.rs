//! Images in parts: each part is sealed by itself under its patient's key and for its place,
//! so that a large image costs little more memory than its own bytes, and can be read bit by
//! bit. The store's. A part that is missing, altered or elsewhere is an error.

use autoclave_base::ids::{ImagingStudyId, PatientId};
use autoclave_cell::Entropy;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Store, StoreError};
use crate::image::ImageType;
use crate::keys::{Binding, PatientKey};

/// Clear bytes of a part: most slices are one, the largest image has a hundred.
pub(super) const PART_BYTES: usize = 2 * 1024 * 1024;

/// What is known of an image without opening it.
#[derive(Clone, Copy)]
pub(crate) struct ImageHead {
    pub(crate) content_type: ImageType,
    pub(crate) bytes: usize,
    pub(crate) parts: u32,
}

impl Store {
    /// What kind of image a study has, and how large it is.
    pub(crate) fn image_head(
        &self,
        study: ImagingStudyId,
    ) -> Result<Option<ImageHead>, StoreError> {
        let row: Option<(String, i64, u32)> = self.read(|connection| {
            let image = "SELECT content_type, bytes, parts FROM image WHERE study = ?1";
            let row = connection.query_row(image, [study.to_string()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            });
            Ok(row.optional()?)
        })?;
        let Some((content_type, bytes, parts)) = row else { return Ok(None) };
        let content_type = ImageType::parse(&content_type).ok_or(StoreError::Malformed)?;
        let bytes = usize::try_from(bytes).map_err(|_| StoreError::Malformed)?;
        Ok(Some(ImageHead { content_type, bytes, parts }))
    }

    /// One part of a study's image, the first being 1; `None` where that patient has none.
    pub(crate) fn image_part(
        &self,
        patient: PatientId,
        study: ImagingStudyId,
        part: u32,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let study = study.to_string();
        let row: Option<(Vec<u8>, PatientKey)> = self.read(|connection| {
            let Some(key) = self.patient_key(connection, patient)? else { return Ok(None) };
            let body = "SELECT body FROM image_part WHERE study = ?1 AND part = ?2";
            let body = connection.query_row(body, params![study, part], |row| row.get(0));
            Ok(body.optional()?.map(|body| (body, key)))
        })?;
        let Some((body, key)) = row else { return Ok(None) };
        Ok(Some(key.open(part_at(&study, part), body)?))
    }

    /// A whole image; `None` where that patient has none.
    pub(crate) fn image(
        &self,
        patient: PatientId,
        study: ImagingStudyId,
    ) -> Result<Option<(ImageHead, Vec<u8>)>, StoreError> {
        let Some(head) = self.image_head(study)? else { return Ok(None) };
        let mut bytes = Vec::with_capacity(head.bytes);
        for part in 1..=head.parts {
            match self.image_part(patient, study, part)? {
                Some(clear) => bytes.extend_from_slice(&clear),
                None if part == 1 => return Ok(None),
                None => return Err(StoreError::Malformed),
            }
        }
        if bytes.len() == head.bytes { Ok(Some((head, bytes))) } else { Err(StoreError::Malformed) }
    }
}

/// Files an image, part by part.
pub(super) fn file(
    transaction: &Transaction<'_>,
    study: &str,
    key: &PatientKey,
    content_type: ImageType,
    image: &[u8],
) -> Result<(), StoreError> {
    let bytes = i64::try_from(image.len()).map_err(|_| StoreError::Malformed)?;
    let parts = u32::try_from(image.len().div_ceil(PART_BYTES).max(1));
    let parts = parts.map_err(|_| StoreError::Malformed)?;
    let head = "INSERT INTO image (study, content_type, parts, bytes) VALUES (?1, ?2, ?3, ?4)";
    transaction.execute(head, params![study, content_type.name(), parts, bytes])?;
    let mut insert =
        transaction.prepare("INSERT INTO image_part (study, part, body) VALUES (?1, ?2, ?3)")?;
    let mut clear = image.chunks(PART_BYTES);
    for part in 1..=parts {
        let clear = clear.next().unwrap_or_default().to_vec();
        let body = key.seal(part_at(study, part), clear, &mut Entropy);
        insert.execute(params![study, part, body])?;
    }
    Ok(())
}

/// Where a part's body belongs.
const fn part_at(study: &str, part: u32) -> Binding<'_> {
    Binding { kind: "image", id: study, version: part }
}
