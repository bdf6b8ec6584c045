//! What an enclave says to the outside: JSON lines on standard error. The cell's, for all
//! roles. A value reaches a line only if its type is `LogSafe`, and nothing that a
//! dependency logs is written at all.

use autoclave_base::LogSafe;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

#[doc(hidden)]
pub use tracing;

/// The only target that is written. Events of dependencies carry other targets, and what
/// they format is not ours to vouch for.
pub const TARGET: &str = "autoclave";

/// Lets a value into a log line if its type says that it is safe.
pub const fn safe<T: LogSafe + ?Sized>(value: &T) -> &T {
    value
}

/// Writes one line: a level, a stable code, and named fields whose types are `LogSafe`.
///
/// `event!(INFO, "token.renewed", expires = token.expires(), digest = token.digest())`
#[macro_export]
macro_rules! event {
    ($level:ident, $code:literal $(, $field:ident = $value:expr)* $(,)?) => {
        $crate::telemetry::tracing::event!(
            target: $crate::telemetry::TARGET,
            $crate::telemetry::tracing::Level::$level,
            code = $code
            $(, $field = %$crate::telemetry::safe(&$value))*
        )
    };
}

/// Starts writing to standard error. A second call in one process changes nothing.
pub fn start() {
    let _already_started = subscriber(std::io::stderr).try_init();
}

fn subscriber<W>(writer: W) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let ours = Targets::new().with_target(TARGET, LevelFilter::INFO);
    let lines = fmt::layer().json().flatten_event(true).with_writer(writer);
    Registry::default().with(lines.with_filter(ours))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use autoclave_base::Digest;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(work: impl FnOnce()) -> String {
        let lines = Lines::default();
        let copy = lines.clone();
        tracing::subscriber::with_default(subscriber(move || copy.clone()), work);
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_is_json_with_its_code_and_fields() {
        let text = written(|| event!(INFO, "test.line", digest = Digest::of("x"), count = 3_u32));
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["code"], "test.line");
        assert_eq!(line["count"], "3");
        assert_eq!(line["digest"], Digest::of("x").to_string());
    }

    #[test]
    fn events_of_dependencies_are_not_written() {
        let text = written(|| tracing::error!(target: "hyper", "Jane Doe, born 1970"));
        assert_eq!(text, "");
    }
}
