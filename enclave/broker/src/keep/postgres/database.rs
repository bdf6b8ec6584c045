//! Databases of a real `PostgreSQL` server for tests, the way there that can be cut, and a root
//! key that replicas share. The tests'; the suite `replicas` starts the server.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A root key that all replicas have, as a token would be one.
pub(crate) struct Shared;

impl RootKey for Shared {
    fn wrap<'a>(&'a self, key: &'a Secret<[u8; 32]>) -> Answer<'a, Vec<u8>> {
        let sealed = file::seal_bytes(&mut Entropy, &Secret::new([9; 32]), "test", key.expose());
        Box::pin(async { Ok(sealed.unwrap()) })
    }

    fn unwrap<'a>(&'a self, wrapped: &'a [u8]) -> Answer<'a, Secret<[u8; 32]>> {
        let key = file::open_bytes(&Secret::new([9; 32]), "test", wrapped);
        Box::pin(async {
            Ok(Secret::new(key.map_err(|_| KeepError::Damaged)?.try_into().unwrap()))
        })
    }
}

pub(crate) fn settings(database: &str) -> PostgresSettings {
    let port = std::env::var_os("AUTOCLAVE_POSTGRES_PORT").expect("the suite `replicas` sets it");
    PostgresSettings {
        host: "127.0.0.1".to_owned(),
        port: port.to_str().unwrap().parse().unwrap(),
        database: database.to_owned(),
        user: "autoclave".to_owned(),
        password_file: None,
        ca_file: None,
    }
}

/// An empty database of that name.
pub(crate) async fn database(name: &str) -> PostgresSettings {
    let client = Pool::new(&settings("postgres")).unwrap().take().await.unwrap();
    for statement in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")]
    {
        client.batch_execute(&statement).await.unwrap();
    }
    settings(name)
}

/// A way to the server that can be cut and mended.
pub(crate) struct Way {
    address: SocketAddr,
    open: Arc<AtomicBool>,
}

impl Way {
    pub(crate) async fn new(settings: &PostgresSettings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, open) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(true)));
        let (server, is_open) = (format!("127.0.0.1:{}", settings.port), open.clone());
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let (server, is_open) = (server.clone(), is_open.clone());
                tokio::spawn(async move {
                    if !is_open.load(Ordering::SeqCst) {
                        return;
                    }
                    let mut far = TcpStream::connect(server).await.unwrap();
                    let cut = async {
                        while is_open.load(Ordering::SeqCst) {
                            tokio::task::yield_now().await;
                        }
                    };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        () = cut => {}
                    }
                });
            }
        });
        Self { address, open }
    }

    pub(crate) fn settings(&self, of: &PostgresSettings) -> PostgresSettings {
        PostgresSettings { port: self.address.port(), ..of.clone() }
    }

    pub(crate) fn cut(&self) {
        self.open.store(false, Ordering::SeqCst);
    }

    pub(crate) fn mend(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}
