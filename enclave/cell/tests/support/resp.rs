//! A server that speaks Redis' protocol and keeps its word only while it is told to. For
//! tests: it remembers every byte that it hears, and every value that it was ever given.

#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// It does not.
    None,
    /// It answers with the value of another name.
    Swap,
    /// It leaves the last byte out.
    Truncate,
    /// It adds a byte.
    Extend,
    /// It flips a bit in the middle.
    Flip,
    /// It answers with no bytes.
    Empty,
    /// It answers with bytes of its own.
    Foreign,
    /// It answers with the first value that it ever had under the name, and forgets nothing.
    Replay,
    /// It answers with an error.
    Refuse,
    /// It answers in another language.
    Nonsense,
    /// It promises more than there is memory for.
    Huge,
    /// It hangs up in the middle of a value.
    HangUp,
    /// It says nothing.
    Silent,
}

/// The server.
pub(crate) struct Liar {
    address: SocketAddr,
    lie: Mutex<Lie>,
    values: Mutex<BTreeMap<Vec<u8>, Vec<Vec<u8>>>>,
    heard: Mutex<Vec<u8>>,
    asked: Mutex<usize>,
    closing: watch::Sender<u32>,
}

impl Liar {
    pub(crate) async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let liar = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            lie: Mutex::new(Lie::None),
            values: Mutex::default(),
            heard: Mutex::default(),
            asked: Mutex::default(),
            closing: watch::Sender::new(0),
        });
        let serving = Arc::downgrade(&liar);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Some(liar) = serving.upgrade() else { return };
                tokio::spawn(async move {
                    let mut closing = liar.closing.subscribe();
                    tokio::select! {
                        _ = liar.serve(stream) => {}
                        _ = closing.changed() => {}
                    }
                });
            }
        });
        liar
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub(crate) fn tell(&self, lie: Lie) {
        *self.lie.lock().unwrap() = lie;
    }

    /// Commands so far.
    pub(crate) fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }

    /// All words that it was ever told.
    pub(crate) fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap().clone()
    }

    pub(crate) fn close_connections(&self) {
        self.closing.send_modify(|times| *times += 1);
    }

    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let words = read(&mut stream).await?;
            *self.asked.lock().unwrap() += 1;
            self.heard.lock().unwrap().extend(words.iter().flatten());
            let lie = *self.lie.lock().unwrap();
            match lie {
                Lie::Silent => std::future::pending().await,
                Lie::HangUp => return stream.write_all(b"$100\r\nhalf").await,
                _ => stream.write_all(&self.answer(&words, lie)).await?,
            }
        }
    }

    fn answer(&self, words: &[Vec<u8>], lie: Lie) -> Vec<u8> {
        match (words[0].as_slice(), lie) {
            (_, Lie::Refuse) => b"-OOM command not allowed for Okafor\r\n".to_vec(),
            (_, Lie::Nonsense) => b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
            (_, Lie::Huge) => b"$999999999999\r\n".to_vec(),
            (b"SET", _) => {
                let mut values = self.values.lock().unwrap();
                values.entry(words[1].clone()).or_default().push(words[2].clone());
                b"+OK\r\n".to_vec()
            }
            (b"DEL", Lie::Replay) => b":1\r\n".to_vec(),
            (b"DEL", _) => {
                self.values.lock().unwrap().remove(&words[1]);
                b":1\r\n".to_vec()
            }
            _ => bulk(self.value(&words[1], lie)),
        }
    }

    fn value(&self, name: &[u8], lie: Lie) -> Option<Vec<u8>> {
        let values = self.values.lock().unwrap();
        if lie == Lie::Swap {
            let other = values.iter().find(|(other, _)| other.as_slice() != name)?;
            return other.1.last().cloned();
        }
        let all = values.get(name)?;
        let mut value = all.last()?.clone();
        match lie {
            Lie::Truncate => drop(value.pop()),
            Lie::Extend => value.push(1),
            Lie::Flip => {
                let middle = value.len() / 2;
                value[middle] ^= 1;
            }
            Lie::Empty => value.clear(),
            Lie::Foreign => value = vec![1; value.len()],
            Lie::Replay => value.clone_from(all.first()?),
            _ => {}
        }
        Some(value)
    }
}

fn bulk(value: Option<Vec<u8>>) -> Vec<u8> {
    match value {
        None => b"$-1\r\n".to_vec(),
        Some(value) => {
            [format!("${}\r\n", value.len()).into_bytes(), value, b"\r\n".to_vec()].concat()
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Vec<Vec<u8>>> {
    let count = number(stream).await?;
    let mut words = Vec::new();
    for _ in 0..count {
        let mut word = vec![0; number(stream).await? + 2];
        stream.read_exact(&mut word).await?;
        word.truncate(word.len() - 2);
        words.push(word);
    }
    Ok(words)
}

async fn number(stream: &mut BufReader<TcpStream>) -> std::io::Result<usize> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line[1..].trim().parse().unwrap())
}
