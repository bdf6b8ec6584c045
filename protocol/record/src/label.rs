//! Security labels (`meta.security`): how confidential a resource is, and of what sensitive
//! matter. They belong to whoever labelled. Obligations that a label may carry (encrypt, do not
//! redistribute) are counted and otherwise ignored: nothing here can make a receiver obey.

use std::collections::BTreeSet;

use autoclave_fhir::json::Node;

/// HL7's system of confidentiality.
pub const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
/// HL7's system of sensitivities (and of much else).
pub const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

/// Sensitivities of HL7's `_InformationSensitivityPolicy`, each with the one that covers it.
const SENSITIVITIES: &[(&str, &str)] = &[
    ("ADOL", ""),
    ("ALC", "ETH"),
    ("BH", ""),
    ("COGN", "BH"),
    ("DVD", "BH"),
    ("EMOTDIS", "BH"),
    ("ETH", "SUD"),
    ("GDIS", ""),
    ("HIV", ""),
    ("MH", "BH"),
    ("MST", "SDV"),
    ("OPIOIDUD", "ETH"),
    ("PREGNANT", "SEX"),
    ("PRS", ""),
    ("PSY", "BH"),
    ("PSYTHPN", "PSY"),
    ("SCA", "GDIS"),
    ("SDV", ""),
    ("SEX", ""),
    ("SICKLE", "GDIS"),
    ("SPI", ""),
    ("STD", "SEX"),
    ("SUD", "BH"),
    ("SUICIDE", "BH"),
    ("TBOO", ""),
    ("VIO", "SDV"),
    ("VIP", ""),
];

/// How confidential, from the least (HL7 v3 `Confidentiality`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidentiality {
    /// `U`
    Unrestricted,
    /// `L`
    Low,
    /// `M`
    Moderate,
    /// `N`, which is also what a resource without a label is.
    Normal,
    /// `R`
    Restricted,
    /// `V`
    VeryRestricted,
}

impl Confidentiality {
    /// Every level, from the least.
    pub const ALL: [Self; 6] = [
        Self::Unrestricted,
        Self::Low,
        Self::Moderate,
        Self::Normal,
        Self::Restricted,
        Self::VeryRestricted,
    ];

    /// The level of a code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.code() == code)
    }

    /// HL7's code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unrestricted => "U",
            Self::Low => "L",
            Self::Moderate => "M",
            Self::Normal => "N",
            Self::Restricted => "R",
            Self::VeryRestricted => "V",
        }
    }
}

/// The sensitivity with that code, where it is one.
pub fn sensitivity(code: &str) -> Option<&'static str> {
    SENSITIVITIES.iter().find(|(own, _)| *own == code).map(|(own, _)| *own)
}

/// Whether `broad` is `code`, or covers it.
pub fn covers(broad: &str, code: &str) -> bool {
    let mut at = code;
    while !at.is_empty() {
        if at == broad {
            return true;
        }
        at = SENSITIVITIES.iter().find(|(own, _)| *own == at).map_or("", |(_, parent)| *parent);
    }
    false
}

/// What somebody may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clearance {
    /// Up to this.
    pub confidentiality: Confidentiality,
    /// Of these matters, and what they cover; `None`: of all.
    pub sensitivities: Option<BTreeSet<&'static str>>,
}

impl Clearance {
    /// Everything.
    pub const fn full() -> Self {
        Self { confidentiality: Confidentiality::VeryRestricted, sensitivities: None }
    }

    /// What is not labelled, or not above normal; no sensitive matter.
    pub const fn normal() -> Self {
        Self { confidentiality: Confidentiality::Normal, sensitivities: Some(BTreeSet::new()) }
    }

    /// From a list of codes: the greatest confidentiality among them (normal where there is
    /// none), the sensitivities among them, and `*` for everything.
    pub fn from_codes<'a>(codes: impl IntoIterator<Item = &'a str>) -> Self {
        let mut clearance = Self::normal();
        for code in codes {
            if code == "*" {
                return Self::full();
            }
            let level = Confidentiality::from_code(code);
            clearance.confidentiality =
                clearance.confidentiality.max(level.unwrap_or(Confidentiality::Normal));
            if let (Some(code), Some(cleared)) =
                (sensitivity(code), clearance.sensitivities.as_mut())
            {
                cleared.insert(code);
            }
        }
        clearance
    }

    /// Whether it hides nothing.
    pub const fn is_full(&self) -> bool {
        self.sensitivities.is_none()
            && matches!(self.confidentiality, Confidentiality::VeryRestricted)
    }

    /// The labels (system, code) that a resource must not have to be seen.
    pub fn withheld(&self) -> Vec<(&'static str, &'static str)> {
        let levels = Confidentiality::ALL.into_iter().filter(|at| *at > self.confidentiality);
        let matters = SENSITIVITIES.iter().map(|(code, _)| *code).filter(|code| !self.sees(code));
        levels
            .map(|level| (CONFIDENTIALITY, level.code()))
            .chain(matters.map(|code| (ACT_CODE, code)))
            .collect()
    }

    fn sees(&self, code: &str) -> bool {
        self.sensitivities
            .as_ref()
            .is_none_or(|cleared| cleared.iter().any(|broad| covers(broad, code)))
    }
}

