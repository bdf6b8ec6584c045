//! Two services on one `PostgreSQL`: run by the suite `replicas`.

use super::scene::{ACME, Scene, evidence, guest, opened};
use crate::keep::database::{Way, database};

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test replicas"]
async fn postgres_a_nonce_that_was_used_at_one_replica_is_refused_at_the_other() {
    let settings = database("kbs_nonces").await;
    let (one, other) = (Scene::replica(&settings).await, Scene::replica(&settings).await);
    let own = guest();
    let (nonce, cookie) = one.auth().await;
    let body = evidence(&nonce, &own.public());
    let attested = other.attest(&cookie, &body).await;
    assert_eq!(attested.status, 200, "begun at one, finished at the other");
    for scene in [&one, &other] {
        let again = scene.attest(&cookie, &body).await;
        assert_eq!((again.status, again.code()), (401, "kbs.nonce_used"));
    }
    one.set("acme/model/1", ACME, "a secret").await;
    for scene in [&one, &other] {
        let answer = scene.get(&attested.cookie(), "acme/model/1").await;
        assert_eq!(opened(&own, &answer), "a secret");
        assert_eq!(scene.last_line()["event"], "resource_release", "each has its own ledger");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test replicas"]
async fn postgres_replicas_never_give_one_number_to_two_contents() {
    let settings = database("kbs_versions").await;
    let (one, other) = (Scene::replica(&settings).await, Scene::replica(&settings).await);
    let mut versions = Vec::new();
    for _ in 0..4 {
        let both = tokio::join!(
            one.set("acme/model/1", ACME, "from one"),
            other.set("acme/model/1", ACME, "from the other"),
        );
        for answer in [both.0, both.1] {
            assert_eq!(answer.status, 200, "{answer:?}");
            versions.push(answer.body["version"].as_u64().unwrap());
        }
    }
    versions.sort_unstable();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7, 8]);
    let path = "/kbs/v0/resource/acme/model/1";
    assert_eq!(one.proved(("DELETE", path), ACME, "").await.status, 200);
    let (cookie, _) = other.attested(&guest()).await;
    assert_eq!(other.get(&cookie, "acme/model/1").await.code(), "kbs.refused");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test replicas"]
async fn postgres_that_is_gone_stops_releases_and_begins_them_again() {
    let settings = database("kbs_gone").await;
    let way = Way::new(&settings).await;
    let scene = Scene::replica(&way.settings(&settings)).await;
    scene.set("acme/model/1", ACME, "a secret").await;
    let own = guest();
    let (cookie, _) = scene.attested(&own).await;
    way.cut();
    let (nonce, session) = scene.auth().await;
    let body = evidence(&nonce, &own.public());
    assert_eq!(scene.attest(&session, &body).await.code(), "kbs.not_kept");
    assert_eq!(scene.get(&cookie, "acme/model/1").await.code(), "kbs.not_kept");
    way.mend();
    assert_eq!(opened(&own, &scene.get(&cookie, "acme/model/1").await), "a secret");
    assert_eq!(scene.attest(&session, &body).await.status, 200, "its nonce was not spent");
}
