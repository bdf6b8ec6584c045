//! An attestor for clients of Azure Attestation to be tried against, at a time at which genuine
//! evidence was valid: genuine code over a clock that stands still. It belongs to the suites.
//! No configuration can name that clock, and nothing here is shipped.
//!
//! `azure_stand FOLDER AT [SIGNERS.pem]` lays out an attestor in FOLDER (emptied), writes `bearer` (an administrator's
//! token) and `url` there, and serves until its standard input ends. With certificates,
//! policies must be signed by one of their keys; without, an administrator may set any.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::Read as _;
use std::path::PathBuf;

use autoclave_attest::evidence::TeeKind;
use autoclave_attest::jwk::Jwk;
use autoclave_attest::jws;
use autoclave_attest::release::{self, Manifest, Release};
use autoclave_base::UnixTime;
use autoclave_base::ids::WorkloadName;
use autoclave_cell::{Clock, Launch, Machine, Network, Platform, measure, start};
use p256::ecdsa::SigningKey;
use serde_json::{Value, json};

type AnyError = Box<dyn Error + Send + Sync>;

/// How long the manifest and an administrator's token last (seconds).
const LIFE_SECONDS: u64 = 3600;

const ISSUER: &str = "https://attestor.example";

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [folder, at, signers @ ..] = arguments.as_slice() else {
        return Err("azure_stand FOLDER AT [SIGNERS.pem]".into());
    };
    let stand = Stand {
        folder: folder.into(),
        at: UnixTime::from_seconds(at.parse()?),
        signers: signers.iter().map(fs::read_to_string).collect::<Result<_, _>>()?,
    };
    stand.lay_out()?;
    stand.serve().await
}

struct Stand {
    folder: PathBuf,
    at: UnixTime,
    signers: Vec<String>,
}

/// Keys of the stand: whoever reads this has them too.
fn key(number: u8) -> Result<SigningKey, AnyError> {
    Ok(SigningKey::from_slice(&[number; 32])?)
}

fn inline(key: &SigningKey) -> Result<String, AnyError> {
    let jwk = serde_json::to_value(Jwk::signing(key.verifying_key()))?;
    let members = jwk.as_object().into_iter().flatten();
    let members: Vec<_> = members.map(|(name, value)| format!("{name} = {value}")).collect();
    Ok(format!("{{ {} }}", members.join(", ")))
}

impl Stand {
    fn place(&self, name: &str) -> String {
        format!("\"{}\"", self.folder.join(name).display())
    }

    fn config(&self) -> Result<String, AnyError> {
        let (root, vendor, administrator) =
            (inline(&key(1)?)?, inline(&key(2)?)?, inline(&key(3)?)?);
        let (unsigned, signers) = (self.signers.is_empty(), &self.signers);
        Ok(format!(
            r#"profile = "development"
[cell]
workload = "attestor"
listen_sealed = "127.0.0.1:0"
data_dir = {data}
[trust]
issuer = "{ISSUER}"
release_keys = [{vendor}]
hardware = [{{ kind = "snp" }}]
[development]
software_root = {root}
[attestor]
manifest = {manifest}
[attestor.azure]
administrators = [{administrator}]
unsigned_policies = {unsigned}
policy_signers = {signers:?}
"#,
            data = self.place("data"),
            manifest = self.place("manifest.jws"),
        ))
    }

    fn lay_out(&self) -> Result<(), AnyError> {
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder)?;
        }
        fs::create_dir_all(self.folder.join("data"))?;
        let own = measure::take(&self.config()?, &BTreeMap::new())?;
        let manifest = Manifest {
            iss: "stand".to_owned(),
            serial: 1,
            iat: self.at,
            exp: self.at.plus(LIFE_SECONDS),
            workloads: vec![Release {
                name: WorkloadName::parse("attestor")?,
                version: "0".to_owned(),
                measurement: own.measurement(),
                executable: Some(own.executable),
                configuration: Some(own.configuration),
                svn: 0,
                kinds: [TeeKind::Software].into(),
            }],
        };
        fs::write(self.folder.join("manifest.jws"), release::sign(&manifest, &key(2)?))?;
        fs::write(self.folder.join("bearer"), self.bearer()?)?;
        Ok(())
    }

    /// An administrator's token, as WIRE.md has it.
    fn bearer(&self) -> Result<String, AnyError> {
        let key = key(3)?;
        let kid = Jwk::signing(key.verifying_key()).thumbprint().to_string();
        let exp = self.at.plus(LIFE_SECONDS);
        let claims: Value =
            json!({"aud": ISSUER, "scope": "azure-policies", "iat": self.at, "exp": exp});
        Ok(jws::sign("autoclave-administrator+jwt", &kid, &claims, &key))
    }

    async fn serve(&self) -> Result<(), AnyError> {
        let launch = Launch {
            config: self.config()?,
            platform: Platform::software(key(1)?),
            clock: Clock::manual(self.at),
            network: Network::system(),
            machine: Machine::system(),
        };
        let mut running = start("attestor", launch, autoclave_attestor::build).await?;
        running.ready().await?;
        let url = format!("http://{}", running.addresses().sealed);
        fs::write(self.folder.join("url"), url)?;
        let until_closed = || std::io::stdin().read_to_end(&mut Vec::new());
        tokio::task::spawn_blocking(until_closed).await??;
        running.drain().await;
        Ok(())
    }
}