/// The labels of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// The greatest level given; `None` where there is none.
    pub confidentiality: Option<Confidentiality>,
    /// Sensitive matters.
    pub sensitivities: Vec<&'static str>,
    /// Labels that are neither: obligations and codes of others.
    pub ignored: usize,
}

impl Labels {
    /// Those in `meta.security`.
    pub fn of(resource: &Node<'_>) -> Self {
        let mut labels = Self { confidentiality: None, sensitivities: Vec::new(), ignored: 0 };
        let found = resource.at(&["meta", "security"]).map_or(&[][..], Node::items);
        for coding in found {
            let (system, code) = (coding.text_of("system"), coding.text_of("code").unwrap_or(""));
            let level = Confidentiality::from_code(code);
            match (system, level, sensitivity(code)) {
                (Some(CONFIDENTIALITY), Some(level), _) => {
                    labels.confidentiality = labels.confidentiality.max(Some(level));
                }
                // A level that nobody knows is the highest.
                (Some(CONFIDENTIALITY), None, _) => {
                    labels.confidentiality = Some(Confidentiality::VeryRestricted);
                }
                (Some(ACT_CODE), _, Some(code)) => labels.sensitivities.push(code),
                _ => labels.ignored += 1,
            }
        }
        labels
    }

    /// The level that counts.
    pub fn level(&self) -> Confidentiality {
        self.confidentiality.unwrap_or(Confidentiality::Normal)
    }

    /// Whether somebody of that clearance may see the resource.
    pub fn within(&self, clearance: &Clearance) -> bool {
        self.level() <= clearance.confidentiality
            && self.sensitivities.iter().all(|code| clearance.sees(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(codes: &[(&str, &str)]) -> Labels {
        let codings: Vec<String> = codes
            .iter()
            .map(|(system, code)| format!(r#"{{"system":"{system}","code":"{code}"}}"#))
            .collect();
        let text = format!(r#"{{"meta":{{"security":[{}]}}}}"#, codings.join(","));
        Labels::of(&Node::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn a_resource_without_a_label_is_normal() {
        assert!(labels(&[]).within(&Clearance::normal()));
        let low = Clearance { confidentiality: Confidentiality::Low, sensitivities: None };
        assert!(!labels(&[]).within(&low));
    }

    #[test]
    fn the_highest_level_and_every_matter_count() {
        let restricted = labels(&[(CONFIDENTIALITY, "N"), (CONFIDENTIALITY, "R")]);
        assert!(!restricted.within(&Clearance::normal()) && restricted.within(&Clearance::full()));
        assert!(!labels(&[(CONFIDENTIALITY, "unheard")]).within(&Clearance::normal()));
        let psychiatric = labels(&[(ACT_CODE, "PSYTHPN")]);
        assert!(!psychiatric.within(&Clearance::normal()));
        let cleared = |code| Clearance {
            confidentiality: Confidentiality::Normal,
            sensitivities: Some(BTreeSet::from([code])),
        };
        assert!(psychiatric.within(&cleared("BH")) && psychiatric.within(&cleared("PSY")));
        assert!(!psychiatric.within(&cleared("HIV")));
    }

    #[test]
    fn obligations_are_counted_and_not_obeyed() {
        let obliged = labels(&[(ACT_CODE, "NODSCLCD"), ("urn:x", "R")]);
        assert!(obliged.within(&Clearance::normal()));
        assert_eq!(obliged.ignored, 2);
    }

    #[test]
    fn what_is_withheld_is_what_is_not_within() {
        for clearance in [Clearance::normal(), Clearance::full()] {
            let withheld = clearance.withheld();
            for code in SENSITIVITIES.iter().map(|(code, _)| *code) {
                let label = (ACT_CODE, code);
                assert_eq!(withheld.contains(&label), !labels(&[label]).within(&clearance));
            }
            for level in Confidentiality::ALL {
                let label = (CONFIDENTIALITY, level.code());
                assert_eq!(withheld.contains(&label), !labels(&[label]).within(&clearance));
            }
        }
    }
}
