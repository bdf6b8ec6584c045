//! Looks for what must never be in clear: on the wire, and on disks.

use std::sync::Arc;

use autoclave_base::b64;

use crate::trace::Trace;

/// Begins the name of every patient of the simulation, and nothing else.
pub(crate) const MARK: &str = "Plainmarker";

/// The eye.
pub(crate) struct Eye {
    trace: Arc<Trace>,
    forms: Vec<Vec<u8>>,
}

impl Eye {
    /// An eye that tells `trace`.
    pub(crate) fn new(trace: Arc<Trace>) -> Self {
        Self { trace, forms: forms() }
    }

    /// Looks at bytes.
    pub(crate) fn look(&self, bytes: &[u8], place: impl FnOnce() -> String) {
        if self.forms.iter().any(|form| contains(bytes, form)) {
            self.trace.broken(format!("a patient's name is in clear: {}", place()));
        }
    }
}

/// As it is, and in base64 wherever it may begin in a longer text.
fn forms() -> Vec<Vec<u8>> {
    let mut forms = vec![MARK.as_bytes().to_vec()];
    for before in 0..3 {
        let padded = [&vec![0; before][..], MARK.as_bytes()].concat();
        let text = b64::encode(padded);
        // The first and the last digits depend on what stands beside.
        let (start, end) = (if before == 0 { 0 } else { before + 1 }, text.len() - 2);
        forms.push(text.as_bytes()[start..end].to_vec());
    }
    forms
}

pub(crate) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    let Some(first) = part.first() else { return true };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        if rest[at..].starts_with(part) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_mark_is_found_in_clear_and_in_base64() {
        for before in ["", "a", "ab", "abc"] {
            let text = format!("{before}{MARK} and more");
            for form in [text.clone(), b64::encode(&text)] {
                let trace = Arc::new(Trace::begin());
                Eye::new(Arc::clone(&trace)).look(form.as_bytes(), String::new);
                assert_eq!(trace.all_broken().len(), 1, "{form}");
            }
        }
    }
}
