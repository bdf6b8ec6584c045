//! A made-up processor with made-up authorities above it: everything that AMD's have, under
//! root keys that these tests alone trust.

use autoclave_base::UnixTime;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RsaKeyPair};

use super::super::chain::{Ark, Chain};
use super::super::verify::Guest;
use super::super::*;
use super::der::{self, Says, extension, number, tlv};

/// 2026-11-20, in the middle of everything's time.
pub(in crate::evidence) const NOW: UnixTime = UnixTime::from_seconds(1_795_132_800);
pub(in crate::evidence) const SPAN: [&str; 2] = ["250101000000Z", "310101000000Z"];

/// Evidence that may be changed before it is shown.
#[derive(Clone)]
pub(in crate::evidence) struct Shown {
    pub(in crate::evidence) report: Vec<u8>,
    pub(in crate::evidence) vek: Vec<u8>,
    pub(in crate::evidence) ask: Vec<u8>,
    pub(in crate::evidence) ark: Option<Vec<u8>>,
    pub(in crate::evidence) crls: Vec<Vec<u8>>,
}

impl Shown {
    pub(in crate::evidence) fn verify(&self, roots: &SnpRoots) -> Result<Guest, SnpRefusal> {
        self.verify_at(roots, NOW)
    }

    pub(in crate::evidence) fn verify_at(
        &self,
        roots: &SnpRoots,
        now: UnixTime,
    ) -> Result<Guest, SnpRefusal> {
        let chain = Chain {
            vek: &self.vek,
            ask: Some(&self.ask),
            ark: self.ark.as_deref(),
            crls: self.crls.iter().map(Vec::as_slice).collect(),
        };
        roots.verify(&self.report, &chain, now)
    }

    pub(in crate::evidence) fn refusal(&self, roots: &SnpRoots) -> SnpRefusal {
        self.verify(roots).err().unwrap()
    }
}

/// One chip, and the keys above it.
pub(in crate::evidence) struct Machine {
    pub(in crate::evidence) product: Product,
    pub(in crate::evidence) kind: KeyKind,
    pub(in crate::evidence) ark: RsaKeyPair,
    pub(in crate::evidence) ask: RsaKeyPair,
    pub(in crate::evidence) chip: Vec<u8>,
    pub(in crate::evidence) tcb: [u8; 8],
    key: EcdsaKeyPair,
}

