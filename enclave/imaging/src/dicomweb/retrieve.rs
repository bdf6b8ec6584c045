//! WADO-RS requests and their answers. Files and bulk data are opened part by part while they
//! are sent: an answer of any size takes a few mebibytes.

mod pixels;

use std::sync::Arc;

use autoclave_base::Digest;
use autoclave_fhir::json::Node;
use autoclave_records::Tenant;
use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use http::{HeaderValue, Response, StatusCode, header};

use super::negotiate::{self, Packing};
use super::{Allowed, Dicomweb, Head, Told, blocking};
use crate::blobs::{Owner, PART_BYTES};
use crate::body::{Body, BrokenOff};
use crate::entry::Entry;
use crate::fault::Fault;
use crate::json::with_base;
use crate::multipart::{close, part_head};
use crate::path::{Form, Target};
use crate::shelf::Shelf;
use crate::uid::Uid;

/// Instances whose metadata one answer has.
const METADATA_MAX: usize = 20_000;

/// An instance that is retrieved.
#[derive(Clone)]
struct Found {
    entry: Entry,
    /// Its address below the base.
    address: String,
}

/// All of them, and whose they are.
struct Retrieved {
    patient: String,
    found: Vec<Found>,
}

impl Dicomweb {
    pub(super) async fn retrieve(
        &self,
        allowed: &Arc<Allowed>,
        head: Head,
        target: Target,
        form: Form,
    ) -> Result<Told, Fault> {
        let (images, asking, base) = (self.0.shelf.clone(), Arc::clone(allowed), head.base.clone());
        let is_picture = matches!(form, Form::Rendered(_) | Form::Thumbnail(_));
        let retrieved =
            blocking(move || find(&images, &asking, &target, &base, is_picture)).await?;
        let tenant = allowed.caller.tenant;
        let patients = vec![retrieved.patient.clone()];
        let count = retrieved.found.len() as u64;
        let answer = match form {
            Form::Files => self.files(&head, tenant, retrieved)?,
            Form::Metadata => metadata(&head, retrieved)?,
            Form::Frames(frames) => self.frames(&head, tenant, retrieved, frames).await?,
            Form::Bulk(path) => self.bulk(&head, tenant, retrieved, path).await?,
            Form::Rendered(frames) => {
                self.rendered(&head, tenant, retrieved, frames, false).await?
            }
            Form::Thumbnail(frames) => {
                self.rendered(&head, tenant, retrieved, frames, true).await?
            }
        };
        Ok(Told { answer, patients, count })
    }

    fn files(
        &self,
        head: &Head,
        tenant: Tenant,
        retrieved: Retrieved,
    ) -> Result<Response<Body>, Fault> {
        let Retrieved { patient, found } = retrieved;
        let syntaxes: Vec<&str> =
            found.iter().map(|one| one.entry.transfer_syntax.as_str()).collect();
        let packing = negotiate::files(head, &syntaxes)?;
        let images = self.0.shelf.clone();
        let piece = |one: &Found| Piece { file: one.entry.file, bytes: one.entry.bytes };
        if packing == Packing::Single {
            let one = found.first().ok_or(Fault::NOT_FOUND)?;
            let steps = vec![Step::File(piece(one))];
            let mut answer = answer(negotiate::DICOM, streamed(images, tenant, patient, steps));
            let length = HeaderValue::from(one.entry.bytes);
            answer.headers_mut().insert(header::CONTENT_LENGTH, length);
            return Ok(answer);
        }
        let boundary = boundary();
        let mut steps = Vec::with_capacity(found.len() * 2 + 1);
        for one in &found {
            let media =
                format!("{}; transfer-syntax={}", negotiate::DICOM, one.entry.transfer_syntax);
            steps.push(Step::Text(part_head(&boundary, &media, None)));
            steps.push(Step::File(piece(one)));
        }
        steps.push(Step::Text(close(&boundary)));
        let media = parts_of(negotiate::DICOM, &boundary);
        Ok(answer(&media, streamed(images, tenant, patient, steps)))
    }
}

