//! All evidence of which we could think, each with what is to be said about it. Tests and
//! the committed vectors are made of the same list.

use rcgen::{BasicConstraints, CustomExtension, IsCa, KeyUsagePurpose, date_time_ymd};
use serde_json::{Value, json};

use super::super::ak;
use super::super::*;
use super::captured::{Captured, data};
use super::machine::{
    ATTRIBUTES, Authority, Machine, Quote, log, manufacturer, of_type, public, software_by_a_vendor,
};
use crate::evidence::{Claims, Endorsements, EvidenceRefusal, Verifier as _};
use crate::fixtures::{NOW, key};

/// One piece of evidence under one root.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) root: TpmRoot,
    pub(super) evidence: String,
    pub(super) report_data: ReportData,
    /// The code of its refusal, or whether hardware stands behind it.
    pub(super) expected: Result<bool, &'static str>,
}

impl Case {
    pub(super) fn judge(&self) -> Result<Claims, EvidenceRefusal> {
        let evidence = Evidence { kind: TeeKind::Tpm, body: self.evidence.clone() };
        let verifier = TpmVerifier::new(&self.root).unwrap();
        verifier
            .verify(&evidence, &self.report_data, &Endorsements::new(), NOW)
            .map(|verified| verified.claims().clone())
    }
}

fn text(body: &Body) -> String {
    body.clone().into_evidence().body
}

fn refused(name: &'static str, code: &'static str, root: &TpmRoot, body: &Body) -> Case {
    Case {
        name,
        root: root.clone(),
        evidence: text(body),
        report_data: data(),
        expected: Err(code),
    }
}

fn accepted(name: &'static str, hardware: bool, root: &TpmRoot, body: &Body) -> Case {
    Case { expected: Ok(hardware), ..refused(name, "", root, body) }
}

/// All of them.
pub(super) fn all() -> Vec<Case> {
    [good(), forms(), quotes(), registers_and_logs(), keys(), endorsements(), chains()]
        .into_iter()
        .flatten()
        .collect()
}

fn good() -> Vec<Case> {
    let (captured, machine) = (Captured::read(), Machine::genuine());
    let firmware = FirmwarePcr { pcr: 0, values: [captured.pcrs[0]].into() };
    let production = TpmRoot { development: false, firmware: vec![firmware], ..captured.root() };
    let development = TpmRoot { development: true, ..machine.root.clone() };
    let other = FirmwarePcr { pcr: 0, values: [Digest::of("other firmware")].into() };
    let strange = TpmRoot { firmware: vec![other], ..machine.root.clone() };
    vec![
        accepted("a software TPM", false, &captured.root(), &captured.body()),
        accepted("a TPM of hardware", true, &machine.root, &machine.body(&data())),
        accepted("a software TPM under a production root", false, &production, &captured.body()),
        accepted("hardware under a development root", false, &development, &machine.body(&data())),
        refused("unknown firmware", "evidence.tpm_firmware", &strange, &machine.body(&data())),
    ]
}

fn forms() -> Vec<Case> {
    let captured = Captured::read();
    let form = |name, change: &dyn Fn(&mut Value)| {
        let mut body = serde_json::to_value(captured.body()).unwrap();
        change(&mut body);
        let evidence = body.to_string();
        Case { evidence, ..refused(name, "evidence.malformed", &captured.root(), &captured.body()) }
    };
    let mut other = data();
    other[0] ^= 1;
    let mut longer = data();
    longer[63] = 1;
    let nonce = |name, report_data| Case {
        report_data,
        ..refused(name, "evidence.report_data", &captured.root(), &captured.body())
    };
    vec![
        nonce("another nonce", other),
        nonce("report data longer than the nonce", longer),
        form("a member too many", &|body| body["more"] = json!(1)),
        form("a member missing", &|body| drop(body.as_object_mut().unwrap().remove("log"))),
        form("fifteen registers", &|body| drop(body["pcrs"].as_array_mut().unwrap().pop())),
        form("a register in capitals", &|body| body["pcrs"][0] = json!("A".repeat(64))),
        form("padded base64", &|body| body["quote"] = json!("AA==")),
        form("an event of another register", &|body| body["log"][0]["pcr"] = json!(9)),
        form("an unknown event", &|body| body["log"][0]["event"] = json!("other")),
    ]
}