impl Machine {
    pub(in crate::evidence) fn new(product: Product, kind: KeyKind) -> Self {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &SystemRandom::new());
        let tcb = match product {
            Product::Turin => [1, 2, 3, 4, 0, 0, 0, 0x52],
            _ => [4, 1, 0, 0, 0, 0, 0x18, 0xdb],
        };
        Self {
            product,
            kind,
            ark: der::rsa("test_ark"),
            ask: der::rsa("test_ask"),
            chip: vec![0x5a; product.chip_id_bytes()],
            tcb,
            key: EcdsaKeyPair::from_pkcs8(
                &ECDSA_P384_SHA384_FIXED_SIGNING,
                pkcs8.unwrap().as_ref(),
                &SystemRandom::new(),
            )
            .unwrap(),
        }
    }

    pub(in crate::evidence) fn milan() -> Self {
        Self::new(Product::Milan, KeyKind::Vcek)
    }

    /// Trust in the made-up root keys of all products.
    pub(in crate::evidence) fn roots(&self, policy: SnpPolicy) -> SnpRoots {
        let ark = |product: Product| {
            let says = Says { subject: format!("ARK-{product}"), ..self.ark_says() };
            let says = Says { issuer: says.subject.clone(), ..says };
            Ark::read(product, &says.sign(&self.ark)).unwrap()
        };
        SnpRoots::of(Product::ALL.map(ark).into(), policy)
    }

    pub(in crate::evidence) fn ark_says(&self) -> Says {
        let name = format!("ARK-{}", self.product);
        Says {
            serial: 1,
            issuer: name.clone(),
            subject: name,
            from: SPAN[0],
            until: SPAN[1],
            key: der::rsa_key(&self.ark),
            extensions: der::authority(),
        }
    }

    pub(in crate::evidence) fn ask_says(&self) -> Says {
        let middle = if self.kind == KeyKind::Vlek { "VLEK-" } else { "" };
        Says {
            serial: 2,
            subject: format!("SEV-{middle}{}", self.product),
            key: der::rsa_key(&self.ask),
            ..self.ark_says()
        }
    }

    pub(in crate::evidence) fn vek_says(&self) -> Says {
        let common = if self.kind == KeyKind::Vlek { "SEV-VLEK" } else { "SEV-VCEK" };
        Says {
            serial: 0,
            issuer: self.ask_says().subject,
            subject: common.into(),
            key: der::p384_key(self.key.public_key().as_ref()),
            extensions: self.vek_extensions(),
            ..self.ark_says()
        }
    }

    pub(in crate::evidence) fn vek_extensions(&self) -> Vec<u8> {
        let amd =
            |end: &str, value: &[u8]| extension(&format!("1.3.6.1.4.1.3704.1.{end}"), false, value);
        let at = |index: usize| number(self.tcb[index]);
        let parts = match self.product {
            Product::Turin => vec![("3.9", 0), ("3.1", 1), ("3.2", 2), ("3.3", 3), ("3.8", 7)],
            _ => vec![("3.1", 0), ("3.2", 1), ("3.3", 6), ("3.8", 7)],
        };
        let mut all = amd("1", &number(1));
        all.extend(amd("2", &tlv(0x16, self.product.as_str())));
        all.extend(parts.into_iter().flat_map(|(end, index)| amd(end, &at(index))));
        all.extend(match self.kind {
            KeyKind::Vcek => amd("4", &self.chip),
            KeyKind::Vlek => amd("5", &tlv(0x16, "CN=provider.example")),
        });
        all
    }

    /// An unsigned report of a guest of its own.
    pub(in crate::evidence) fn unsigned(&self) -> Vec<u8> {
        let mut bytes = vec![0; REPORT_BYTES];
        let mut put = |at: usize, value: &[u8]| {
            bytes[at..at + value.len()].copy_from_slice(value);
        };
        put(0, &5_u32.to_le_bytes());
        put(8, &0x3_0000_u64.to_le_bytes());
        put(0x34, &1_u32.to_le_bytes());
        put(0x40, &0x25_u64.to_le_bytes());
        put(0x48, &(u32::from(self.kind == KeyKind::Vlek) << 2).to_le_bytes());
        put(0x50, &[7; 64]);
        put(0x90, &[8; 48]);
        put(0x160, &[0xff; 32]);
        put(0x180, &self.tcb);
        put(
            0x188,
            match self.product {
                Product::Milan => &[0x19, 1, 1],
                Product::Genoa => &[0x19, 0x11, 1],
                Product::Turin => &[0x1a, 2, 1],
            },
        );
        if self.kind == KeyKind::Vcek {
            put(0x1a0, &self.chip);
        }
        bytes
    }

    pub(in crate::evidence) fn sign(&self, mut report: Vec<u8>) -> Vec<u8> {
        let signature = self.key.sign(&SystemRandom::new(), &report[..0x2a0]).unwrap();
        let (r, s) = signature.as_ref().split_at(48);
        let little = |number: &[u8]| number.iter().rev().copied().collect::<Vec<u8>>();
        report[0x2a0..0x2d0].copy_from_slice(&little(r));
        report[0x2e8..0x318].copy_from_slice(&little(s));
        report
    }

    /// Evidence that verifies.
    pub(in crate::evidence) fn shown(&self) -> Shown {
        Shown {
            report: self.sign(self.unsigned()),
            vek: self.vek_says().sign(&self.ask),
            ask: self.ask_says().sign(&self.ark),
            ark: Some(self.ark_says().sign(&self.ark)),
            crls: Vec::new(),
        }
    }

    /// The same with `value` at a place of the report, signed.
    pub(in crate::evidence) fn with(&self, at: usize, value: &[u8]) -> Shown {
        let mut report = self.unsigned();
        report[at..at + value.len()].copy_from_slice(value);
        Shown { report: self.sign(report), ..self.shown() }
    }
}
