//! `[cache]`: where a role's cache is. The operator's, and measured with all else. Left out,
//! the cache is in process; it names no secret, since values leave sealed.

use autoclave_base::ids::WorkloadName;
use serde::Deserialize;

/// `[cache]`: nothing, `redis = { url = "redis://host:port" }`, or
/// `attested = { url = "http://host:port" }`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum CacheConfig {
    /// In this process.
    #[default]
    #[serde(skip)]
    InProcess,
    /// A Redis server, which sees keyed hashes, sealed values, their sizes and times.
    #[serde(rename_all = "snake_case")]
    Redis {
        /// `redis://host:port`; without TLS and password, for a host or network of one's own.
        url: String,
    },
    /// A cache enclave, verified before anything is sent to it.
    #[serde(rename_all = "snake_case")]
    Attested {
        /// `http://host:port`
        url: String,
        /// The workload that must answer there.
        #[serde(default = "cache")]
        workload: WorkloadName,
    },
}

#[expect(clippy::expect_used, reason = "a constant, checked by a test")]
fn cache() -> WorkloadName {
    WorkloadName::parse("cache").expect("a constant name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Role {
        #[serde(default)]
        cache: CacheConfig,
    }

    fn read(text: &str) -> Option<CacheConfig> {
        toml::from_str::<Role>(text).ok().map(|role| role.cache)
    }

    #[test]
    fn one_of_three_is_named() {
        assert_eq!(read(""), Some(CacheConfig::InProcess));
        let url = "redis://127.0.0.1:6379".to_owned();
        let redis = format!("[cache]\nredis = {{ url = \"{url}\" }}");
        assert_eq!(read(&redis), Some(CacheConfig::Redis { url }));
        let attested = read("[cache]\nattested = { url = \"http://127.0.0.1:7405\" }");
        let Some(CacheConfig::Attested { workload, .. }) = attested else { panic!("{attested:?}") };
        assert_eq!(workload.as_str(), "cache");
    }

    #[test]
    fn unknown_fields_two_places_and_passwords_are_refused() {
        let redis = "redis = { url = \"redis://a:1\" }";
        let attested = "attested = { url = \"http://a:1\" }";
        for bad in [
            "[cache]\nmemcached = { url = \"x\" }".to_owned(),
            format!("[cache]\n{redis}\n{attested}"),
            "[cache]\nredis = { url = \"redis://a:1\", password = \"x\" }".to_owned(),
            "[cache]\nredis = {}".to_owned(),
        ] {
            assert_eq!(read(&bad), None, "{bad}");
        }
    }
}