fn quotes() -> Vec<Case> {
    let (captured, machine) = (Captured::read(), Machine::genuine());
    let real = |name, code, body: &Body| refused(name, code, &captured.root(), body);
    let made = |name, code, change: &dyn Fn(&mut Quote)| {
        let nonce = qualifying_data(&data()).to_vec();
        let mut quote = Quote { nonce, ..Quote::of(&machine.registers) };
        change(&mut quote);
        refused(name, code, &machine.root, &machine.quoting(&quote))
    };
    let signed = |name, change: &dyn Fn(&mut Vec<u8>)| {
        let mut quote = machine.body(&data()).quote;
        change(&mut quote);
        refused(name, "evidence.tpm_quote", &machine.root, &machine.signing(quote))
    };
    let mut flipped = captured.body();
    flipped.quote[60] ^= 1;
    let mut short = captured.body();
    short.quote.pop();
    let mut rsa = captured.body();
    rsa.signature[1] = 0x14;
    let mut long = captured.body();
    long.signature.push(0);
    let other_key = Machine { ak: key(8), ..Machine::genuine() }.body(&data()).signature;
    vec![
        real("a changed quote", "evidence.signature", &flipped),
        real("a shortened quote", "evidence.signature", &short),
        real("a signature of another algorithm", "evidence.signature", &rsa),
        real("a longer signature", "evidence.signature", &long),
        real(
            "another key's signature",
            "evidence.signature",
            &Body { signature: other_key, ..captured.body() },
        ),
        real(
            "the time instead of a quote",
            "evidence.tpm_quote",
            &captured.attesting(&captured.time),
        ),
        real(
            "fewer registers",
            "evidence.tpm_selection",
            &captured.attesting(&captured.fewer_registers),
        ),
        made("no TPM's value", "evidence.tpm_quote", &|quote| quote.magic = 0xff54_4348),
        made("another type", "evidence.tpm_quote", &|quote| quote.kind = 0x8014),
        made("another bank", "evidence.tpm_selection", &|quote| quote.bank = 0x0c),
        made("a register more", "evidence.tpm_selection", &|quote| quote.selection[2] = 1),
        made("a register less", "evidence.tpm_selection", &|quote| quote.selection[0] = 0xfe),
        made("no registers", "evidence.tpm_selection", &|quote| quote.selection.clear()),
        made("a longer nonce", "evidence.report_data", &|quote| quote.nonce.push(0)),
        made("no nonce", "evidence.report_data", &|quote| quote.nonce.clear()),
        made("another digest", "evidence.tpm_pcrs", &|quote| quote.digest[0] ^= 1),
        made("a shorter digest", "evidence.tpm_pcrs", &|quote| quote.digest.truncate(31)),
        signed("a byte too many", &|quote| quote.push(0)),
        signed("a byte too few", &|quote| quote.truncate(quote.len() - 1)),
        signed("two selections", &|quote| quote[104] = 2),
        signed("a length beyond the end", &|quote| quote[7] = 0xff),
    ]
}

fn registers_and_logs() -> Vec<Case> {
    let captured = Captured::read();
    let register = |name, at: usize| {
        let mut body = captured.body();
        body.pcrs[at] = Digest::of("other");
        refused(name, "evidence.tpm_pcrs", &captured.root(), &body)
    };
    let logged = |name, change: &dyn Fn(&mut Vec<Event>)| {
        let mut body = captured.body();
        change(&mut body.log);
        refused(name, "evidence.tpm_log", &captured.root(), &body)
    };
    // The registers follow the log here: only its form can be refused.
    let formed = |name, change: &dyn Fn(&mut Vec<Event>)| {
        let (machine, mut log) = (Machine::genuine(), log());
        change(&mut log);
        let root = machine.root.clone();
        refused(name, "evidence.tpm_log", &root, &machine.logging(log, &data()))
    };
    let mut extended = Machine::genuine();
    extended.registers[12] = Digest::of("nobody said so");
    let library = || Event::library("onnxruntime", Digest::of("another"));
    vec![
        register("another firmware register", 0),
        register("another register of the launcher", 8),
        register("a touched register", 15),
        refused(
            "a register without events",
            "evidence.tpm_log",
            &extended.root,
            &extended.body(&data()),
        ),
        logged("an event removed", &|log| drop(log.remove(3))),
        logged("the last event removed", &|log| drop(log.pop())),
        logged("events reordered", &|log| log.swap(0, 1)),
        logged("registers' order changed", &|log| log.swap(1, 2)),
        logged("an event added", &|log| log.insert(4, library())),
        logged("an executable changed", &|log| log[1] = Event::executable(Digest::of("other"))),
        logged("debug hidden or shown", &|log| {
            log[0] = Event::launch(Digest::of("launcher"), 1, true);
        }),
        logged("no events", &Vec::clear),
        formed("two launches", &|log| log.insert(0, log[0].clone())),
        formed("two executables", &|log| log.insert(1, log[1].clone())),
        formed("two configurations", &|log| log.insert(2, log[2].clone())),
        formed("a library twice", &|log| log.insert(4, library())),
        formed("a workload twice", &|log| log.push(log[4].clone())),
        formed("a library after the workload", &|log| log.swap(3, 4)),
        formed("no configuration", &|log| drop(log.remove(2))),
        formed("too many libraries", &|log| {
            let more = (0..17).map(|at| Event::library(&at.to_string(), Digest::of("x")));
            log.splice(3..4, more);
        }),
    ]
}

