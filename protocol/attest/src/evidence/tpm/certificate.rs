//! One X.509 certificate (RFC 5280) of an endorsement chain: read strictly, signature
//! checked over the bytes as they came. An extension that is critical and not understood
//! here refuses the certificate. TLS libraries refuse these certificates altogether,
//! because their subject alternative name is critical and names no host.

use autoclave_base::{Digest, UnixTime};
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use x509_cert::der::asn1::{BitString, ObjectIdentifier};
use x509_cert::der::{Decode as _, Encode as _, Reader as _, SliceReader, Tag, Tagged as _};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName};
use x509_cert::name::Name;
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::Manufacturer;

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
const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");

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
        let Some(algorithm) = algorithm(self.parsed.signature_algorithm(), issuer.key_kind())
        else {
            return false;
        };
        let Some(signature) = self.parsed.signature().as_bytes() else { return false };
        let key = UnparsedPublicKey::new(algorithm, issuer.key_bits());
        key.verify(&self.signed, signature).is_ok()
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

/// The bytes that the signature is over, as they came.
fn signed(der: &[u8]) -> Result<Vec<u8>, NotACertificate> {
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

/// The check of a signature algorithm under a kind of key: PKCS #1 v1.5 from 2048 bits on,
/// and ECDSA, with SHA-2.
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
