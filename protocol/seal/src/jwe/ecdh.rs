//! `ECDH-ES+A256KW` (RFC 7518, section 4.6) on P-256 and P-521: an ephemeral key for each
//! message, the single-step KDF over SHA-256 with empty party infos. A point that is not on
//! its curve makes no recipient.

use std::fmt;

use autoclave_base::b64;
use p256::NistP256;
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::sec1::{FromSec1Point, ModulusSize, Sec1Point, ToSec1Point};
use p256::elliptic_curve::{
    AffinePoint, CurveArithmetic, CurveGroup as _, FieldBytes, FieldBytesSize, Generate as _,
    NonZeroScalar, ProjectivePoint, PublicKey,
};
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{ECDH_ES_A256KW, Ephemeral, JweRefusal, KEY_BYTES, TeePubKey, keywrap};

/// A curve's name in a JWK.
pub(super) const P256: &str = "P-256";
/// A curve's name in a JWK.
pub(super) const P521: &str = "P-521";
/// The key type's name in a JWK.
const EC: &str = "EC";

/// A public key on curve `C`.
#[derive(Clone)]
pub(super) struct Point<C: CurveArithmetic>(PublicKey<C>);

impl<C: CurveArithmetic> fmt::Debug for Point<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Point")
    }
}

impl<C> Point<C>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>:
        FromSec1Point<C> + ToSec1Point<C> + AffineCoordinates<FieldRepr = FieldBytes<C>>,
{
    /// From the coordinates of a JWK, each of the curve's full length.
    pub(super) fn parse(x: &str, y: &str) -> Result<Self, JweRefusal> {
        let coordinate = |text: &str| {
            let bytes = b64::decode(text).map_err(|_| JweRefusal::Key)?;
            FieldBytes::<C>::try_from(bytes.as_slice()).map_err(|_| JweRefusal::Key)
        };
        let point =
            Sec1Point::<C>::from_affine_coordinates(&coordinate(x)?, &coordinate(y)?, false);
        let key = PublicKey::from_sec1_point(&point).into_option();
        key.map(Self).ok_or(JweRefusal::Key)
    }

    /// Wraps a content key under one that is agreed on with a new ephemeral key.
    pub(super) fn wrap(
        &self,
        key: &[u8; KEY_BYTES],
        crv: &str,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(Vec<u8>, Ephemeral), JweRefusal> {
        let secret = NonZeroScalar::<C>::generate_from_rng(rng);
        let under = agree::<C>(&secret, self.0.as_affine());
        let public = PublicKey::<C>::from_secret_scalar(&secret).as_affine().to_sec1_point(false);
        let (Some(x), Some(y)) = (public.x(), public.y()) else { return Err(JweRefusal::Key) };
        let (x, y) = (b64::encode(x), b64::encode(y));
        let ephemeral = Ephemeral { crv: crv.to_owned(), kty: EC.to_owned(), x, y };
        Ok((keywrap::wrap(&under, key), ephemeral))
    }
}

/// The key that both sides come to.
fn agree<C>(secret: &NonZeroScalar<C>, public: &AffinePoint<C>) -> Zeroizing<[u8; KEY_BYTES]>
where
    C: CurveArithmetic,
    AffinePoint<C>: AffineCoordinates<FieldRepr = FieldBytes<C>>,
{
    let shared = (ProjectivePoint::<C>::from(*public) * secret.as_ref()).to_affine();
    concat_kdf(&Zeroizing::new(shared.x().to_vec()))
}

/// NIST SP 800-56A's KDF as RFC 7518, section 4.6.2, fills it in: one hash gives 256 bits.
fn concat_kdf(shared: &[u8]) -> Zeroizing<[u8; KEY_BYTES]> {
    const ROUND: u32 = 1;
    const BITS: u32 = 256;
    const EMPTY: u32 = 0;
    let length = u32::try_from(ECDH_ES_A256KW.len()).unwrap_or_default();
    let hash = Sha256::new()
        .chain_update(ROUND.to_be_bytes())
        .chain_update(shared)
        .chain_update(length.to_be_bytes())
        .chain_update(ECDH_ES_A256KW)
        .chain_update(EMPTY.to_be_bytes())
        .chain_update(EMPTY.to_be_bytes())
        .chain_update(BITS.to_be_bytes());
    Zeroizing::new(hash.finalize().into())
}

/// A guest's own key: P-256, as most guests have.
pub struct GuestKey(p256::SecretKey);

impl GuestKey {
    /// A new one.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self(p256::SecretKey::generate_from_rng(rng))
    }

    /// The public part, for runtime data.
    pub fn public(&self) -> TeePubKey {
        let point = self.0.public_key().to_sec1_point(false);
        let text = |coordinate: Option<&FieldBytes<NistP256>>| {
            coordinate.map(b64::encode).unwrap_or_default()
        };
        TeePubKey::EC {
            crv: P256.to_owned(),
            alg: ECDH_ES_A256KW.to_owned(),
            x: text(point.x()),
            y: text(point.y()),
        }
    }

    /// The pair as PKCS#8 (PEM), for a workload beside the guest's door that asks for it.
    pub fn to_pem(&self) -> Option<Zeroizing<String>> {
        self.0.to_pkcs8_pem(LineEnding::LF).ok()
    }

    pub(super) fn unwrap(
        &self,
        wrapped: &[u8],
        epk: &Ephemeral,
    ) -> Result<Zeroizing<[u8; KEY_BYTES]>, JweRefusal> {
        if epk.kty != EC || epk.crv != P256 {
            return Err(JweRefusal::Algorithm);
        }
        let public = Point::<NistP256>::parse(&epk.x, &epk.y)?;
        let under = agree::<NistP256>(&self.0.to_nonzero_scalar(), public.0.as_affine());
        keywrap::unwrap(&under, wrapped).ok_or(JweRefusal::Broken)
    }
}
