//! Subscriptions: who is told what, signed, once it is committed.

use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::super::{Outgoing, Sender};
use super::world::{With, World, chief, consent, observation, patient};

/// Keeps what is sent, and answers as it was told to.
#[derive(Default)]
struct Receiver {
    got: Mutex<Vec<Outgoing>>,
    is_down: Mutex<bool>,
}

impl Sender for Receiver {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Option<u16>> {
        let is_down = *self.is_down.lock().unwrap();
        if !is_down {
            self.got.lock().unwrap().push(outgoing);
        }
        Box::pin(std::future::ready(if is_down { None } else { Some(200) }))
    }

    fn sign(&self, _: &[u8]) -> Option<String> {
        Some("jws".into())
    }
}

impl Receiver {
    /// What came since the last look: the kind of each notification, and its text.
    fn took(&self) -> Vec<(String, String)> {
        let each = |outgoing: Outgoing| {
            let json: Value = serde_json::from_slice(&outgoing.body).unwrap_or(Value::Null);
            let told = json["entry"][0]["resource"]["parameter"].as_array().cloned();
            let kind = told.unwrap_or_default().iter().find(|one| one["name"] == "type").cloned();
            let kind = kind
                .map_or_else(String::new, |kind| kind["valueCode"].as_str().unwrap().to_owned());
            (kind, String::from_utf8(outgoing.body).unwrap())
        };
        std::mem::take(&mut *self.got.lock().unwrap()).into_iter().map(each).collect()
    }
}

fn subscription(criteria: &str) -> Value {
    json!({"resourceType": "Subscription", "id": "s", "status": "requested", "reason": "to know",
        "criteria": criteria, "channel": {"type": "rest-hook", "endpoint": "https://hooks.example/a",
            "payload": "application/fhir+json"}})
}

/// A hospital with one subscription, whose rounds are made by hand.
async fn hospital(criteria: &str) -> (World, Arc<Receiver>, Arc<dyn Sender>) {
    let receiver = Arc::new(Receiver::default());
    let sender: Arc<dyn Sender> = receiver.clone();
    let world = World::telling(sender.clone());
    world.put(&patient("a", "Moss")).await;
    world.put(&subscription(criteria)).await;
    (world, receiver, sender)
}

async fn rounds(world: &World, sender: &Arc<dyn Sender>) {
    while world.operations.subscriptions.round(&world.server, sender).await {}
}

#[tokio::test]
async fn a_handshake_comes_first_and_then_what_is_meant() {
    let (world, receiver, sender) = hospital("Observation?code=1-1").await;
    rounds(&world, &sender).await;
    let shaken = receiver.took();
    assert_eq!(shaken.len(), 1);
    assert_eq!(shaken[0].0, "handshake");
    assert_eq!(world.get(&chief(), "Subscription/s").await.json()["status"], "active");
    rounds(&world, &sender).await;
    assert!(receiver.took().is_empty(), "nothing happened");
    world.put(&observation("meant", "a", "1-1")).await;
    world.put(&observation("other", "a", "2-2")).await;
    rounds(&world, &sender).await;
    let told = receiver.took();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "event-notification");
    assert!(
        told[0].1.contains("Observation/meant") && !told[0].1.contains("other"),
        "{}",
        told[0].1
    );
    rounds(&world, &sender).await;
    assert!(receiver.took().is_empty(), "nothing is told twice");
}

#[tokio::test]
async fn notifications_are_signed_with_the_subscribers_secret() {
    let (world, receiver, sender) = hospital("Observation").await;
    rounds(&world, &sender).await;
    let secret =
        world.ask(&chief(), "POST", "Subscription/s/$webhook-secret", With::default()).await;
    let secret = secret.json()["parameter"][0]["valueString"].as_str().unwrap().to_owned();
    let key: Vec<u8> = (0..secret.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&secret[at..at + 2], 16).unwrap())
        .collect();
    let got = receiver.got.lock().unwrap().pop().unwrap();
    let header = |name: &str| got.headers.iter().find(|(own, _)| own == name).unwrap().1.clone();
    let signature = header("x-autoclave-signature");
    let (time, tag) = signature.split_once(",v1=").unwrap();
    let mut signed = format!("{}.", time.strip_prefix("t=").unwrap()).into_bytes();
    signed.extend(&got.body);
    let own = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key), &signed);
    assert_eq!(autoclave_base::HexBytes::of(own).to_string(), tag);
    assert_eq!(header("x-autoclave-jws"), "jws");
    assert!(!got.url.contains("Patient"));
}

#[tokio::test]
async fn who_is_denied_is_not_told() {
    let (world, receiver, sender) = hospital("Observation").await;
    rounds(&world, &sender).await;
    receiver.took();
    world.put(&consent("a", &json!({"type": "deny"}))).await;
    world.put(&observation("unseen", "a", "1-1")).await;
    rounds(&world, &sender).await;
    assert!(receiver.took().is_empty());
}

#[tokio::test]
async fn what_could_not_be_told_is_told_later_and_nothing_is_lost() {
    let (world, receiver, sender) = hospital("Observation").await;
    rounds(&world, &sender).await;
    receiver.took();
    *receiver.is_down.lock().unwrap() = true;
    world.put(&observation("one", "a", "1-1")).await;
    rounds(&world, &sender).await;
    *receiver.is_down.lock().unwrap() = false;
    world.put(&observation("two", "a", "1-1")).await;
    rounds(&world, &sender).await;
    assert!(receiver.took().is_empty(), "it waits after a failure");
    world.later(5_000);
    rounds(&world, &sender).await;
    let told = receiver.took();
    assert_eq!(told.len(), 1);
    assert!(told[0].1.contains("Observation/one") && told[0].1.contains("Observation/two"));
}

#[tokio::test]
async fn a_host_that_is_not_listed_is_never_told() {
    let (world, receiver, sender) = hospital("Observation").await;
    let mut other = subscription("Observation");
    other["channel"]["endpoint"] = json!("https://evil.example/a");
    world.put(&other).await;
    rounds(&world, &sender).await;
    assert!(receiver.took().is_empty());
    assert_eq!(world.get(&chief(), "Subscription/s").await.json()["status"], "error");
}
