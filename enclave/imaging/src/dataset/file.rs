//! The file around a data set (PS3.10, section 7.1): preamble, `DICM`, meta information.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::walk::Walk;
use super::{DataSet, File, Flaw, Form};

/// Bytes before `DICM`.
pub const PREAMBLE_BYTES: usize = 128;
/// Behind the preamble: the four letters.
const BEGINS: usize = PREAMBLE_BYTES + 4;

/// Reads a whole file: every element of it is walked, to the last byte.
pub fn read(file: &[u8]) -> Result<File, Flaw> {
    if file.get(PREAMBLE_BYTES..BEGINS) != Some(b"DICM") {
        return Err(Flaw::Preamble);
    }
    let (meta, begins) = meta(file)?;
    let word = |tag: Tag| meta.text(tag, file).map(str::to_owned);
    let transfer_syntax = word(tags::TRANSFER_SYNTAX_UID).ok_or(Flaw::Meta)?;
    let form = Form::of(&transfer_syntax).ok_or(Flaw::Syntax)?;
    let data = Walk::new(file, begins, form).data_set()?;
    Ok(File {
        transfer_syntax,
        media_instance: word(tags::MEDIA_STORAGE_SOP_INSTANCE_UID),
        media_class: word(tags::MEDIA_STORAGE_SOP_CLASS_UID),
        form,
        begins,
        data,
    })
}

/// The meta information, which is explicit and little endian whatever follows. Its end is
/// where another group begins: the group's own length is often wrong, and never needed.
fn meta(file: &[u8]) -> Result<(DataSet, usize), Flaw> {
    let form = Form { explicit: true, big_endian: false, encapsulated: false };
    let mut walk = Walk::new(file, BEGINS, form);
    let meta = walk.group(0x0002).map_err(|_| Flaw::Meta)?;
    Ok((meta, walk.at()))
}
