//! The keys that the configuration declares, at start: those that the broker makes are
//! made, and those that an earlier form of the state held are taken over. The vault's. No
//! key that was there is ever made anew.

use autoclave_base::UnixTime;
use autoclave_base::b64;
use autoclave_base::ids::KeyName;
use autoclave_cell::SealedState;
use autoclave_cell::release::KEY_BYTES;
use autoclave_ledger::Label;
use rand::CryptoRng;
use serde::Deserialize;
use zeroize::{Zeroize, Zeroizing};

use super::{Change, KeyRecord, Material, Origin, Terms, Vault, VaultError};

/// A version as the state of the first release had it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Former {
    number: u32,
    made: UnixTime,
    secret: FormerSecret,
}

/// 32 bytes in base64url; erased when dropped.
#[derive(Deserialize)]
#[serde(transparent)]
struct FormerSecret(String);

impl Drop for FormerSecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Vault {
    /// Reads every configured key, so that a damaged one keeps the broker from starting,
    /// and takes over what the state of the first release holds.
    pub async fn take_over(&self, state: &SealedState) -> Result<(), VaultError> {
        for name in self.configured.keys() {
            let Some(tenant) = self.owner_of(name) else { continue };
            let known = tenant.read(name).await?.is_some();
            let Some(bytes) = state.get(&format!("key:{name}")).filter(|_| !known) else {
                continue;
            };
            let purpose = self.configured[name].purpose.clone();
            let record = former(bytes.expose(), purpose);
            let record = record.ok_or_else(|| VaultError::Damaged(name.clone()))?;
            let bytes = record.to_bytes().ok_or_else(|| VaultError::Damaged(name.clone()))?;
            self.kept.put(&tenant.place(name), None, &bytes).await?;
            state.remove(&format!("key:{name}"))?;
        }
        Ok(())
    }

    /// Makes the keys that the configuration says the broker makes, where they are not
    /// there yet.
    pub async fn generate(
        &self,
        by: &Label,
        now: UnixTime,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<(), VaultError> {
        let made: Vec<KeyName> =
            self.configured.values().filter(|it| it.generate).map(|it| it.name.clone()).collect();
        for name in made {
            let Some(tenant) = self.owner_of(&name) else { continue };
            if tenant.read(&name).await?.is_none() {
                let change = Change { now, action: "created", by };
                tenant.set(&name, Material::new_oct(KEY_BYTES, rng), &change).await?;
            }
        }
        Ok(())
    }
}

/// One or two versions, the newer first.
fn former(bytes: &[u8], purpose: Label) -> Option<KeyRecord> {
    let versions: Vec<Former> = serde_json::from_slice(bytes).ok()?;
    let newest = versions.first()?;
    let mut record = KeyRecord::new(Origin::Configured, purpose, None);
    record.begin_at(newest.number.checked_sub(u32::try_from(versions.len()).ok()?)?);
    for version in versions.iter().rev() {
        let secret = Zeroizing::new(b64::decode_array::<KEY_BYTES>(&version.secret.0).ok()?);
        let terms = Terms { exportable: true, enabled: true, ..Terms::default() };
        let id = format!("{:032x}", version.made.seconds());
        record.add(id, Material::oct(secret.to_vec()), terms, version.made)?;
    }
    Some(record)
}
