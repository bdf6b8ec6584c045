//! Export and import in bulk, also cut off in the middle.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::world::{Answer, With, World, chief, clinician, consent, observation, patient};
use crate::server::Caller;

const ASYNC: &[(&str, &str)] = &[("prefer", "respond-async")];

async fn start(world: &World, caller: &Caller, path: &str) -> Answer {
    world.ask(caller, "GET", path, With { headers: ASYNC, ..With::default() }).await
}

/// Waits for a job; its manifest or report.
async fn done(world: &World, caller: &Caller, job: &str) -> Value {
    for _ in 0..2_000 {
        let answer = world.get(caller, job).await;
        match answer.status {
            202 => tokio::time::sleep(Duration::from_millis(5)).await,
            200 => return answer.json(),
            other => panic!("{other}: {}", answer.text),
        }
    }
    panic!("the job does not end");
}

/// Every line of every file of an export.
async fn lines(world: &World, caller: &Caller, manifest: &Value) -> Vec<Value> {
    let mut lines = Vec::new();
    for file in manifest["output"].as_array().unwrap() {
        let url = file["url"].as_str().unwrap();
        let path = url.strip_prefix(super::world::BASE).unwrap();
        let answer = world.get(caller, path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("content-type"), "application/fhir+ndjson");
        for line in answer.text.lines() {
            let resource: Value = serde_json::from_str(line).unwrap();
            assert_eq!(resource["resourceType"], file["type"]);
            lines.push(resource);
        }
    }
    lines
}

fn ids(lines: &[Value]) -> Vec<String> {
    let mut ids: Vec<String> = lines
        .iter()
        .map(|one| {
            format!("{}/{}", one["resourceType"].as_str().unwrap(), one["id"].as_str().unwrap())
        })
        .collect();
    ids.sort();
    ids
}

async fn hospital() -> World {
    let world = World::new();
    for id in ["a", "b", "c"] {
        world.put(&patient(id, "Moss")).await;
        world.put(&observation(&format!("o-{id}"), id, "1-1")).await;
    }
    world.put(&json!({"resourceType": "Organization", "id": "org", "name": "Ward"})).await;
    let members: Vec<Value> = ["a", "b"]
        .iter()
        .map(|id| json!({"entity": {"reference": format!("Patient/{id}")}}))
        .collect();
    world
        .put(&json!({"resourceType": "Group", "id": "g", "type": "person", "actual": true, "member": members}))
        .await;
    world
}

#[tokio::test]
async fn everything_all_patients_or_a_group_are_exported() {
    let world = hospital().await;
    for (path, expected) in [
        (
            "$export?_type=Patient,Observation",
            "Observation/o-a Observation/o-b Observation/o-c Patient/a Patient/b Patient/c",
        ),
        ("$export?_type=Organization", "Organization/org"),
        (
            "Patient/$export?_type=Observation,Organization",
            "Observation/o-a Observation/o-b Observation/o-c",
        ),
        (
            "Group/g/$export?_type=Patient,Observation",
            "Observation/o-a Observation/o-b Patient/a Patient/b",
        ),
        (
            "$export?_type=Observation&_typeFilter=Observation%3Fsubject%3DPatient/a",
            "Observation/o-a",
        ),
        ("$export?_type=Patient&_since=2030-01-01T00:00:00Z", ""),
    ] {
        let begun = start(&world, &clinician(), path).await;
        assert_eq!(begun.status, 202, "{path}: {}", begun.text);
        let manifest = done(&world, &clinician(), &begun.path("content-location")).await;
        let lines = lines(&world, &clinician(), &manifest).await;
        assert_eq!(ids(&lines).join(" "), expected, "{path}");
        assert!(manifest["transactionTime"].is_string() && manifest["requiresAccessToken"] == true);
    }
}

#[tokio::test]
async fn what_is_not_understood_is_refused_at_the_start() {
    let world = hospital().await;
    assert_eq!(world.get(&clinician(), "$export").await.status, 400, "not asynchronous");
    for path in [
        "$export?_outputFormat=csv",
        "$export?_since=yesterday",
        "$export?_type=Nobody",
        "$export?_typeFilter=Observation",
        "$export?_unheard=1",
    ] {
        assert_eq!(start(&world, &clinician(), path).await.status, 400, "{path}");
    }
    let confined = Caller { patient: Some("a".into()), ..clinician() };
    assert_eq!(start(&world, &confined, "$export").await.status, 403);
    assert_eq!(start(&world, &clinician(), "Group/none/$export").await.status, 404);
}

