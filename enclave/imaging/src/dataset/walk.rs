//! The walk over a data set (PS3.5, section 7), element by element.

use std::ops::Range;

use dicom_core::dictionary::{DataDictionary as _, DataDictionaryEntry, VirtualVr};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};

use super::{DataSet, ELEMENTS_MAX, Element, Flaw, Form, NESTING_MAX, Value};

const ITEM: Tag = Tag(0xfffe, 0xe000);
const ITEM_END: Tag = Tag(0xfffe, 0xe00d);
const SEQUENCE_END: Tag = Tag(0xfffe, 0xe0dd);
/// The length of what is ended by a delimiter.
const UNDEFINED: u32 = u32::MAX;

/// A place in the bytes of a file.
pub(super) struct Walk<'a> {
    file: &'a [u8],
    at: usize,
    form: Form,
    depth: usize,
    elements: usize,
    /// Pixel Representation: whether pixel values, and what is measured like them, are signed.
    signed: bool,
}

#[derive(Clone, Copy)]
struct Header {
    tag: Tag,
    vr: VR,
    length: u32,
}

impl<'a> Walk<'a> {
    pub(super) const fn new(file: &'a [u8], at: usize, form: Form) -> Self {
        Self { file, at, form, depth: 0, elements: 0, signed: false }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// All elements to the end of the file.
    pub(super) fn data_set(&mut self) -> Result<DataSet, Flaw> {
        self.elements_to(Some(self.file.len()))
    }

    /// The elements of one group, which stand first.
    pub(super) fn group(&mut self, group: u16) -> Result<DataSet, Flaw> {
        let mut elements = Vec::new();
        while self.file.len() - self.at >= 8 && self.peek()?.group() == group {
            let header = self.header()?;
            let end = self.file.len();
            elements.push(self.element(header, end)?);
        }
        self.sorted(elements)
    }

    /// Elements to a place, or (without one) to the end of the item.
    fn elements_to(&mut self, end: Option<usize>) -> Result<DataSet, Flaw> {
        let outer = end.unwrap_or(self.file.len());
        let mut elements = Vec::new();
        while end != Some(self.at) {
            if end.is_some_and(|end| self.at > end) {
                return Err(Flaw::Length);
            }
            if self.peek()?.group() == ITEM.group() {
                let (tag, _) = self.delimiter()?;
                return match end {
                    None if tag == ITEM_END => self.sorted(elements),
                    _ => Err(Flaw::Nesting),
                };
            }
            let header = self.header()?;
            elements.push(self.element(header, outer)?);
        }
        self.sorted(elements)
    }

    fn element(&mut self, header: Header, outer: usize) -> Result<Element, Flaw> {
        self.count()?;
        let Header { tag, vr, length } = header;
        if tag == tags::PIXEL_DATA && length == UNDEFINED {
            return Ok(Element { tag, vr, value: Value::Fragments(self.fragments()?) });
        }
        if vr == VR::SQ || length == UNDEFINED {
            let value = Value::Items(self.sequence(vr, length, outer)?);
            return Ok(Element { tag, vr: VR::SQ, value });
        }
        let range = self.take(length, outer)?;
        if tag == tags::PIXEL_REPRESENTATION {
            self.signed = self.file[range.clone()].contains(&1);
        }
        Ok(Element { tag, vr, value: Value::Bytes(range) })
    }

    fn sequence(&mut self, vr: VR, length: u32, outer: usize) -> Result<Vec<DataSet>, Flaw> {
        if !matches!(vr, VR::SQ | VR::UN) {
            return Err(Flaw::Length);
        }
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(Flaw::Size);
        }
        // Unknown elements of undefined length are implicit inside (PS3.5, 6.2.2, note 2).
        let around = self.form;
        if vr == VR::UN {
            self.form = Form { explicit: false, big_endian: false, ..around };
        }
        let items = self.items(length, outer);
        self.form = around;
        self.depth -= 1;
        items
    }

    fn items(&mut self, length: u32, outer: usize) -> Result<Vec<DataSet>, Flaw> {
        let end = self.end(length, outer)?;
        let mut items = Vec::new();
        while end != Some(self.at) {
            self.count()?;
            let (tag, length) = self.delimiter()?;
            match tag {
                ITEM => {
                    let end = self.end(length, end.unwrap_or(outer))?;
                    items.push(self.elements_to(end)?);
                }
                SEQUENCE_END if end.is_none() => break,
                _ => return Err(Flaw::Nesting),
            }
        }
        Ok(items)
    }