fn find(
    shelf: &Shelf,
    allowed: &Allowed,
    target: &Target,
    base: &str,
    one_only: bool,
) -> Result<Retrieved, Fault> {
    let study = shelf.study(&allowed.asker(), target.study.as_str())?.ok_or(Fault::NOT_FOUND)?;
    let mut found = Vec::new();
    let is = |own: &Uid, asked: &Option<Uid>| asked.as_ref().is_none_or(|asked| asked == own);
    for (series, listed) in study.instances() {
        if !is(&series.uid, &target.series) || !is(&listed.uid, &target.instance) {
            continue;
        }
        let Some(entry) = shelf.entry(allowed.caller.tenant, &study, listed)? else { continue };
        if one_only && entry.pixels.is_none() {
            continue;
        }
        let address =
            format!("{base}/studies/{}/series/{}/instances/{}", study.uid, series.uid, listed.uid);
        found.push(Found { entry, address });
        if one_only {
            break;
        }
        if found.len() > METADATA_MAX {
            return Err(Fault::TOO_LARGE);
        }
    }
    if found.is_empty() {
        return Err(Fault::NOT_FOUND);
    }
    Ok(Retrieved { patient: study.patient, found })
}

fn metadata(head: &Head, retrieved: Retrieved) -> Result<Response<Body>, Fault> {
    negotiate::json(head)?;
    let one = |found: Found| {
        let mut metadata = found.entry.metadata;
        with_base(&mut metadata, &found.address);
        metadata
    };
    Ok(super::search::json(&Node::List(retrieved.found.into_iter().map(one).collect())))
}

/// A file that is sent.
#[derive(Clone, Copy)]
struct Piece {
    file: Digest,
    bytes: usize,
}

/// What is sent one after the other.
enum Step {
    Text(String),
    File(Piece),
}

/// Opens parts as they are asked for.
fn streamed(shelf: Shelf, tenant: Tenant, patient: String, steps: Vec<Step>) -> Body {
    let shelf = Arc::new((shelf, patient));
    let chunks = stream::iter(steps).flat_map(move |step| match step {
        Step::Text(text) => stream::once(async move { Ok(Bytes::from(text)) }).boxed(),
        Step::File(piece) => file(Arc::clone(&shelf), tenant, piece),
    });
    Body::Stream(chunks.boxed())
}

fn file(shelf: Arc<(Shelf, String)>, tenant: Tenant, piece: Piece) -> crate::body::Chunks {
    let parts = 0..piece.bytes.div_ceil(PART_BYTES);
    let opened = stream::iter(parts).then(move |part| {
        let shelf = Arc::clone(&shelf);
        async move {
            let opened = tokio::task::spawn_blocking(move || {
                let owner = Owner { tenant, patient: &shelf.1 };
                let part = u32::try_from(part).ok()?;
                shelf.0.blobs.part(owner, &piece.file, part).ok()
            });
            if let Ok(Some(clear)) = opened.await {
                return Ok(Bytes::from(clear));
            }
            tracing::error!("an image did not open while it was sent");
            Err(BrokenOff)
        }
    });
    opened.boxed()
}

fn answer(media_type: &str, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    let media_type = HeaderValue::from_str(media_type);
    if let Ok(media_type) = media_type {
        answer.headers_mut().insert(header::CONTENT_TYPE, media_type);
    }
    // A patient's picture is in nobody's cache.
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn parts_of(media_type: &str, boundary: &str) -> String {
    format!("multipart/related; type=\"{media_type}\"; boundary={boundary}")
}

/// A boundary that stands in no file: 122 random bits.
fn boundary() -> String {
    Uid::random().to_string().replace('.', "-")
}

/// 422: there is such an image, and nothing of it that can be shown so.
const UNSUPPORTED: Fault = Fault::new(
    StatusCode::NOT_ACCEPTABLE,
    "imaging.not_decoded",
    "The pixels are in a form that is not decoded here.",
);
