//! One X.509 certificate (RFC 5280) of a vendor's chain: read strictly, signature checked
//! over the bytes as they came. An extension that is critical and not understood here
//! refuses the certificate. TLS libraries refuse those of TPMs altogether, because their
//! subject alternative name is critical and names no host.

use autoclave_base::{Digest, UnixTime};
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use x509_cert::der::asn1::{BitString, ObjectIdentifier};
use x509_cert::der::{Decode as _, Encode as _, Reader as _, SliceReader, Tag, Tagged as _};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::tpm::Manufacturer;

/// Longest certificate that is looked at: vendors' are below 2 KiB.
pub(super) const CERTIFICATE_BYTES_MAX: usize = 8 * 1024;

const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
/// Any policy will do here, so that a critical one is understood.
const CERTIFICATE_POLICIES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32");
const UNDERSTOOD: [ObjectIdentifier; 5] =
    [BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE, SUBJECT_ALT_NAME, CERTIFICATE_POLICIES];

/// `tcg-kp-EKCertificate` and `tcg-at-tpmManufacturer` (EK credential profile 2.5).
const EK_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.133.8.1");
const TPM_MANUFACTURER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.133.2.1");

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// The only parameters of RSA-PSS (RFC 4055) that are accepted: SHA-384 for the message and
/// for MGF1, 48 bytes of salt.
const PSS_SHA384: [u8; 52] = [
    0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05,
    0x00, 0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08,
    0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0xa2,
    0x03, 0x02, 0x01, 0x30,
];
/// The trailer field's only value, which some of AMD's certificates write out.
const PSS_TRAILER: [u8; 5] = [0xa3, 0x03, 0x02, 0x01, 0x01];

/// The bytes are not a certificate of the form that we accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotACertificate;

impl From<x509_cert::der::Error> for NotACertificate {
    fn from(_: x509_cert::der::Error) -> Self {
        Self
    }
}

/// A certificate whose form is checked, and nothing else.
pub(super) struct Certificate {
    parsed: x509_cert::Certificate,
    signed: Vec<u8>,
    digest: Digest,
    extensions: Extensions,
}

#[derive(Default)]
struct Extensions {
    basic: Option<BasicConstraints>,
    usage: Option<KeyUsage>,
    extended: Option<ExtendedKeyUsage>,
    names: Option<SubjectAltName>,
}