fn keys() -> Vec<Case> {
    let (captured, machine) = (Captured::read(), Machine::genuine());
    let real = |name, code, body: Body| refused(name, code, &captured.root(), &body);
    let certified = |name, code, change: &dyn Fn(&mut AkCertificate)| {
        let mut certificate = captured.certificate();
        change(&mut certificate);
        real(name, code, Body { ak: certificate.sign(&key(6)), ..captured.body() })
    };
    let attributes = |name, attributes| {
        let machine = Machine { attributes, ..Machine::genuine() };
        refused(name, "evidence.tpm_ak_key", &machine.root, &machine.body(&data()))
    };
    let loose = b64::decode(captured.unrestricted.ak_public.as_ref().unwrap()).unwrap();
    let loose = AkCertificate { ak: loose, ..captured.certificate() };
    let stranger = captured.certificate().sign(&key(9));
    let kid = crate::fixtures::jwk(&key(6)).thumbprint().to_string();
    let forged = crate::jws::sign(ak::TYP, &kid, &captured.certificate(), &key(9));
    let other = of_type("autoclave-release+jwt", &captured.certificate(), &key(6));
    let unrestricted =
        Body { ak: loose.sign(&key(6)), ..captured.attesting(&captured.unrestricted) };
    let not_utf8 = Body { ak: "no certificate".to_owned(), ..captured.body() };
    vec![
        real("a key that signs anything", "evidence.tpm_ak_key", unrestricted),
        real(
            "a certificate by a stranger",
            "evidence.root_unknown",
            Body { ak: stranger, ..captured.body() },
        ),
        real(
            "a certificate by a stranger under our name",
            "evidence.tpm_ak",
            Body { ak: forged, ..captured.body() },
        ),
        real(
            "a signed object of another type",
            "evidence.tpm_ak",
            Body { ak: other, ..captured.body() },
        ),
        real("no certificate", "evidence.tpm_ak", not_utf8),
        certified("the endorsement key as attestation key", "evidence.tpm_ak_key", &|one| {
            one.ak.clone_from(&captured.ek_public);
        }),
        certified("a shortened key", "evidence.tpm_ak_key", &|one| one.ak.truncate(87)),
        certified("a longer key", "evidence.tpm_ak_key", &|one| one.ak.push(0)),
        certified("another key of the same TPM", "evidence.signature", &|one| {
            one.ak = public(&key(8), ATTRIBUTES);
        }),
        certified("a certificate for another TPM", "evidence.tpm_ak", &|one| {
            one.ek = Digest::of(&captured.ek_certificate_ecc);
        }),
        certified("a certificate that ended", "evidence.tpm_ak_validity", &|one| one.exp = NOW),
        certified("a certificate of the future", "evidence.tpm_ak_validity", &|one| {
            one.iat = NOW.plus(31);
        }),
        attributes("a key that is not restricted", ATTRIBUTES & !(1 << 16)),
        attributes("a key that decrypts", ATTRIBUTES | 1 << 17),
        attributes("a key that does not sign", ATTRIBUTES & !(1 << 18)),
        attributes("a key that may leave its TPM", ATTRIBUTES & !(1 << 1)),
        attributes("a key that may leave its parent", ATTRIBUTES & !(1 << 4)),
        attributes("a key that was made elsewhere", ATTRIBUTES & !(1 << 5)),
        attributes("a key that signs certificates", ATTRIBUTES | 1 << 19),
        attributes("a reserved attribute", ATTRIBUTES | 1 << 31),
        refused("another TPM's endorsement", "evidence.tpm_ak", &machine.root, &{
            let other = Machine::other();
            Body { ak: other.body(&data()).ak, ..machine.body(&data()) }
        }),
    ]
}

