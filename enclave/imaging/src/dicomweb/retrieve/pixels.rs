//! Frames, bulk data and pictures.

use autoclave_records::Tenant;
use bytes::Bytes;
use http::Response;

use super::{Found, Retrieved, UNSUPPORTED, answer, boundary, parts_of};
use crate::blobs::{self, Owner};
use crate::body::Body;
use crate::bulk;
use crate::dataset;
use crate::dicomweb::negotiate::{self, BYTES, Packing, Sent};
use crate::dicomweb::{Dicomweb, Head, blocking};
use crate::fault::Fault;
use crate::instance::Pixels;
use crate::json;
use crate::multipart::{close, part_head};
use crate::render::{self, Look, RenderError, THUMBNAIL_SIDE};
use crate::shelf::{Shelf, ShelfError};

/// Bytes of frames in one answer: they are cut out before they are sent.
const FRAMES_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Bytes of a file that is decoded.
const DECODED_FILE_BYTES_MAX: usize = 512 * 1024 * 1024;

/// One instance, on a thread that may block.
struct Opened {
    shelf: Shelf,
    tenant: Tenant,
    patient: String,
    found: Found,
}

impl Opened {
    fn range(&self, range: std::ops::Range<usize>) -> Result<Vec<u8>, Fault> {
        let owner = Owner { tenant: self.tenant, patient: &self.patient };
        let bytes = blobs::range(&*self.shelf.blobs, owner, &self.found.entry.file, range);
        Ok(bytes.map_err(ShelfError::from)?)
    }

    fn whole(&self) -> Result<Vec<u8>, Fault> {
        if self.found.entry.bytes > DECODED_FILE_BYTES_MAX {
            return Err(UNSUPPORTED);
        }
        self.range(0..self.found.entry.bytes)
    }

    /// One frame as it is stored; the first is 0.
    fn frame(&self, frame: usize) -> Result<Vec<u8>, Fault> {
        match self.found.entry.pixels.as_ref().ok_or(Fault::NOT_FOUND)? {
            Pixels::Native { place, frame_bits, frames } if frame < *frames => {
                let from = frame * frame_bits;
                let bytes = place.start + from / 8..place.start + (from + frame_bits).div_ceil(8);
                let mut bytes = self.range(bytes)?;
                if !from.is_multiple_of(8) {
                    bytes = shifted(&bytes, from % 8, *frame_bits);
                }
                Ok(self.little_endian(bytes))
            }
            Pixels::Encapsulated { frames } if frame < frames.len() => {
                let parts = frames[frame].iter().map(|range| self.range(range.clone()));
                Ok(parts.collect::<Result<Vec<_>, _>>()?.concat())
            }
            _ => Err(Fault::NOT_FOUND),
        }
    }

    /// Samples go out little endian, whatever they are stored in.
    fn little_endian(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let entry = &self.found.entry;
        let bits = json::first(&entry.metadata, dicom_dictionary_std::tags::BITS_ALLOCATED);
        let is_big = dataset::Form::of(&entry.transfer_syntax).is_some_and(|form| form.big_endian);
        if is_big && bits == Some("16") {
            bytes.as_chunks_mut::<2>().0.iter_mut().for_each(|sample| sample.reverse());
        }
        bytes
    }

    fn frames(&self, frames: &[usize], sent: Sent) -> Result<Vec<Vec<u8>>, Fault> {
        let file = if sent.decoded { Some(self.whole()?) } else { None };
        let (mut values, mut size) = (Vec::with_capacity(frames.len()), 0);
        for frame in frames.iter().map(|number| number - 1) {
            let value = match &file {
                Some(file) => render::samples(file, frame)?,
                None => self.frame(frame)?,
            };
            size += value.len();
            if size > FRAMES_BYTES_MAX {
                return Err(Fault::TOO_LARGE);
            }
            values.push(value);
        }
        Ok(values)
    }
}

/// Bits that begin within a byte, moved to its start (frames of single bits).
fn shifted(bytes: &[u8], by: usize, bits: usize) -> Vec<u8> {
    let byte = |at: usize| u16::from(bytes.get(at).copied().unwrap_or_default());
    let one = |at: usize| {
        let pair = byte(at) | byte(at + 1) << 8;
        (pair >> by).to_le_bytes()[0]
    };
    let mut out: Vec<u8> = (0..bits.div_ceil(8)).map(one).collect();
    if let (Some(last), rest @ 1..) = (out.last_mut(), bits % 8) {
        *last &= u8::MAX >> (8 - rest);
    }
    out
}

impl Dicomweb {
    fn opened(&self, tenant: Tenant, retrieved: Retrieved) -> Result<Opened, Fault> {
        let found = retrieved.found.into_iter().next().ok_or(Fault::NOT_FOUND)?;
        Ok(Opened { shelf: self.0.shelf.clone(), tenant, patient: retrieved.patient, found })
    }