impl Certificate {
    /// Reads DER.
    pub(super) fn parse(der: &[u8]) -> Result<Self, NotACertificate> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Err(NotACertificate);
        }
        let parsed = x509_cert::Certificate::from_der(der)?;
        let tbs = parsed.tbs_certificate();
        if tbs.signature() != parsed.signature_algorithm() {
            return Err(NotACertificate);
        }
        let extensions = extensions(tbs.extensions().map_or(&[], Vec::as_slice))?;
        Ok(Self { signed: signed(der)?, digest: Digest::of(der), extensions, parsed })
    }

    /// Digest of its DER.
    pub(super) const fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether it holds at `now`.
    pub(super) fn is_valid_at(&self, now: UnixTime) -> bool {
        let validity = self.parsed.tbs_certificate().validity();
        let second = |time: x509_cert::time::Time| time.to_unix_duration().as_secs();
        (second(validity.not_before)..=second(validity.not_after)).contains(&now.seconds())
    }

    /// Whether its key may sign certificates.
    pub(super) fn is_authority(&self) -> bool {
        self.extensions.basic.as_ref().is_some_and(|basic| basic.ca)
            && self.extensions.usage.as_ref().is_some_and(KeyUsage::key_cert_sign)
    }

    /// Whether so many authorities may stand between it and the leaf.
    pub(super) fn allows_below(&self, authorities: usize) -> bool {
        let limit = self.extensions.basic.as_ref().and_then(|basic| basic.path_len_constraint);
        limit.is_none_or(|limit| authorities <= usize::from(limit))
    }

    /// Whether it is an endorsement certificate, and no authority's.
    pub(super) fn is_endorsement(&self) -> bool {
        let extended = self.extensions.extended.as_ref();
        let basic = self.extensions.basic.as_ref();
        extended.is_some_and(|usages| usages.0.contains(&EK_CERTIFICATE))
            && basic.is_none_or(|basic| !basic.ca)
    }

    /// The TPM's manufacturer, from the directory name in the subject alternative name.
    /// None unless there is exactly one.
    pub(super) fn manufacturer(&self) -> Option<Manufacturer> {
        let names = self.extensions.names.iter().flat_map(|names| &names.0);
        let directory = names.filter_map(|name| match name {
            GeneralName::DirectoryName(name) => Some(name),
            _ => None,
        });
        let mut found = directory
            .flat_map(Name::iter)
            .filter(|attribute| attribute.oid == TPM_MANUFACTURER)
            .map(|attribute| &attribute.value);
        let (value, None) = (found.next()?, found.next()) else { return None };
        let text = matches!(value.tag(), Tag::Utf8String | Tag::PrintableString);
        std::str::from_utf8(value.value()).ok().filter(|_| text)?.parse().ok()
    }

    /// Whether it names `issuer` as its issuer.
    pub(super) fn names_issuer(&self, issuer: &Self) -> bool {
        let (ours, theirs) = (self.parsed.tbs_certificate(), issuer.parsed.tbs_certificate());
        match (ours.issuer().to_der(), theirs.subject().to_der()) {
            (Ok(named), Ok(subject)) => named == subject && !theirs.subject().is_empty(),
            _ => false,
        }
    }

    /// Whether the key of `issuer` signed it.
    pub(super) fn is_signed_by(&self, issuer: &Self) -> bool {
        let Some(signature) = self.parsed.signature().as_bytes() else { return false };
        issuer.has_signed(&self.signed, self.parsed.signature_algorithm(), signature)
    }

    /// Whether its key signed `message` by `algorithm`, which must be one of its own kind.
    pub(super) fn has_signed(
        &self,
        message: &[u8],
        algorithm: &AlgorithmIdentifierOwned,
        signature: &[u8],
    ) -> bool {
        let Some(algorithm) = self::algorithm(algorithm, self.key_kind()) else { return false };
        UnparsedPublicKey::new(algorithm, self.key_bits()).verify(message, signature).is_ok()
    }

    /// Whether both hold the same key.
    pub(super) fn has_key_of(&self, other: &Self) -> bool {
        let key = |one: &Self| one.parsed.tbs_certificate().subject_public_key_info().clone();
        key(self) == key(other)
    }

    /// The point of its key, if it is one on P-384.
    pub(super) fn p384_key(&self) -> Option<&[u8]> {
        (self.key_kind()? == (EC, Some(P384))).then(|| self.key_bits())
    }

    /// The value of one of its extensions.
    pub(super) fn extension(&self, id: ObjectIdentifier) -> Option<&[u8]> {
        let all = self.parsed.tbs_certificate().extensions()?;
        all.iter().find(|one| one.extn_id == id).map(|one| one.extn_value.as_bytes())
    }

    /// Its serial number, as it stands in lists of revoked ones.
    pub(super) fn serial(&self) -> &SerialNumber {
        self.parsed.tbs_certificate().serial_number()
    }

    /// Whom it is for.
    pub(super) fn subject(&self) -> &Name {
        self.parsed.tbs_certificate().subject()
    }

    /// When its time is over.
    pub(super) fn ends(&self) -> UnixTime {
        let validity = self.parsed.tbs_certificate().validity();
        UnixTime::from_seconds(validity.not_after.to_unix_duration().as_secs())
    }

    /// The common name of its subject, if it has exactly one.
    pub(super) fn common_name(&self) -> Option<&str> {
        let mut found = self.subject().iter().filter(|attribute| attribute.oid == COMMON_NAME);
        let (attribute, None) = (found.next()?, found.next()) else { return None };
        let text = matches!(attribute.value.tag(), Tag::Utf8String | Tag::PrintableString);
        std::str::from_utf8(attribute.value.value()).ok().filter(|_| text)
    }

    /// The key in its PKCS#1 form, if it is RSA's.
    pub(super) fn rsa_key(&self) -> Option<&[u8]> {
        (self.key_kind()?.0 == RSA).then(|| self.key_bits())
    }

    /// Algorithm and, for elliptic curves, curve of its key.
    fn key_kind(&self) -> Option<(ObjectIdentifier, Option<ObjectIdentifier>)> {
        let algorithm = self.parsed.tbs_certificate().subject_public_key_info().algorithm.clone();
        if algorithm.oid == RSA {
            return without_parameters(&algorithm).then_some((RSA, None));
        }
        let curve = algorithm.parameters?.decode_as().ok()?;
        Some((algorithm.oid, Some(curve)))
    }

    fn key_bits(&self) -> &[u8] {
        let key = &self.parsed.tbs_certificate().subject_public_key_info().subject_public_key;
        key.as_bytes().unwrap_or_default()
    }
}

