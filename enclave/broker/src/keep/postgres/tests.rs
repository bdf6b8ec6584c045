//! Against a real `PostgreSQL` server. They are run by the suite `replicas`, which starts one
//! and says where; each test has a database of its own.

use std::path::Path;

use autoclave_cell::Running;

use super::database::{Shared, Way, database, settings};
use super::*;
use crate::fixtures::{NOW, cell};
use crate::keep::Kept;

async fn replica(
    folder: &Path,
    settings: &PostgresSettings,
) -> (Running, Result<Arc<Postgres>, DatabaseError>) {
    let running = cell(folder).await;
    let opened = Postgres::open(running.cell().clone(), settings, Arc::new(Shared)).await;
    (running, opened.map(Arc::new))
}

async fn raw(settings: &PostgresSettings, statement: &str) {
    let client = Pool::new(settings).unwrap().take().await.unwrap();
    client.batch_execute(statement).await.unwrap();
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test replicas"]
async fn postgres_two_replicas_see_one_store() {
    let settings = database("two_replicas").await;
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (_one, first) = replica(folders[0].path(), &settings).await;
    let (_other, second) = replica(folders[1].path(), &settings).await;
    let [first, second] =
        [first.unwrap(), second.unwrap()].map(|it| Kept::new(it, Arc::new(Shared)));
    assert_eq!(first.put("keys/one", None, b"1").await, Ok(1));
    assert_eq!(*second.get("keys/one").await.unwrap().unwrap().bytes, b"1");
    assert_eq!(second.put("keys/one", None, b"2").await, Err(KeepError::Conflict));
    assert_eq!(second.put("keys/one", Some(1), b"2").await, Ok(2));
    assert_eq!(first.put("keys/one", Some(1), b"3").await, Err(KeepError::Conflict));
    assert_eq!(*first.get("keys/one").await.unwrap().unwrap().bytes, b"2");
    second.put("kbs/two", None, b"4").await.unwrap();
    assert_eq!(first.list("keys/").await.unwrap(), ["keys/one"]);
    assert_eq!(first.list("").await.unwrap(), ["kbs/two", "keys/one"]);
    let (id, until) = ([7; 32], NOW.plus(300));
    assert_eq!(first.take_once("nonce", &id, until, NOW).await, Ok(true));
    assert_eq!(second.take_once("nonce", &id, until, NOW).await, Ok(false));
    assert_eq!(second.take_once("other", &id, until, NOW).await, Ok(true));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test replicas"]
async fn postgres_of_many_at_once_one_wins() {
    let settings = database("many_at_once").await;
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (_one, first) = replica(folders[0].path(), &settings).await;
    let (_other, second) = replica(folders[1].path(), &settings).await;
    let (first, second) = (first.unwrap(), second.unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for at in 0..24_u8 {
        let store = if at % 2 == 0 { first.clone() } else { second.clone() };
        tasks.spawn(async move {
            let put = store.put("one", None, &[at]).await;
            let once = store.take_once("nonce", &[1; 32], NOW.plus(300), NOW).await;
            (put, once.unwrap())
        });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|(put, _)| *put == Ok(1)).count(), 1);
    let beaten = outcomes.iter().filter(|(put, _)| *put == Err(KeepError::Conflict)).count();
    assert_eq!(beaten, outcomes.len() - 1);
    assert_eq!(outcomes.iter().filter(|(_, once)| *once).count(), 1);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test replicas"]
async fn postgres_sees_neither_names_nor_contents() {
    let settings = database("neither").await;
    let folder = tempfile::tempdir().unwrap();
    let (_running, opened) = replica(folder.path(), &settings).await;
    let store = Kept::new(opened.unwrap(), Arc::new(Shared));
    store.put("institution/mercy", None, b"a planted marker").await.unwrap();
    let client = Pool::new(&settings).unwrap().take().await.unwrap();
    let all =
        "SELECT string_agg(encode(name || label || sealed, 'escape'), ' ') FROM autoclave_records";
    let all: String = client.query_one(all, &[]).await.unwrap().get(0);
    assert!(all.len() > 100 && !all.contains("mercy") && !all.contains("marker"), "{all}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test replicas"]
async fn postgres_that_went_back_or_was_altered_is_refused_at_start() {
    let settings = database("went_back").await;
    let folder = tempfile::tempdir().unwrap();
    let (running, opened) = replica(folder.path(), &settings).await;
    let store = opened.unwrap();
    store.put("one", None, b"1").await.unwrap();
    let copy = "CREATE TABLE old_records AS SELECT * FROM autoclave_records;
        CREATE TABLE old_meta AS SELECT * FROM autoclave_meta;";
    raw(&settings, copy).await;
    store.put("one", Some(1), b"2").await.unwrap();
    store.put("two", None, b"3").await.unwrap();
    drop(store);
    running.drain().await;
    let keep = "CREATE TABLE new_records AS SELECT * FROM autoclave_records;
        CREATE TABLE new_meta AS SELECT * FROM autoclave_meta;";
    raw(&settings, keep).await;
    let from = |old: &str, table: &str| {
        format!(
            "DELETE FROM autoclave_{table}; INSERT INTO autoclave_{table} SELECT * FROM {old}_{table};"
        )
    };
    let restored = [from("new", "records"), from("new", "meta")].concat();
    let cases = [
        [from("old", "records"), from("old", "meta")].concat(),
        from("old", "records"),
        from("old", "meta"),
        "DELETE FROM autoclave_records WHERE version = 1".to_owned(),
        "UPDATE autoclave_records SET version = version + 1".to_owned(),
        "DELETE FROM autoclave_meta WHERE name = 'journal'".to_owned(),
        "DELETE FROM autoclave_records; DELETE FROM autoclave_meta WHERE name = 'journal'"
            .to_owned(),
    ];
    for case in cases {
        raw(&settings, &case).await;
        let (running, opened) = replica(folder.path(), &settings).await;
        let code = opened.err().map(|error| error.code());
        assert_eq!(code, Some("keep.rolled_back"), "{case}");
        running.drain().await;
        raw(&settings, &restored).await;
        let (running, opened) = replica(folder.path(), &settings).await;
        assert!(opened.is_ok(), "restored after {case}");
        running.drain().await;
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test replicas"]
async fn postgres_of_another_root_key_is_refused() {
    struct Other;
    impl RootKey for Other {
        fn wrap<'a>(&'a self, _: &'a Secret<[u8; 32]>) -> Answer<'a, Vec<u8>> {
            Box::pin(async { Ok(vec![1]) })
        }
        fn unwrap<'a>(&'a self, _: &'a [u8]) -> Answer<'a, Secret<[u8; 32]>> {
            Box::pin(async { Err(KeepError::Damaged) })
        }
    }
    let settings = database("another_root").await;
    let folder = tempfile::tempdir().unwrap();
    let (running, opened) = replica(folder.path(), &settings).await;
    drop(opened.unwrap());
    let opened = Postgres::open(running.cell().clone(), &settings, Arc::new(Other)).await;
    assert_eq!(opened.err().unwrap().code(), "keep.foreign");
}

#[test]
fn a_database_elsewhere_is_reached_by_tls_only() {
    let at = |host: &str, ca_file: Option<&str>| PostgresSettings {
        host: host.to_owned(),
        port: 5432,
        database: "d".to_owned(),
        user: "u".to_owned(),
        password_file: None,
        ca_file: ca_file.map(Into::into),
    };
    let code = |host, ca| Pool::new(&at(host, ca)).err().map(|error| error.code());
    assert_eq!(code("127.0.0.1", None), None);
    assert_eq!(code("::1", None), None);
    for elsewhere in ["10.0.0.1", "database.internal", "localhost"] {
        assert_eq!(code(elsewhere, None), Some("keep.not_local"), "{elsewhere}");
    }
    assert_eq!(code("10.0.0.1", Some("/nowhere/ca.pem")), Some("keep.file"));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test replicas"]
async fn postgres_that_cannot_be_reached_is_said_so_and_used_again_when_it_is_back() {
    let settings = database("cut_off").await;
    let way = Way::new(&settings).await;
    let folder = tempfile::tempdir().unwrap();
    let (_running, opened) = replica(folder.path(), &way.settings(&settings)).await;
    let store = opened.unwrap();
    store.put("one", None, b"1").await.unwrap();
    way.cut();
    assert_eq!(store.get("one").await, Err(KeepError::Unavailable));
    assert_eq!(store.put("one", Some(1), b"2").await, Err(KeepError::Unavailable));
    let once = store.take_once("nonce", &[1; 32], NOW.plus(300), NOW).await;
    assert_eq!(once, Err(KeepError::Unavailable));
    way.mend();
    assert_eq!(store.put("one", Some(1), b"2").await, Ok(2));
    assert_eq!(store.take_once("nonce", &[1; 32], NOW.plus(300), NOW).await, Ok(true));
}

/// How often a process is killed in the middle of its writing.
const ROUNDS: usize = 6;
/// Tells the child which database; only the test below sets it.
const CHILD: &str = "AUTOCLAVE_TEST_DATABASE";

/// Not a test: what the killed process does. It changes one record again and again, and
/// tells each version once it has it.
#[tokio::test]
#[ignore = "the other test starts it"]
async fn child_that_writes() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let (_running, opened) = replica(Path::new(&folder), &settings("killed")).await;
    let store = opened.unwrap();
    let mut version = store.get("one").await.unwrap().map(|stored| stored.version);
    loop {
        version = Some(store.put("one", version, &[1; 64]).await.unwrap());
        println!("\nversion {}", version.unwrap());
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test replicas"]
async fn postgres_keeps_what_a_killed_process_told_and_is_consistent() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};
    database("killed").await;
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=ROUNDS {
        let name = "keep::postgres::tests::child_that_writes";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--ignored", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut told = 0;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for (count, line) in lines.map_while(Result::ok).enumerate() {
            if let Some(version) = line.strip_prefix("version ").and_then(|it| it.parse().ok()) {
                told = version;
            }
            if count > 6 * round {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let (running, opened) = replica(folder.path(), &settings("killed")).await;
        let found = opened.unwrap().get("one").await.unwrap().unwrap().version;
        assert!(told > 0 && found >= told, "told {told}, found {found}");
        running.drain().await;
    }
}