#[tokio::test]
async fn an_export_is_its_owners_alone_and_can_be_deleted() {
    let world = hospital().await;
    let begun = start(&world, &clinician(), "$export?_type=Patient").await;
    let job = begun.path("content-location");
    let manifest = done(&world, &clinician(), &job).await;
    let other = Caller { actor: autoclave_ledger::Label::code("staff/2"), ..clinician() };
    assert_eq!(world.get(&other, &job).await.status, 404);
    let file =
        manifest["output"][0]["url"].as_str().unwrap().strip_prefix(super::world::BASE).unwrap();
    assert_eq!(world.get(&other, file).await.status, 404);
    assert_eq!(world.ask(&clinician(), "DELETE", &job, With::default()).await.status, 202);
    assert_eq!(world.get(&clinician(), &job).await.status, 404);
    assert_eq!(world.get(&clinician(), file).await.status, 404);
}

#[tokio::test]
async fn a_file_is_made_under_the_consents_of_the_moment_it_is_fetched() {
    let world = hospital().await;
    let begun = start(&world, &clinician(), "$export?_type=Patient,Observation").await;
    let manifest = done(&world, &clinician(), &begun.path("content-location")).await;
    assert_eq!(lines(&world, &clinician(), &manifest).await.len(), 6);
    world.put(&consent("b", &json!({"type": "deny"}))).await;
    let after = ids(&lines(&world, &clinician(), &manifest).await);
    assert_eq!(after, ["Observation/o-a", "Observation/o-c", "Patient/a", "Patient/c"]);
    // A new one does not even count them.
    let begun = start(&world, &clinician(), "$export?_type=Patient").await;
    let manifest = done(&world, &clinician(), &begun.path("content-location")).await;
    assert_eq!(manifest["output"][0]["count"], 2);
}

#[tokio::test]
async fn a_file_has_each_resource_as_it_was_at_the_exports_time() {
    let world = hospital().await;
    let begun = start(&world, &clinician(), "$export?_type=Patient").await;
    let manifest = done(&world, &clinician(), &begun.path("content-location")).await;
    world.later(60_000);
    world.put(&patient("a", "Later")).await;
    world.ask(&chief(), "DELETE", "Patient/c", With::default()).await;
    let lines = lines(&world, &clinician(), &manifest).await;
    assert_eq!(ids(&lines), ["Patient/a", "Patient/b", "Patient/c"]);
    assert!(lines.iter().all(|line| line["name"][0]["family"] == "Moss"));
}

#[tokio::test]
async fn what_an_export_keeps_on_disk_names_nobody() {
    let world = hospital().await;
    let begun = start(&world, &clinician(), "$export").await;
    done(&world, &clinician(), &begun.path("content-location")).await;
    for entry in std::fs::read_dir(world.folder.path().join("operations")).unwrap() {
        let raw = std::fs::read(entry.unwrap().path()).unwrap();
        for word in ["Moss", "Adaeze", "Patient", "mrn-a"] {
            assert!(!raw.windows(word.len()).any(|at| at == word.as_bytes()), "{word}");
        }
    }
}

#[test]
fn an_export_that_was_cut_off_goes_on_after_a_new_start() {
    let first = Runtime::new().unwrap();
    let (world, job) = first.block_on(async {
        let world = hospital().await;
        let begun = start(&world, &clinician(), "$export").await;
        (world, begun.path("content-location"))
    });
    // Nothing of the first start is left but what is on disk.
    first.shutdown_timeout(Duration::from_millis(200));
    let second = Runtime::new().unwrap();
    second.block_on(async {
        let world = world.restarted();
        world.operations.start(&world.server).unwrap();
        let manifest = done(&world, &clinician(), &job).await;
        let found = ids(&lines(&world, &clinician(), &manifest).await);
        let patients: Vec<_> = found.iter().filter(|id| id.starts_with("Patient/")).collect();
        assert_eq!(patients, ["Patient/a", "Patient/b", "Patient/c"]);
        assert!(found.contains(&"Organization/org".to_owned()));
        assert!(found.windows(2).all(|pair| pair[0] != pair[1]), "nothing twice");
    });
}

const NDJSON: &[(&str, &str)] =
    &[("content-type", "application/fhir+ndjson"), ("prefer", "respond-async")];

