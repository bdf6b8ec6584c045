//! What the cache may spare, and what it may never decide.

#[path = "../../../../cell/tests/support/resp.rs"]
mod resp;

use std::sync::Arc;

use autoclave_attest::chain::Link;
use autoclave_base::ids::ImagingStudyId;
use autoclave_base::{Digest, Phi, Secret};
use autoclave_cell::cache::Cache;
use http::StatusCode;

use self::resp::{Liar, Lie};
use crate::auth::session::{IDLE_SECONDS_MAX, SESSION_SECONDS, SessionToken};
use crate::cached::CachedImage;
use crate::fixtures::{Client, Hospital, png};
use crate::http::diagnosis::ask_with_copy;
use crate::image::ImageType;
use crate::store::SessionRow;

const LIES: [Lie; 10] = [
    Lie::Swap,
    Lie::Truncate,
    Lie::Extend,
    Lie::Flip,
    Lie::Empty,
    Lie::Foreign,
    Lie::Replay,
    Lie::Refuse,
    Lie::Nonsense,
    Lie::HangUp,
];

/// A hospital whose clinic has its cache in a server that can be told to lie.
async fn with_liar() -> (Arc<Liar>, Hospital) {
    let liar = Liar::start().await;
    let url = liar.url();
    let cache = move |clock| Cache::in_redis(&url, &Secret::new([9; 32]), clock).unwrap();
    (liar, Hospital::with(cache))
}

fn hits(hospital: &Hospital) -> u64 {
    hospital.clinic.cache.count("hit")
}

fn path(study: &str) -> String {
    format!("/imaging-studies/{study}/diagnosis")
}

async fn works(hospital: &Hospital, client: &Client) -> bool {
    let reply = hospital.get(client, "/patients").await;
    assert!(reply.status == StatusCode::OK || reply.code() == "session.refused");
    reply.status == StatusCode::OK
}

#[tokio::test]
async fn a_session_is_found_without_the_database() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    assert!(works(&hospital, &clerk).await);
    let before = hits(&hospital);
    assert!(works(&hospital, &clerk).await);
    assert_eq!(hits(&hospital), before + 1);
    let thief = Client { key: hospital.hire("eve", "clerk").await.key, ..clerk };
    assert!(!works(&hospital, &thief).await, "a copy is bound to its key as the session is");
}

#[tokio::test]
async fn signing_out_wins_over_a_cache_that_forgets_nothing() {
    let (liar, hospital) = with_liar().await;
    let clerk = hospital.at_work("ada", "clerk").await;
    assert!(works(&hospital, &clerk).await && works(&hospital, &clerk).await);
    assert_eq!(hits(&hospital), 1, "there is a copy");
    liar.tell(Lie::Replay);
    assert!(works(&hospital, &clerk).await);
    let reply = hospital.post(&clerk, "/auth/sign-out").await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT);
    assert!(!works(&hospital, &clerk).await);
    let hospital = hospital.restarted();
    assert!(!works(&hospital, &clerk).await, "nor in the next life");
}

#[tokio::test]
async fn a_session_that_ended_while_it_was_looked_up_leaves_no_copy() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let header = format!("DPoP {}", clerk.session.as_deref().unwrap());
    let token = SessionToken::from_header(&header).unwrap().digest();
    let clinic = &hospital.clinic;
    // One request has read the row; before it keeps its copy, another one signs out.
    let generation = clinic.store.generations().of(&token);
    let row = clinic.store.session(&token).unwrap().unwrap();
    assert!(clinic.store.end_session(&token).unwrap());
    clinic.cache_session(&generation, &row).await;
    assert!(clinic.cached_session(&generation).await.is_some());
    assert!(!works(&hospital, &clerk).await);
}

#[tokio::test]
async fn a_session_that_others_pushed_out_leaves_no_copy() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    assert!(works(&hospital, &clerk).await);
    let header = format!("DPoP {}", clerk.session.as_deref().unwrap());
    let token = SessionToken::from_header(&header).unwrap().digest();
    let (clinic, now) = (&hospital.clinic, hospital.outside.clock.now());
    let SessionRow { staff, role, jkt, .. } = clinic.store.session(&token).unwrap().unwrap();
    for number in 1..=8_u64 {
        let (expires_at, used_at) = (now.plus(SESSION_SECONDS), now.plus(number));
        let row = SessionRow { staff, role, jkt: jkt.clone(), expires_at, used_at };
        let (other, step) = (Digest::of(number.to_be_bytes()), u64::MAX / 2 - 9 + number);
        assert!(clinic.store.begin_session(&other, &row, &[0; 32], step).unwrap());
    }
    assert!(!works(&hospital, &clerk).await);
}

