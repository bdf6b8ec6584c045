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