async fn import(world: &World, body: String) -> Answer {
    world.ask(&chief(), "POST", "$import", With { body: body.into(), headers: NDJSON }).await
}

fn ndjson(resources: &[Value]) -> String {
    let lines: Vec<String> = resources.iter().map(|one| format!("{one}\n")).collect();
    lines.concat()
}

#[tokio::test]
async fn lines_are_imported_and_wrong_ones_are_said() {
    let world = World::new();
    let mut body = ndjson(&[patient("a", "Moss"), observation("o-a", "a", "1-1")]);
    body.push_str("{\"resourceType\":\"Patient\",\"secret\":\"Zquorn\"}\nnot json\n\n");
    body.push_str(&json!({"resourceType": "Patient", "name": [{"family": "Noid"}]}).to_string());
    let begun = import(&world, body).await;
    assert_eq!(begun.status, 202, "{}", begun.text);
    let job = begun.path("content-location");
    let report = done(&world, &chief(), &job).await;
    assert_eq!(
        (&report["output"][0]["stored"], &report["output"][0]["failed"]),
        (&json!(3), &json!(2))
    );
    let errors = world.get(&chief(), &format!("{job}/errors")).await;
    assert_eq!(errors.text.lines().count(), 2);
    assert!(errors.text.contains("line 3") && errors.text.contains("line 4"), "{}", errors.text);
    assert!(!errors.text.contains("Zquorn"));
    assert_eq!(world.get(&chief(), "Patient/a").await.status, 200);
    let provenance = world.get(&chief(), "Provenance?target=Patient/a&_summary=count").await;
    assert_eq!(provenance.json()["total"], 1, "{}", provenance.text);
    assert_eq!(world.get(&chief(), "Patient?family=Noid&_summary=count").await.json()["total"], 1);
}

#[tokio::test]
async fn importing_again_changes_nothing() {
    let world = World::new();
    let body = ndjson(&[patient("a", "Moss"), observation("o-a", "a", "1-1")]);
    for (stored, unchanged) in [(2, 0), (0, 2)] {
        let begun = import(&world, body.clone()).await;
        let report = done(&world, &chief(), &begun.path("content-location")).await;
        assert_eq!(report["output"][0]["stored"], stored);
        assert_eq!(report["output"][0]["unchanged"], unchanged);
    }
    assert_eq!(world.get(&chief(), "Patient/a").await.header("etag"), "W/\"1\"");
}

#[tokio::test]
async fn a_manifest_names_files_of_one_folder() {
    let world = World::new();
    std::fs::write(world.folder.path().join("people.ndjson"), ndjson(&[patient("a", "Moss")]))
        .unwrap();
    let manifest = |url: &str| json!({"inputFormat": "application/fhir+ndjson", "input": [{"type": "Patient", "url": url}]});
    let begun = world.post(&chief(), "$import", &manifest("file:people.ndjson")).await;
    assert_eq!(begun.status, 202, "{}", begun.text);
    let report = done(&world, &chief(), &begun.path("content-location")).await;
    assert_eq!(report["output"][0]["stored"], 1, "{report}");
    for url in [
        "file:../people.ndjson",
        "file:/etc/passwd",
        "https://x.example/a",
        "file:.hidden",
        "file:none.ndjson",
    ] {
        assert_eq!(world.post(&chief(), "$import", &manifest(url)).await.status, 400, "{url}");
    }
}

#[test]
fn an_import_that_was_cut_off_goes_on_after_a_new_start() {
    const PEOPLE: usize = 3_000;
    let people: Vec<Value> = (0..PEOPLE)
        .map(|at| {
            let mut one = patient(&format!("p{at}"), "Moss");
            one["text"] = json!({"status": "generated", "div":
                format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{}</div>", "x".repeat(1_000))});
            one
        })
        .collect();
    let first = Runtime::new().unwrap();
    let (world, job) = first.block_on(async {
        let world = World::new();
        let begun = import(&world, ndjson(&people)).await;
        (world, begun.path("content-location"))
    });
    first.shutdown_timeout(Duration::from_millis(50));
    let second = Runtime::new().unwrap();
    second.block_on(async {
        let world = world.restarted();
        world.operations.start(&world.server).unwrap();
        let report = done(&world, &chief(), &job).await;
        assert_eq!(report["output"][0]["count"], PEOPLE, "{report}");
        let count = world.get(&chief(), "Patient?_summary=count").await;
        assert_eq!(count.json()["total"], PEOPLE);
    });
}