    fn fragments(&mut self) -> Result<Vec<Range<usize>>, Flaw> {
        if !self.form.encapsulated {
            return Err(Flaw::Length);
        }
        let mut fragments = Vec::new();
        loop {
            self.count()?;
            match self.delimiter()? {
                (ITEM, UNDEFINED) => return Err(Flaw::Length),
                (ITEM, length) => fragments.push(self.take(length, self.file.len())?),
                (SEQUENCE_END, _) => return Ok(fragments),
                _ => return Err(Flaw::Nesting),
            }
        }
    }

    /// Where something of that length ends; `None` where a delimiter says it.
    fn end(&self, length: u32, outer: usize) -> Result<Option<usize>, Flaw> {
        if length == UNDEFINED {
            return Ok(None);
        }
        let end = self.at.checked_add(length as usize).filter(|end| *end <= outer);
        end.map(Some).ok_or(Flaw::Length)
    }

    fn take(&mut self, length: u32, outer: usize) -> Result<Range<usize>, Flaw> {
        let end = self.end(length, outer)?.ok_or(Flaw::Length)?;
        let from = std::mem::replace(&mut self.at, end);
        Ok(from..end)
    }

    const fn count(&mut self) -> Result<(), Flaw> {
        self.elements += 1;
        if self.elements > ELEMENTS_MAX { Err(Flaw::Size) } else { Ok(()) }
    }

    fn header(&mut self) -> Result<Header, Flaw> {
        let tag = self.tag()?;
        if !self.form.explicit {
            return Ok(Header { tag, vr: self.implied(tag), length: self.long()? });
        }
        let vr = VR::from_binary(self.array()?).ok_or(Flaw::Representation)?;
        let length = if is_long(vr) {
            self.array::<2>()?;
            self.long()?
        } else {
            u32::from(self.short()?)
        };
        Ok(Header { tag, vr, length })
    }

    /// What the dictionary says of an element that does not say it itself.
    fn implied(&self, tag: Tag) -> VR {
        if tag.element() == 0 {
            return VR::UL;
        }
        if tag.group() % 2 == 1 {
            let creator = (0x10..=0xff).contains(&tag.element());
            return if creator { VR::LO } else { VR::UN };
        }
        match StandardDataDictionary.by_tag(tag).map(DataDictionaryEntry::vr) {
            Some(VirtualVr::Xs) if self.signed => VR::SS,
            Some(vr) => vr.relaxed(),
            None => VR::UN,
        }
    }

    fn delimiter(&mut self) -> Result<(Tag, u32), Flaw> {
        Ok((self.tag()?, self.long()?))
    }

    fn peek(&self) -> Result<Tag, Flaw> {
        let mut ahead = Walk { ..*self };
        ahead.tag()
    }

    fn tag(&mut self) -> Result<Tag, Flaw> {
        Ok(Tag(self.short()?, self.short()?))
    }

    fn short(&mut self) -> Result<u16, Flaw> {
        let bytes = self.array()?;
        Ok(if self.form.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn long(&mut self) -> Result<u32, Flaw> {
        let bytes = self.array()?;
        Ok(if self.form.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let bytes = self.file.get(self.at..).and_then(|rest| rest.first_chunk::<N>());
        self.at += N;
        bytes.copied().ok_or(Flaw::Length)
    }

    /// In the order of tags, which some writers do not keep; none twice.
    fn sorted(&self, mut elements: Vec<Element>) -> Result<DataSet, Flaw> {
        if !elements.is_sorted_by_key(|element| element.tag) {
            elements.sort_by_key(|element| element.tag);
        }
        if elements.windows(2).any(|pair| pair[0].tag == pair[1].tag) {
            return Err(Flaw::Twice);
        }
        Ok(DataSet { elements, big_endian: self.form.big_endian })
    }
}

/// Whether a length has four bytes, behind two that say nothing (PS3.5, 7.1.2).
const fn is_long(vr: VR) -> bool {
    matches!(
        vr,
        VR::OB
            | VR::OD
            | VR::OF
            | VR::OL
            | VR::OV
            | VR::OW
            | VR::SQ
            | VR::SV
            | VR::UC
            | VR::UN
            | VR::UR
            | VR::UT
            | VR::UV
    )
}
