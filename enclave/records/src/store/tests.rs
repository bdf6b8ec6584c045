//! One suite for both engines, and what each must do by itself.

mod erasing;
mod faults;
mod keeping;
mod scene;
mod searches;
mod versions;

use scene::{postgres, sqlite};

/// Each test once for each engine.
macro_rules! suite {
    ($($module:ident :: $test:ident,)*) => {
        mod on_sqlite {
            use super::*;
            $(#[test] fn $test() { $module::$test(&sqlite()); })*
        }
        mod on_postgres_server {
            use super::*;
            $(#[test]
            #[ignore = "needs PostgreSQL: cargo xtask test replicas"]
            fn $test() {
                $module::$test(&postgres(stringify!($test)));
            })*
        }
    };
}

suite! {
    versions::what_was_put_comes_back_with_id_version_and_time,
    versions::of_two_writers_on_one_version_one_wins,
    versions::older_versions_and_deletions_stay_in_the_history,
    versions::history_goes_on_behind_a_cursor_and_knows_what_was_current,
    versions::a_change_that_fails_leaves_nothing,
    versions::another_tenant_sees_nothing,
    versions::what_is_stored_is_there_after_opening_again,
    versions::changes_of_many_threads_are_all_there,
    versions::a_panic_in_a_change_takes_nothing_else_with_it,
    searches::terms_systems_and_their_combinations,
    searches::spans_and_orders,
    searches::chains_and_what_refers,
    searches::a_page_goes_on_where_the_last_one_ended_while_others_write,
    searches::the_hidden_are_met_nowhere,
    searches::compartments_follow_their_resources,
    searches::an_update_is_found_by_its_new_terms_only,
    searches::every_lead_means_the_same,
    searches::a_change_finds_what_it_has_put_itself,
    erasing::an_erased_patient_is_gone_and_everybody_else_is_not,
    erasing::after_a_crash_in_an_erasing_the_root_is_the_databases,
    keeping::blobs_are_kept_once_for_each_patient_and_in_parts,
    keeping::a_backup_comes_back_without_those_who_were_erased_since,
    keeping::a_drill_opens_everything_and_compares_counts_and_heads,
    keeping::a_backup_that_was_altered_or_cut_off_restores_nothing,
    keeping::neither_database_nor_backup_shows_what_was_planted,
    faults::a_program_with_another_index_makes_it_anew,
    faults::a_body_that_was_altered_or_moved_does_not_open,
}
