//! The keys below the records key: one for the database's pages, one that wraps each
//! patient's own, and one for each further purpose. The hospital's, lent by its broker to
//! attested code. No key leaves this process, and erasing a patient's key erases the patient.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use autoclave_base::ids::{PatientId, StaffId};
use autoclave_base::{Digest, Phi, Secret};
use autoclave_seal::kdf;
use rand::CryptoRng;

/// Bytes of a nonce of AES-GCM; random, which is safe for 2^32 messages under one key.
const NONCE_BYTES: usize = 12;

/// A sealed body does not open: altered, of another patient, type, id or version, or under
/// another key. These look alike on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed body does not open")]
pub struct SealBroken;

/// Everything that is derived from the records key.
pub struct RecordsKeys {
    database: Secret<[u8; 32]>,
    patients: Secret<[u8; 32]>,
    staff: Secret<[u8; 32]>,
    names: Secret<[u8; 32]>,
    pseudonyms: Secret<[u8; 32]>,
    ids: Secret<[u8; 32]>,
    paging: Secret<[u8; 32]>,
    operations: Secret<[u8; 32]>,
}

impl RecordsKeys {
    /// Derives them; the labels are fixed for ever, since data on disk depends on them.
    pub fn derive(records: &Secret<[u8; 32]>) -> Self {
        let key = |label| kdf::derive(records.expose(), label);
        Self {
            database: key("clinic database pages v1"),
            patients: key("clinic patient keys v1"),
            staff: key("clinic staff secrets v1"),
            names: key("clinic staff names v1"),
            pseudonyms: key("clinic ledger pseudonyms v1"),
            ids: key("clinic derived ids v1"),
            paging: key("clinic paging links v1"),
            operations: key("clinic operations v1"),
        }
    }

    /// The key of the database's pages.
    pub(crate) const fn database(&self) -> &Secret<[u8; 32]> {
        &self.database
    }

    /// The key of patients' pseudonyms in the ledger.
    pub(crate) const fn pseudonyms(&self) -> &Secret<[u8; 32]> {
        &self.pseudonyms
    }

    /// The key of ids that are made of what they are for.
    pub(crate) const fn ids(&self) -> &Secret<[u8; 32]> {
        &self.ids
    }

    /// The key of the FHIR server's paging links.
    pub(crate) const fn paging(&self) -> &Secret<[u8; 32]> {
        &self.paging
    }

    /// The key of what operations remember between requests.
    pub(crate) const fn operations(&self) -> &Secret<[u8; 32]> {
        &self.operations
    }

    /// What a user name is looked up by: tells nothing without the key.
    pub(crate) fn name_token(&self, user: &Phi<String>) -> [u8; 32] {
        let inner = Digest::of_parts(&[self.names.expose(), user.expose().as_bytes()]);
        *Digest::of_parts(&[self.names.expose(), inner.bytes()]).bytes()
    }

    /// A new patient's key, and the same wrapped for the database.
    pub(crate) fn new_patient(
        &self,
        patient: PatientId,
        rng: &mut impl CryptoRng,
    ) -> (PatientKey, Vec<u8>) {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        let key = PatientKey { patient, key: Secret::new(key) };
        let wrapped = seal(&self.patients, &wrap_binding(patient), key.key.expose().to_vec(), rng);
        (key, wrapped)
    }

    /// Unwraps a patient's key.
    pub(crate) fn patient(
        &self,
        patient: PatientId,
        wrapped: Vec<u8>,
    ) -> Result<PatientKey, SealBroken> {
        let key = open(&self.patients, &wrap_binding(patient), wrapped)?;
        let key = <[u8; 32]>::try_from(key).map_err(|_| SealBroken)?;
        Ok(PatientKey { patient, key: Secret::new(key) })
    }

    /// Seals a member of staff's secrets.
    pub(crate) fn seal_staff(
        &self,
        id: StaffId,
        clear: Vec<u8>,
        rng: &mut impl CryptoRng,
    ) -> Vec<u8> {
        seal(&self.staff, &staff_binding(id), clear, rng)
    }

    /// Opens them.
    pub(crate) fn open_staff(&self, id: StaffId, sealed: Vec<u8>) -> Result<Vec<u8>, SealBroken> {
        open(&self.staff, &staff_binding(id), sealed)
    }
}

/// The data key of one patient.
pub(crate) struct PatientKey {
    patient: PatientId,
    key: Secret<[u8; 32]>,
}

/// What a sealed body is bound to, besides its patient.
#[derive(Clone, Copy)]
pub(crate) struct Binding<'a> {
    pub(crate) kind: &'a str,
    pub(crate) id: &'a str,
    pub(crate) version: u32,
}

impl PatientKey {
    /// Seals a body for its place: nowhere else will it open.
    pub(crate) fn seal(
        &self,
        at: Binding<'_>,
        clear: Vec<u8>,
        rng: &mut impl CryptoRng,
    ) -> Vec<u8> {
        seal(&self.key, &self.bind(at), clear, rng)
    }

    /// Opens a body from its place.
    pub(crate) fn open(&self, at: Binding<'_>, sealed: Vec<u8>) -> Result<Vec<u8>, SealBroken> {
        open(&self.key, &self.bind(at), sealed)
    }

