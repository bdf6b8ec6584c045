use autoclave_cell::Entropy;

use super::*;

const RECORDS: [Action; 4] = [Action::Admit, Action::Diagnose, Action::Read, Action::List];

fn granted(role: Role, action: Action, purpose: Purpose) -> bool {
    let actor = Actor::Staff { id: StaffId::random(&mut Entropy), role };
    let resource = Thing::new(action.resource(), action.name());
    let ask =
        Ask::new(actor.thing(), action.name(), resource).in_context("purpose", purpose.code());
    matches!(load(DEFAULT_RULES).unwrap().decide(&ask), Decision::Granted(_))
}

#[test]
fn a_clerk_admits_diagnoses_and_lists() {
    let may = |action| granted(Role::Clerk, action, Purpose::Treatment);
    assert_eq!(RECORDS.map(may), [true, true, false, true]);
    assert!(!may(Action::ManageStaff));
}

#[test]
fn a_clinician_diagnoses_reads_and_lists() {
    let may = |action| granted(Role::Clinician, action, Purpose::Treatment);
    assert_eq!(RECORDS.map(may), [false, true, true, true]);
    assert!(!may(Action::ManageStaff));
}

#[test]
fn a_site_administrator_makes_accounts_and_reads_nothing() {
    for purpose in Purpose::ALL {
        for action in RECORDS {
            assert!(!granted(Role::SiteAdministrator, action, *purpose));
        }
    }
    assert!(granted(Role::SiteAdministrator, Action::ManageStaff, Purpose::SystemAdministration));
    assert!(!granted(Role::SiteAdministrator, Action::ManageStaff, Purpose::Treatment));
}

#[test]
fn all_other_roles_may_nothing() {
    let known = [Role::Clerk, Role::Clinician, Role::SiteAdministrator];
    for role in Role::ALL.iter().filter(|role| !known.contains(role)) {
        for purpose in Purpose::ALL {
            for action in RECORDS.into_iter().chain([Action::ManageStaff]) {
                assert!(!granted(*role, action, *purpose), "{role} {action:?} {purpose}");
            }
        }
    }
}

#[test]
fn the_purpose_counts() {
    for purpose in [Purpose::Research, Purpose::Payment, Purpose::SystemAdministration] {
        assert!(!granted(Role::Clinician, Action::Read, purpose));
        assert!(!granted(Role::Clerk, Action::Admit, purpose));
    }
}

#[test]
fn rules_that_do_not_fit_the_schema_do_not_load() {
    let rules = r#"@id("x") permit (principal, action, resource) when { principal.name == "a" };"#;
    assert!(load(rules).is_err());
}

/// Whether a rule permits it on a type of resource, to a role or to an application.
fn on_kind(role: &str, action: &str, kind: &str, purpose: Purpose) -> bool {
    let entity = if role == "system" { "Application" } else { "Staff" };
    let principal = Thing::new(entity, "somebody").with("role", role);
    let ask =
        Ask::new(principal, action, Thing::new("Kind", kind)).in_context("purpose", purpose.code());
    matches!(load(DEFAULT_RULES).unwrap().decide(&ask), Decision::Granted(_))
}

const ON_KINDS: [&str; 10] = [
    "read",
    "search",
    "history",
    "create",
    "update",
    "delete",
    "operation",
    "export",
    "import",
    "erase",
];

#[test]
fn a_clinician_reads_and_writes_resources_and_takes_none_out() {
    let may = |action| on_kind("clinician", action, "Observation", Purpose::Treatment);
    let expected = [true, true, true, true, true, false, true, false, false, false];
    assert_eq!(ON_KINDS.map(may), expected);
    let glass = |action| on_kind("clinician", action, "Observation", Purpose::BreakTheGlass);
    let expected = [true, true, true, false, false, false, true, false, false, false];
    assert_eq!(ON_KINDS.map(glass), expected, "who breaks the glass reads only");
}

#[test]
fn each_other_role_has_its_own_corner_and_administrators_none() {
    for action in ON_KINDS {
        for purpose in Purpose::ALL {
            assert!(!on_kind("site_administrator", action, "Patient", *purpose), "{action}");
        }
    }
    assert!(on_kind("clerk", "create", "Patient", Purpose::Treatment));
    assert!(!on_kind("clerk", "create", "Observation", Purpose::Treatment));
    assert!(!on_kind("clerk", "read", "Patient", Purpose::Treatment));
    assert!(on_kind("auditor", "search", "AuditEvent", Purpose::Operations));
    assert!(!on_kind("auditor", "search", "Patient", Purpose::Operations));
    assert!(on_kind("care_line_manager", "search", "CarePlan", Purpose::CareManagement));
    assert!(!on_kind("care_line_manager", "search", "CarePlan", Purpose::Treatment));
    assert!(on_kind("cmio", "erase", "Patient", Purpose::PatientRequest));
    assert!(!on_kind("cmio", "read", "Patient", Purpose::PatientRequest));
    assert!(on_kind("data_scientist", "export", "Record", Purpose::Research));
    assert!(on_kind("database_analyst", "search", "ValueSet", Purpose::Operations));
    assert!(!on_kind("database_analyst", "search", "Patient", Purpose::Operations));
}

#[test]
fn an_application_may_what_its_scopes_leave_of_care() {
    for action in ON_KINDS {
        assert!(on_kind("system", action, "Record", Purpose::Treatment), "{action}");
        assert!(!on_kind("system", action, "Record", Purpose::Research), "{action}");
    }
}

#[test]
fn who_treats_does_not_read_who_read() {
    for role in Role::ALL.iter().filter(|role| **role != Role::Auditor) {
        for purpose in Purpose::ALL {
            let may = on_kind(role.code(), "search", "AuditEvent", *purpose);
            assert!(!may, "{role} {purpose}");
        }
    }
}