/// Leaves that are not to be believed, from a vendor that is.
fn endorsements() -> Vec<Case> {
    let vendor = Authority::root("vendor", &rcgen::PKCS_ECDSA_P256_SHA256);
    let leaf = |name, code, change: &dyn Fn(&mut rcgen::CertificateParams)| {
        let machine = Machine::with_chain(vec![vendor.endorse(change)], vendor.der.clone());
        refused(name, code, &machine.root, &machine.body(&data()))
    };
    let unknown = || {
        let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        extension.set_criticality(true);
        extension
    };
    let ek = "evidence.tpm_ek";
    let machine = Machine::with_chain(vec![vendor.endorse(|_| ())], vendor.der.clone());
    let swtpm = software_by_a_vendor();
    vec![
        accepted("a leaf below the root itself", true, &machine.root, &machine.body(&data())),
        accepted("a software TPM by a vendor", false, &swtpm.root, &swtpm.body(&data())),
        leaf("a leaf for another use", ek, &|leaf| leaf.extended_key_usages.clear()),
        leaf("a leaf that is an authority", ek, &|leaf| {
            leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }),
        leaf("a leaf without a manufacturer", ek, &|leaf| leaf.custom_extensions.clear()),
        leaf("a leaf of two manufacturers", ek, &|leaf| {
            leaf.custom_extensions = vec![manufacturer(&["id:494E5443", "id:414D4400"])];
        }),
        leaf("a manufacturer that is none", ek, &|leaf| {
            leaf.custom_extensions = vec![manufacturer(&["Intel"])];
        }),
        leaf("an unknown critical extension", ek, &|leaf| leaf.custom_extensions.push(unknown())),
        leaf("a leaf that ended", "evidence.tpm_ek_validity", &|leaf| {
            leaf.not_after = date_time_ymd(2026, 1, 1);
        }),
        leaf("a leaf of the future", "evidence.tpm_ek_validity", &|leaf| {
            leaf.not_before = date_time_ymd(2028, 1, 1);
        }),
    ]
}

fn chains() -> Vec<Case> {
    let algorithm = &rcgen::PKCS_ECDSA_P384_SHA384;
    let ek = "evidence.tpm_ek";
    let root = Authority::root("root", algorithm);
    let below = |change: &dyn Fn(&mut rcgen::CertificateParams)| {
        let issuer = root.intermediate("issuer", algorithm, change);
        Machine::with_chain(vec![issuer.endorse(|_| ()), issuer.der], root.der.clone())
    };
    let bad = |name, code, change: &dyn Fn(&mut rcgen::CertificateParams)| {
        let machine = below(change);
        refused(name, code, &machine.root, &machine.body(&data()))
    };
    let chained = |name, code, change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut machine = below(&|_| ());
        change(&mut machine.chain);
        refused(name, code, &machine.root, &machine.body(&data()))
    };
    let limited = root.intermediate("limited", algorithm, |one| {
        one.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    });
    let lower = limited.intermediate("lower", algorithm, |_| ());
    let deep = vec![lower.endorse(|_| ()), lower.der.clone(), limited.der];
    let deep = Machine::with_chain(deep, root.der.clone());
    let impostor = Authority::root("issuer", algorithm).endorse(|_| ());
    let namesake = Authority::root("root", algorithm);
    let namesake = Machine {
        root: TpmRoot { ek_roots: vec![namesake.der.clone()], ..below(&|_| ()).root },
        ..below(&|_| ())
    };
    let several = TpmRoot {
        ek_roots: vec![namesake.root.ek_roots[0].clone(), root.der.clone()],
        ..namesake.root.clone()
    };
    let stranger = Machine { root: Machine::genuine().root, ..below(&|_| ()) };
    vec![
        accepted("the right one of two roots of one name", true, &several, &namesake.body(&data())),
        refused("a root of the same name", ek, &namesake.root, &namesake.body(&data())),
        refused(
            "an unknown root",
            "evidence.root_unknown",
            &stranger.root,
            &stranger.body(&data()),
        ),
        refused("more authorities than allowed", ek, &deep.root, &deep.body(&data())),
        chained("no chain", ek, &Vec::clear),
        chained("an intermediate missing", "evidence.root_unknown", &|chain| drop(chain.pop())),
        chained("a chain in the wrong order", "evidence.root_unknown", &|chain| chain.swap(0, 1)),
        chained("a leaf of an impostor", ek, &|chain| chain[0].clone_from(&impostor)),
        chained("a shortened certificate", ek, &|chain| chain[0].truncate(200)),
        chained("a byte after a certificate", ek, &|chain| chain[1].push(0)),
        chained("a long chain", ek, &|chain| chain.extend(vec![chain[1].clone(); 3])),
        bad("an intermediate that is no authority", ek, &|one| one.is_ca = IsCa::ExplicitNoCa),
        bad("an intermediate that may not sign", ek, &|one| {
            one.key_usages = vec![KeyUsagePurpose::CrlSign];
        }),
        bad("an intermediate that ended", "evidence.tpm_ek_validity", &|one| {
            one.not_after = date_time_ymd(2025, 1, 1);
        }),
        bad("an intermediate of the future", "evidence.tpm_ek_validity", &|one| {
            one.not_before = date_time_ymd(2030, 1, 1);
        }),
    ]
}
