//! A deployment's keys and configurations, as its operators would write them. They stand
//! still for all seeds of one laboratory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use autoclave_attest::evidence::{Root, TeeKind};
use autoclave_attest::handshake::{Trust, TrustAnchors};
use autoclave_attest::jwk::Jwk;
use autoclave_attest::release::{self, Manifest, Release};
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, Secret, UnixTime};
use autoclave_cell::{Entropy, measure};
use autoclave_seal::file;
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;

use crate::files;
use crate::party::Party;

/// A model that is quick: bright pixels are lesions.
const MODEL: &[u8] = include_bytes!("../../enclave/diagnosis/tests/fixtures/threshold.onnx");
/// The attestor's name.
const ISSUER: &str = "https://attestor.world";
/// Keys live for 15 minutes, so that runs see them change.
const KEY_LIFE_SECONDS: u64 = 900;
/// The manifest outlives every run.
const MANIFEST_LIFE_SECONDS: u64 = 86_400;

const RULES: &str = r#"
@id("model-to-diagnosis")
permit(principal is Workload, action == Action::"release", resource == Key::"model/brain-mri")
when { principal.workload == "diagnosis" && !principal.debug };
@id("records-to-clinic")
permit(principal is Workload, action == Action::"release", resource == Key::"records/clinic")
when { principal.workload == "clinic" && !principal.debug };
"#;

/// Keys and texts.
pub(crate) struct Deployment {
    /// Stands for the machines' TEE.
    pub(crate) platform: SigningKey,
    /// Signs manifests.
    pub(crate) release: SigningKey,
    /// The hospital's administrator, and for the simulation the provider's too.
    pub(crate) administrator: SigningKey,
    /// The model's key.
    pub(crate) model_key: Secret<[u8; 32]>,
    root: PathBuf,
}

impl Deployment {
    /// Makes keys, folders, the sealed model and the manifest below `root`.
    pub(crate) fn make(root: &Path, now: UnixTime) -> io::Result<Self> {
        let key = || SigningKey::generate_from_rng(&mut Entropy);
        let deployment = Self {
            platform: key(),
            release: key(),
            administrator: key(),
            model_key: Secret::new([7; 32]),
            root: root.to_owned(),
        };
        for party in Party::ALL {
            fs::create_dir_all(files::folder(root, party))?;
        }
        let sealed =
            file::seal_bytes(&mut Entropy, &deployment.model_key, "model:brain-mri", MODEL);
        fs::write(root.join("model.sealed"), sealed.map_err(io::Error::other)?)?;
        deployment.publish(1, now)?;
        Ok(deployment)
    }

    /// Publishes a manifest.
    pub(crate) fn publish(&self, serial: u64, now: UnixTime) -> io::Result<()> {
        let workloads = Party::ENCLAVES.into_iter().map(|party| self.listed(party));
        let manifest = Manifest {
            iss: "the world".to_owned(),
            serial,
            iat: now,
            exp: now.plus(MANIFEST_LIFE_SECONDS),
            workloads: workloads.collect::<io::Result<_>>()?,
        };
        fs::write(self.manifest(), release::sign(&manifest, &self.release))
    }

    /// What clients start from.
    pub(crate) fn trust(&self) -> io::Result<Trust> {
        let root = Root::Software { jwk: Jwk::signing(self.platform.verifying_key()) };
        Trust::try_from(TrustAnchors {
            roots: vec![root],
            release_keys: vec![Jwk::signing(self.release.verifying_key())],
            issuer: ISSUER.to_owned(),
            manifest_serial_min: 0,
        })
        .map_err(io::Error::other)
    }

    fn manifest(&self) -> PathBuf {
        self.root.join("manifest.jws")
    }

    fn listed(&self, party: Party) -> io::Result<Release> {
        let measured = measure::take(&self.config(party), &BTreeMap::new());
        let measured = measured.map_err(io::Error::other)?;
        Ok(Release {
            name: WorkloadName::parse(party.name()).map_err(io::Error::other)?,
            version: "0".to_owned(),
            measurement: measured.measurement(),
            executable: Some(measured.executable),
            configuration: Some(measured.configuration),
            svn: 1,
            kinds: BTreeSet::from([TeeKind::Software]),
        })
    }

    /// A party's configuration.
    pub(crate) fn config(&self, party: Party) -> String {
        if party == Party::Edge {
            return edge();
        }
        format!("profile = \"development\"\n{}{}", self.role(party), self.cell(party))
    }

    fn cell(&self, party: Party) -> String {
        let attestor = match party {
            Party::Attestor => String::new(),
            _ => format!("attestor = \"{}\"", Party::Attestor.url()),
        };
        format!(
            "[cell]\nworkload = \"{party}\"\nlisten_sealed = \"{address}\"\n\
             data_dir = \"{folder}\"\n{attestor}\n\
             [trust]\nissuer = \"{ISSUER}\"\nrelease_keys = [{release}]\n\
             [development]\nsoftware_root = {root}\n",
            party = party.name(),
            address = party.address(),
            folder = files::folder(&self.root, party).display(),
            release = jwk(&self.release),
            root = jwk(&self.platform),
        )
    }

    fn role(&self, party: Party) -> String {
        let office = Jwk::signing(self.administrator.verifying_key()).thumbprint();
        let (broker, diagnosis) = (Party::Broker.url(), Party::Diagnosis.url());
        match party {
            Party::Edge => String::new(),
            Party::Attestor => format!(
                "[attestor]\nmanifest = \"{}\"\nkey_life_seconds = {KEY_LIFE_SECONDS}\n",
                self.manifest().display()
            ),
            Party::Broker => format!(
                "[policy]\nrules = '''{RULES}'''\n\
                 [[keys]]\nname = \"model/brain-mri\"\nowner = \"provider\"\npurpose = \"model\"\n\
                 [[keys]]\nname = \"records/clinic\"\nowner = \"hospital\"\npurpose = \"records\"\n\
                 generate = true\n\
                 [[administrators]]\nname = \"office\"\ninstitution = \"provider\"\n\
                 jkt = \"{office}\"\n"
            ),
            Party::Diagnosis => format!(
                "callers = [[\"clinic\"]]\n[engine]\nkind = \"rten\"\nthreads = 1\n\
                 [broker]\nurl = \"{broker}\"\n\
                 [[models]]\nname = \"brain-mri\"\nversion = \"1\"\nfile = \"{file}\"\n\
                 digest = \"{digest}\"\nkey = \"model/brain-mri\"\npreprocessing = \"brain-mri\"\n",
                file = self.root.join("model.sealed").display(),
                digest = Digest::of(MODEL),
            ),
            Party::Clinic => format!(
                "[broker]\nurl = \"{broker}\"\n[diagnosis]\nurl = \"{diagnosis}\"\n\
                 [staff]\nadministrators = [\"{office}\"]\n"
            ),
        }
    }
}

/// The rate is of all clients together here: they share one address.
fn edge() -> String {
    let listen = Party::Edge.address();
    let mut text = format!("listen = \"{listen}\"\n[parties]\n");
    for party in Party::ENCLAVES {
        text = format!("{text}{} = \"{}\"\n", party.name(), party.url());
    }
    text
}

fn jwk(key: &SigningKey) -> String {
    let jwk = serde_json::json!(Jwk::signing(key.verifying_key()));
    let members = jwk.as_object().into_iter().flatten();
    let members: Vec<_> = members.map(|(name, value)| format!("{name} = {value}")).collect();
    format!("{{ {} }}", members.join(", "))
}