/// The bytes that the signature of a certificate or of a list of revoked ones is over, as
/// they came.
pub(super) fn signed(der: &[u8]) -> Result<Vec<u8>, NotACertificate> {
    let mut reader = SliceReader::new(der)?;
    let signed = reader.sequence(|reader| {
        let signed = reader.tlv_bytes()?.to_vec();
        AlgorithmIdentifierOwned::decode(reader)?;
        BitString::decode(reader)?;
        Ok::<_, x509_cert::der::Error>(signed)
    })?;
    reader.finish()?;
    Ok(signed)
}

fn extensions(all: &[Extension]) -> Result<Extensions, NotACertificate> {
    let mut found = Extensions::default();
    for (at, extension) in all.iter().enumerate() {
        let id = extension.extn_id;
        let twice = all[..at].iter().any(|earlier| earlier.extn_id == id);
        if twice || (extension.critical && !UNDERSTOOD.contains(&id)) {
            return Err(NotACertificate);
        }
        let value = extension.extn_value.as_bytes();
        match id {
            BASIC_CONSTRAINTS => found.basic = Some(BasicConstraints::from_der(value)?),
            KEY_USAGE => found.usage = Some(KeyUsage::from_der(value)?),
            EXTENDED_KEY_USAGE => found.extended = Some(ExtendedKeyUsage::from_der(value)?),
            SUBJECT_ALT_NAME => found.names = Some(SubjectAltName::from_der(value)?),
            _ => {}
        }
    }
    Ok(found)
}

/// RSA's identifiers carry NULL or nothing.
fn without_parameters(algorithm: &AlgorithmIdentifierOwned) -> bool {
    algorithm.parameters.as_ref().is_none_or(x509_cert::der::Any::is_null)
}

fn is_pss_sha384(algorithm: &AlgorithmIdentifierOwned) -> bool {
    let Some(parameters) = &algorithm.parameters else { return false };
    let trailer = parameters.value().strip_prefix(&PSS_SHA384);
    parameters.tag() == Tag::Sequence
        && trailer.is_some_and(|rest| rest.is_empty() || rest == PSS_TRAILER)
}

/// The check of a signature algorithm under a kind of key: RSA from 2048 bits on, PKCS #1
/// v1.5 with SHA-2 or PSS with SHA-384; and ECDSA with SHA-2.
fn algorithm(
    signature: &AlgorithmIdentifierOwned,
    key: Option<(ObjectIdentifier, Option<ObjectIdentifier>)>,
) -> Option<&'static dyn VerificationAlgorithm> {
    let none = signature.parameters.is_none();
    Some(match (signature.oid, key?) {
        (RSA_SHA256, (RSA, _)) if without_parameters(signature) => {
            &signature::RSA_PKCS1_2048_8192_SHA256
        }
        (RSA_SHA384, (RSA, _)) if without_parameters(signature) => {
            &signature::RSA_PKCS1_2048_8192_SHA384
        }
        (RSA_PSS, (RSA, _)) if is_pss_sha384(signature) => &signature::RSA_PSS_2048_8192_SHA384,
        (RSA_SHA512, (RSA, _)) if without_parameters(signature) => {
            &signature::RSA_PKCS1_2048_8192_SHA512
        }
        (ECDSA_SHA256, (EC, Some(P256))) if none => &signature::ECDSA_P256_SHA256_ASN1,
        (ECDSA_SHA384, (EC, Some(P256))) if none => &signature::ECDSA_P256_SHA384_ASN1,
        (ECDSA_SHA256, (EC, Some(P384))) if none => &signature::ECDSA_P384_SHA256_ASN1,
        (ECDSA_SHA384, (EC, Some(P384))) if none => &signature::ECDSA_P384_SHA384_ASN1,
        _ => return None,
    })
}