    fn bind(&self, at: Binding<'_>) -> Digest {
        let patient = self.patient.to_string();
        let version = at.version.to_be_bytes();
        let parts: [&[u8]; 5] =
            [b"clinic body v1", patient.as_bytes(), at.kind.as_bytes(), at.id.as_bytes(), &version];
        Digest::of_parts(&parts)
    }
}

fn wrap_binding(patient: PatientId) -> Digest {
    Digest::of_parts(&[b"clinic patient key v1", patient.to_string().as_bytes()])
}

fn staff_binding(id: StaffId) -> Digest {
    Digest::of_parts(&[b"clinic staff secrets v1", id.to_string().as_bytes()])
}

/// AES-256-GCM in place: ciphertext, tag, then the nonce. One copy of an image is enough.
#[expect(
    clippy::expect_used,
    reason = "AES-GCM refuses 64 GiB and more, and no body is a hundredth of that"
)]
fn seal(
    key: &Secret<[u8; 32]>,
    binding: &Digest,
    mut body: Vec<u8>,
    rng: &mut impl CryptoRng,
) -> Vec<u8> {
    let mut nonce = [0; NONCE_BYTES];
    rng.fill_bytes(&mut nonce);
    let cipher = Aes256Gcm::new(key.expose().into());
    cipher
        .encrypt_in_place(&Nonce::from(nonce), binding.bytes(), &mut body)
        .expect("a body far below the limit of AES-GCM");
    body.extend_from_slice(&nonce);
    body
}

fn open(
    key: &Secret<[u8; 32]>,
    binding: &Digest,
    mut sealed: Vec<u8>,
) -> Result<Vec<u8>, SealBroken> {
    let at = sealed.len().checked_sub(NONCE_BYTES).ok_or(SealBroken)?;
    let nonce: [u8; NONCE_BYTES] = sealed[at..].try_into().map_err(|_| SealBroken)?;
    sealed.truncate(at);
    let cipher = Aes256Gcm::new(key.expose().into());
    cipher
        .decrypt_in_place(&Nonce::from(nonce), binding.bytes(), &mut sealed)
        .map_err(|_| SealBroken)?;
    Ok(sealed)
}

#[cfg(test)]
mod tests {
    use autoclave_cell::Entropy;

    use super::*;

    const AT: Binding<'_> = Binding { kind: "Patient", id: "7", version: 1 };

    fn keys() -> RecordsKeys {
        RecordsKeys::derive(&Secret::new([7; 32]))
    }

    #[test]
    fn a_body_opens_in_its_place_only() {
        let patient = PatientId::random(&mut Entropy);
        let (key, wrapped) = keys().new_patient(patient, &mut Entropy);
        let sealed = key.seal(AT, b"body".to_vec(), &mut Entropy);
        let again = keys().patient(patient, wrapped).unwrap();
        assert_eq!(again.open(AT, sealed.clone()).unwrap(), b"body");
        for other in [
            Binding { kind: "Encounter", ..AT },
            Binding { id: "8", ..AT },
            Binding { version: 2, ..AT },
        ] {
            assert_eq!(again.open(other, sealed.clone()), Err(SealBroken));
        }
    }

    #[test]
    fn a_patients_key_opens_for_that_patient_only() {
        let (one, other) = (PatientId::random(&mut Entropy), PatientId::random(&mut Entropy));
        let (_, wrapped) = keys().new_patient(one, &mut Entropy);
        assert!(keys().patient(other, wrapped.clone()).is_err());
        let strangers = RecordsKeys::derive(&Secret::new([8; 32]));
        assert!(strangers.patient(one, wrapped).is_err());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let (key, _) = keys().new_patient(PatientId::random(&mut Entropy), &mut Entropy);
        let sealed = key.seal(AT, b"body".to_vec(), &mut Entropy);
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert_eq!(key.open(AT, flipped), Err(SealBroken), "{at}");
            assert_eq!(key.open(AT, sealed[..at].to_vec()), Err(SealBroken), "{at}");
        }
    }

    #[test]
    fn the_same_body_never_looks_the_same() {
        let (key, _) = keys().new_patient(PatientId::random(&mut Entropy), &mut Entropy);
        let seal = || key.seal(AT, b"body".to_vec(), &mut Entropy);
        assert_ne!(seal(), seal());
    }

    #[test]
    fn purposes_have_keys_of_their_own() {
        let keys = keys();
        let all = [
            &keys.database,
            &keys.patients,
            &keys.staff,
            &keys.names,
            &keys.pseudonyms,
            &keys.ids,
            &keys.paging,
            &keys.operations,
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(all[at + 1..].iter().all(|other| !one.same_as(other)));
        }
    }

    #[test]
    fn name_tokens_depend_on_key_and_name() {
        let (ada, bob) = (Phi::new("ada".to_owned()), Phi::new("bob".to_owned()));
        assert_eq!(keys().name_token(&ada), keys().name_token(&ada));
        assert_ne!(keys().name_token(&ada), keys().name_token(&bob));
        let strangers = RecordsKeys::derive(&Secret::new([8; 32]));
        assert_ne!(keys().name_token(&ada), strangers.name_token(&ada));
    }
}