    pub(super) async fn frames(
        &self,
        head: &Head,
        tenant: Tenant,
        retrieved: Retrieved,
        frames: Vec<usize>,
    ) -> Result<Response<Body>, Fault> {
        let opened = self.opened(tenant, retrieved)?;
        let entry = &opened.found.entry;
        let (syntax, pixels) = (entry.transfer_syntax.clone(), entry.pixels.clone());
        let sent = negotiate::values(head, &syntax, pixels.as_ref(), frames.len())?;
        let values = blocking(move || opened.frames(&frames, sent)).await?;
        let media = match (&pixels, sent.decoded) {
            (Some(Pixels::Encapsulated { .. }), false) => negotiate::media_type(&syntax),
            _ => BYTES,
        };
        let stored = if media == BYTES { "1.2.840.10008.1.2.1" } else { &syntax };
        Ok(packed(sent.packing, media, Some(stored), values))
    }

    pub(super) async fn bulk(
        &self,
        head: &Head,
        tenant: Tenant,
        retrieved: Retrieved,
        path: Vec<String>,
    ) -> Result<Response<Body>, Fault> {
        let opened = self.opened(tenant, retrieved)?;
        let path = if path.is_empty() { vec!["7FE00010".to_owned()] } else { path };
        let is_pixels = path == ["7FE00010"];
        let entry = &opened.found.entry;
        let syntax = entry.transfer_syntax.clone();
        let pixels = entry.pixels.clone().filter(|_| is_pixels);
        let count = pixels.as_ref().map_or(1, |pixels| match pixels {
            Pixels::Native { .. } => 1,
            Pixels::Encapsulated { frames } => frames.len(),
        });
        let sent = negotiate::values(head, &syntax, pixels.as_ref(), count)?;
        if matches!(pixels, Some(Pixels::Encapsulated { .. })) {
            let frames: Vec<usize> = (1..=count).collect();
            let values = blocking(move || opened.frames(&frames, sent)).await?;
            let media = if sent.decoded { BYTES } else { negotiate::media_type(&syntax) };
            let syntax = if sent.decoded { None } else { Some(syntax.as_str()) };
            return Ok(packed(sent.packing, media, syntax, values));
        }
        let value = blocking(move || {
            let file = opened.whole()?;
            let read = dataset::read(&file).map_err(|_| Fault::internal("imaging.malformed"))?;
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let places = bulk::find(&read.data, &path).ok_or(Fault::NOT_FOUND)?;
            let parts = places.into_iter().map(|place| file.get(place).unwrap_or_default());
            Ok(parts.collect::<Vec<_>>().concat())
        });
        Ok(packed(sent.packing, BYTES, None, vec![value.await?]))
    }

    pub(super) async fn rendered(
        &self,
        head: &Head,
        tenant: Tenant,
        retrieved: Retrieved,
        frames: Vec<usize>,
        is_thumbnail: bool,
    ) -> Result<Response<Body>, Fault> {
        let kind = negotiate::picture(head)?;
        let mut look = Look::of(kind, &head.query).ok_or(Fault::bad(
            "imaging.look_malformed",
            "window, viewport or quality is malformed.",
        ))?;
        if is_thumbnail {
            let side = look.within.unwrap_or((THUMBNAIL_SIDE, THUMBNAIL_SIDE));
            look.within = Some(side);
        }
        let opened = self.opened(tenant, retrieved)?;
        // One picture: several frames would be several.
        let frame = frames.first().map_or(0, |number| number - 1);
        let picture = blocking(move || {
            let file = opened.whole()?;
            Ok(render::render(&file, frame, &look)?)
        });
        Ok(answer(kind.name(), Body::Whole(picture.await?.into())))
    }
}

fn packed(
    packing: Packing,
    media_type: &str,
    syntax: Option<&str>,
    values: Vec<Vec<u8>>,
) -> Response<Body> {
    let full = match syntax {
        Some(syntax) => format!("{media_type}; transfer-syntax={syntax}"),
        None => media_type.to_owned(),
    };
    if packing == Packing::Single {
        let value = values.into_iter().next().unwrap_or_default();
        return answer(&full, Body::Whole(value.into()));
    }
    let boundary = boundary();
    let mut body = Vec::new();
    for value in values {
        body.extend(part_head(&boundary, &full, None).as_bytes());
        body.extend(value);
    }
    body.extend(close(&boundary).as_bytes());
    answer(&parts_of(media_type, &boundary), Body::Whole(Bytes::from(body)))
}

impl From<RenderError> for Fault {
    fn from(error: RenderError) -> Self {
        match error {
            RenderError::NoFrame => Self::NOT_FOUND,
            RenderError::Unsupported | RenderError::Undecodable => UNSUPPORTED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_single_bits_begin_at_their_first_bit() {
        // Two frames of five bits: 10101 and 01111, first bit lowest.
        let bytes = [0b1101_0101, 0b0000_0011];
        assert_eq!(shifted(&bytes, 5, 5), [0b0001_1110]);
    }
}
