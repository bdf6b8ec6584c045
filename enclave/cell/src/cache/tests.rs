//! A cache that lies in every way of which we could think, over a real connection.

use std::sync::Arc;

use autoclave_base::UnixTime;

use super::*;

#[path = "../../tests/support/resp.rs"]
mod resp;

use self::resp::{Liar, Lie};

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
const SPACE: Space = Space::new("test");

fn secret(seed: u8) -> Secret<[u8; 32]> {
    Secret::new([seed; 32])
}

fn phi(text: &str) -> Phi<Vec<u8>> {
    Phi::new(text.as_bytes().to_vec())
}

struct Scene {
    liar: Arc<Liar>,
    clock: Clock,
    cache: Cache,
}

impl Scene {
    async fn new() -> Self {
        let (liar, clock) = (Liar::start().await, Clock::manual(NOW));
        let cache = Cache::in_redis(&liar.url(), &secret(1), clock.clone()).unwrap();
        Self { liar, clock, cache }
    }

    async fn get(&self, name: &str) -> Option<String> {
        let value = self.cache.get(SPACE, name.as_bytes()).await?;
        Some(String::from_utf8(value.into_inner()).unwrap())
    }
}

#[tokio::test]
async fn an_honest_cache_gives_back_what_was_put() {
    for cache in [Cache::in_process(&secret(1), Clock::manual(NOW)), Scene::new().await.cache] {
        assert!(cache.get(SPACE, b"a").await.is_none());
        cache.put(SPACE, b"a", phi("one"), 60).await;
        assert_eq!(cache.get(SPACE, b"a").await.unwrap().expose(), b"one");
        assert!(cache.get(Space::new("other"), b"a").await.is_none());
        let (value, links) = cache.fetch(SPACE, b"a").await.unwrap();
        assert_eq!((value.expose().as_slice(), links.len()), (b"one".as_slice(), 0));
        cache.put(SPACE, b"a", phi("two"), 60).await;
        assert_eq!(cache.get(SPACE, b"a").await.unwrap().expose(), b"two");
        cache.remove(SPACE, b"a").await;
        assert!(cache.get(SPACE, b"a").await.is_none());
        assert_eq!((cache.count("hit"), cache.count("miss"), cache.count("away")), (3, 3, 0));
    }
}

#[tokio::test]
async fn a_lying_cache_is_a_miss() {
    let scene = Scene::new().await;
    scene.cache.put(SPACE, b"a", phi("one"), 60).await;
    scene.cache.put(SPACE, b"b", phi("two"), 60).await;
    for lie in [Lie::Swap, Lie::Truncate, Lie::Extend, Lie::Flip, Lie::Empty, Lie::Foreign] {
        scene.liar.tell(lie);
        assert_eq!(scene.get("a").await, None, "{lie:?}");
    }
    assert_eq!(scene.cache.count("altered"), 6);
    scene.liar.tell(Lie::None);
    assert_eq!(scene.get("a").await.as_deref(), Some("one"));
}

#[tokio::test]
async fn a_value_does_not_outlive_its_time() {
    let scene = Scene::new().await;
    scene.cache.put(SPACE, b"a", phi("one"), 60).await;
    scene.clock.advance(59);
    assert_eq!(scene.get("a").await.as_deref(), Some("one"));
    scene.clock.advance(1);
    assert_eq!(scene.get("a").await, None);
    assert_eq!(scene.cache.count("over"), 1);
}

#[tokio::test]
async fn a_cache_under_another_key_finds_nothing() {
    let scene = Scene::new().await;
    scene.cache.put(SPACE, b"a", phi("one"), 60).await;
    let other = Cache::in_redis(&scene.liar.url(), &secret(2), scene.clock.clone()).unwrap();
    assert!(other.get(SPACE, b"a").await.is_none());
    scene.liar.tell(Lie::Swap);
    assert!(other.get(SPACE, b"a").await.is_none());
    assert_eq!(other.count("altered"), 1, "it was given a stranger's value");
}

#[tokio::test]
async fn nothing_in_clear_leaves() {
    let scene = Scene::new().await;
    scene.cache.put(SPACE, b"name-of-okafor", phi("value-of-okafor"), 60).await;
    scene.get("name-of-okafor").await.unwrap();
    scene.cache.remove(SPACE, b"name-of-okafor").await;
    let heard = scene.liar.heard();
    assert_eq!(scene.liar.asked(), 3);
    let heard = String::from_utf8_lossy(&heard).into_owned();
    assert!(heard.contains("autoclave:") && !heard.contains("okafor"), "{heard}");
}

#[tokio::test]
async fn words_that_are_no_answer_are_a_miss_and_then_it_is_left_alone() {
    for lie in [Lie::Refuse, Lie::Nonsense, Lie::Huge, Lie::HangUp] {
        let scene = Scene::new().await;
        scene.cache.put(SPACE, b"a", phi("one"), 60).await;
        scene.liar.tell(lie);
        assert_eq!(scene.get("a").await, None, "{lie:?}");
        let asked = scene.liar.asked();
        for _ in 0..10 {
            assert_eq!(scene.get("a").await, None);
        }
        assert_eq!(scene.liar.asked(), asked, "{lie:?}");
        assert_eq!(scene.cache.count("away"), 11);
    }
}

#[tokio::test]
async fn a_silent_cache_is_given_up() {
    let mut scene = Scene::new().await;
    scene.cache.patience = Duration::from_millis(20);
    scene.cache.put(SPACE, b"a", phi("one"), 60).await;
    scene.liar.tell(Lie::Silent);
    assert_eq!(scene.get("a").await, None);
    let asked = scene.liar.asked();
    assert_eq!(scene.get("a").await, None);
    assert_eq!((scene.liar.asked(), scene.cache.count("away")), (asked, 2));
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_made_anew() {
    let scene = Scene::new().await;
    scene.cache.put(SPACE, b"a", phi("one"), 60).await;
    scene.liar.close_connections();
    assert_eq!(scene.get("a").await.as_deref(), Some("one"));
    assert_eq!(scene.cache.count("away"), 0);
}

#[tokio::test]
async fn what_is_too_large_or_has_no_time_is_not_kept() {
    let scene = Scene::new().await;
    scene.cache.put(SPACE, b"a", Phi::new(vec![1; VALUE_BYTES_MAX + 1]), 60).await;
    scene.cache.put(SPACE, b"b", phi("one"), 0).await;
    assert_eq!(scene.liar.asked(), 0);
    scene.cache.put(SPACE, b"c", Phi::new(vec![1; VALUE_BYTES_MAX]), u64::MAX).await;
    assert_eq!(scene.get("c").await.unwrap().len(), VALUE_BYTES_MAX);
}