#[tokio::test]
async fn an_unattended_session_ends_whatever_the_cache_replays() {
    let (liar, hospital) = with_liar().await;
    let clerk = hospital.at_work("ada", "clerk").await;
    assert!(works(&hospital, &clerk).await);
    liar.tell(Lie::Replay);
    hospital.outside.clock.advance(IDLE_SECONDS_MAX + 1);
    assert!(!works(&hospital, &clerk).await);
}

#[tokio::test]
async fn a_replayed_copy_does_not_end_a_session_that_is_in_use() {
    let (liar, hospital) = with_liar().await;
    let clerk = hospital.at_work("ada", "clerk").await;
    liar.tell(Lie::Replay);
    for _ in 0..4 {
        assert!(works(&hospital, &clerk).await);
        hospital.outside.clock.advance(IDLE_SECONDS_MAX / 2);
    }
    assert!(works(&hospital, &clerk).await);
}

#[tokio::test]
async fn whoever_asks_again_gets_what_was_filed_whatever_the_cache_says() {
    let (liar, hospital) = with_liar().await;
    let clerk = hospital.at_work("ada", "clerk").await;
    let (study, other) = (hospital.admit(&clerk, "1").await, hospital.admit(&clerk, "2").await);
    let first = hospital.post(&clerk, &path(&study)).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.code());
    assert_eq!(hospital.post(&clerk, &path(&other)).await.status, StatusCode::OK);
    let hospital = hospital.restarted();
    let before = hits(&hospital);
    assert_eq!(hospital.post(&clerk, &path(&study)).await.body, first.body);
    assert_eq!(hits(&hospital), before + 1, "the copy outlived the process");
    for lie in LIES {
        liar.tell(lie);
        let again = hospital.post(&clerk, &path(&study)).await;
        assert_eq!((again.status, again.body), (StatusCode::OK, first.body.clone()), "{lie:?}");
    }
    assert_eq!(hospital.asked(), 2);
}

#[tokio::test]
async fn an_answer_is_found_for_the_filed_report_only() {
    let hospital = Hospital::new();
    let study: ImagingStudyId = "6f2c1e0a-9d43-4b1e-8f6a-0a1b2c3d4e5f".parse().unwrap();
    hospital.clinic.cache_answer(study, "one", b"body").await;
    assert!(hospital.clinic.cached_answer(study, "one").await.is_some());
    assert!(hospital.clinic.cached_answer(study, "two").await.is_none());
    let clerk = hospital.at_work("ada", "clerk").await;
    let reply = hospital.post(&clerk, &path(&study.to_string())).await;
    assert_eq!(reply.code(), "record.not_found", "what is not filed is not there");
}

#[tokio::test]
async fn the_image_goes_from_intake_to_diagnosis_and_is_then_forgotten() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let study = hospital.admit(&clerk, "1").await;
    let id: ImagingStudyId = study.parse().unwrap();
    let copy = hospital.clinic.cached_image(id).await.unwrap();
    assert_eq!((copy.bytes.expose(), copy.content_type), (&png(), ImageType::Png));
    let before = hits(&hospital);
    assert_eq!(hospital.post(&clerk, &path(&study)).await.status, StatusCode::OK);
    assert!(hits(&hospital) > before);
    assert!(hospital.clinic.cached_image(id).await.is_none());
}

#[tokio::test]
async fn no_lie_about_an_image_reaches_diagnosis() {
    let (liar, hospital) = with_liar().await;
    let clerk = hospital.at_work("ada", "clerk").await;
    for (number, lie) in LIES.into_iter().enumerate() {
        liar.tell(Lie::None);
        let study = hospital.admit(&clerk, &number.to_string()).await;
        liar.tell(lie);
        // The receipt would be for another image, and then nothing would be filed.
        let reply = hospital.post(&clerk, &path(&study)).await;
        assert_eq!(reply.status, StatusCode::OK, "{lie:?}: {}", reply.code());
    }
}

#[tokio::test]
async fn diagnosis_is_asked_from_the_records_where_it_does_not_accept_the_cache() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let study: ImagingStudyId = hospital.admit(&clerk, "1").await.parse().unwrap();
    let ids = hospital.clinic.store.admission(study).unwrap().unwrap();
    let links = vec![Link { token: "cache".to_owned(), proof: "its".to_owned() }];
    let copy = CachedImage { content_type: ImageType::Png, bytes: Phi::new(png()), links };
    let (answer, image) = ask_with_copy(&hospital.clinic, ids, copy).await.unwrap();
    assert_eq!((answer.status, image), (StatusCode::OK, Digest::of(png())));
    assert_eq!(hospital.asked(), 2);
}
