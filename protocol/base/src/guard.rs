//! Types that decide what may be printed. `Secret` and `Phi` implement neither `Debug`
//! nor `Display` nor `Serialize`, and telemetry takes `LogSafe` values only: an allow-list
//! that the compiler keeps. Nothing here encrypts; it only refuses to speak.

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// Key material: erased from memory on drop, compared in constant time, never printed.
///
/// ```
/// let key = autoclave_base::Secret::new([1_u8; 32]);
/// println!("{}", key.expose().len());
/// ```
///
/// ```compile_fail,E0277
/// let key = autoclave_base::Secret::new([1_u8; 32]);
/// println!("{key}");
/// ```
///
/// ```compile_fail,E0277
/// let key = autoclave_base::Secret::new([1_u8; 32]);
/// println!("{key:?}");
/// ```
#[derive(Clone)]
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Takes ownership of key material.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// Looks at the key material. Callers keep no copy.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + AsRef<[u8]>> Secret<T> {
    /// Whether both hold the same bytes, in time that depends on the length only.
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.as_ref().ct_eq(other.0.as_ref()).into()
    }
}

/// Protected health information, and whatever identifies a person: never printed.
///
/// ```
/// let name = autoclave_base::Phi::new("Ada");
/// println!("{}", serde_json::to_string(name.expose()).unwrap().len());
/// ```
///
/// ```compile_fail,E0277
/// let name = autoclave_base::Phi::new("Ada");
/// println!("{name:?}");
/// ```
///
/// ```compile_fail,E0277
/// let name = autoclave_base::Phi::new("Ada");
/// println!("{}", serde_json::to_string(&name).unwrap().len());
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Phi<T>(T);

impl<T> Phi<T> {
    /// Marks `value` as belonging to a patient.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Looks at the value, to store or answer it; not to log it.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// Gives the value up, to store or answer it.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// A value that may stand in logs, metrics, traces and the ledger: it says nothing about
/// a patient and opens nothing. Implement it only where that is so for *every* value of
/// the type; free text never qualifies.
///
/// ```
/// fn log(_: impl autoclave_base::LogSafe) {}
/// log(1_u8);
/// ```
///
/// ```compile_fail,E0277
/// fn log(_: impl autoclave_base::LogSafe) {}
/// log(autoclave_base::Phi::new(1_u8));
/// ```
pub trait LogSafe: std::fmt::Display {}

macro_rules! log_safe {
    ($($kind:ty),* $(,)?) => { $(impl LogSafe for $kind {})* };
}
pub(crate) use log_safe;

log_safe!(bool, u8, u16, u32, u64, usize, i8, i16, i32, i64, &'static str);
log_safe!(crate::Digest, crate::UnixTime);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_compare_by_content() {
        let key = Secret::new([7_u8; 32]);
        assert!(key.same_as(&Secret::new([7; 32])));
        assert!(!key.same_as(&Secret::new([8; 32])));
    }
}
