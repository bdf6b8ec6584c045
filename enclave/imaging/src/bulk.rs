//! The value that a `BulkDataURI` names, found again in its file. The hospital's. It is made
//! of the file, which is the only copy: metadata and bulk data cannot disagree.

use std::ops::Range;

use crate::dataset::{DataSet, Value};
use crate::json;

/// Where the value at a path such as `7FE00010` or `00081140/1/00091001` lies; none where the
/// path leads nowhere, or to a sequence. Encapsulated pixels are all of their fragments.
pub fn find(data: &DataSet, path: &[&str]) -> Option<Vec<Range<usize>>> {
    let (name, rest) = path.split_first()?;
    let value = &data.get(json::tag(name)?)?.value;
    match (value, rest) {
        (Value::Items(items), [item, rest @ ..]) => {
            let at = item.parse::<usize>().ok()?.checked_sub(1)?;
            find(items.get(at)?, rest)
        }
        (Value::Bytes(range), []) => Some(vec![range.clone()]),
        (Value::Fragments(fragments), []) => Some(fragments.get(1..)?.to_vec()),
        _ => None,
    }
}
