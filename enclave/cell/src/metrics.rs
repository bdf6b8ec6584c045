//! Counters of one enclave in Prometheus' text format. The cell's. A label is a constant
//! of the program, a route's template or a status: never a path, a name or an id.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use http::{Method, StatusCode};

/// Bound on distinct lines: routes × methods × statuses of a role stay far below it.
const LINES_MAX: usize = 4096;

/// `Content-Type` of the exposition format.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4";

/// Requests by route template, and named counts of a role.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: Mutex<BTreeMap<RequestLabels, RequestSums>>,
    counts: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, Copy, Default)]
struct RequestSums {
    count: u64,
    micros: u64,
}

impl Metrics {
    /// Counts one of `event`, under one constant label: `("ledger_lines", "release")`.
    pub fn count(&self, event: &'static str, label: &'static str) {
        let mut counts = lock(&self.counts);
        let sum = counts.entry((event, label)).or_default();
        *sum = sum.saturating_add(1);
    }

    /// How often `event` was counted under `label`.
    pub(crate) fn counted(&self, event: &'static str, label: &'static str) -> u64 {
        lock(&self.counts).get(&(event, label)).copied().unwrap_or_default()
    }

    /// Counts a request that was answered. `route` is the template, not the path.
    pub(crate) fn request(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let route = route.to_owned();
        let labels = RequestLabels { method: method_label(method), route, status: status.as_u16() };
        let mut requests = lock(&self.requests);
        if requests.len() >= LINES_MAX && !requests.contains_key(&labels) {
            return;
        }
        let sums = requests.entry(labels).or_default();
        sums.count = sums.count.saturating_add(1);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        sums.micros = sums.micros.saturating_add(micros);
    }

    /// The exposition text.
    pub fn render(&self) -> String {
        let mut text = String::from("# TYPE autoclave_requests_total counter\n");
        let mut seconds = String::from("# TYPE autoclave_request_seconds_total counter\n");
        for (labels, sums) in lock(&self.requests).iter() {
            let RequestLabels { method, route, status } = labels;
            let labels = format!(r#"{{method="{method}",route="{route}",status="{status}"}}"#);
            let _infallible = writeln!(text, "autoclave_requests_total{labels} {}", sums.count);
            let (whole, rest) = (sums.micros / 1_000_000, sums.micros % 1_000_000);
            let _infallible =
                writeln!(seconds, "autoclave_request_seconds_total{labels} {whole}.{rest:06}");
        }
        text.push_str(&seconds);
        text.push_str("# TYPE autoclave_events_total counter\n");
        for ((event, label), sum) in lock(&self.counts).iter() {
            let labels = format!(r#"{{event="{event}",label="{label}"}}"#);
            let _infallible = writeln!(text, "autoclave_events_total{labels} {sum}");
        }
        text
    }
}

/// Counters stay readable after a panic elsewhere: they hold no invariant.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A method is free text on the wire; only the known ones become labels.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_summed_by_template() {
        let metrics = Metrics::default();
        let took = Duration::from_millis(1500);
        for _ in 0..2 {
            metrics.request(&Method::GET, "/fhir/{type}/{id}", StatusCode::OK, took);
        }
        let text = metrics.render();
        let labels = r#"{method="GET",route="/fhir/{type}/{id}",status="200"}"#;
        assert!(text.contains(&format!("autoclave_requests_total{labels} 2\n")), "{text}");
        assert!(text.contains(&format!("autoclave_request_seconds_total{labels} 3.000000\n")));
    }

    #[test]
    fn a_made_up_method_is_no_label() {
        let metrics = Metrics::default();
        let method = Method::from_bytes(b"JANE-DOE").unwrap();
        metrics.request(&method, "/x", StatusCode::OK, Duration::ZERO);
        assert!(!metrics.render().contains("JANE"));
    }

    #[test]
    fn lines_are_bounded() {
        let metrics = Metrics::default();
        for n in 0..LINES_MAX + 10 {
            metrics.request(&Method::GET, &n.to_string(), StatusCode::OK, Duration::ZERO);
        }
        assert_eq!(metrics.requests.lock().unwrap().len(), LINES_MAX);
    }

    #[test]
    fn events_of_a_role_are_counted() {
        let metrics = Metrics::default();
        metrics.count("ledger_lines", "release");
        assert!(metrics.render().contains(r#"{event="ledger_lines",label="release"} 1"#));
    }
}
