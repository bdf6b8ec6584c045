//! Rate limits: one bucket of tokens for each address.
//! They belong to the edge and protect the parties from one noisy neighbour.
//! Nothing here reads a clock, and no address is remembered longer than its bucket takes to fill.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

/// Addresses remembered at once: about 4 MiB. When all are busy, newcomers wait.
const ADDRESSES_MAX: usize = 65_536;

/// Buckets of tokens by address.
pub(crate) struct Buckets {
    per_second: f64,
    burst: f64,
    by_address: HashMap<IpAddr, Bucket>,
    addresses_max: usize,
}

struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Buckets {
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        Self {
            per_second: f64::from(per_second),
            burst: f64::from(burst),
            by_address: HashMap::new(),
            addresses_max: ADDRESSES_MAX,
        }
    }

    /// Whether a request of this address may pass now.
    pub(crate) fn admit(&mut self, from: IpAddr, now: Instant) -> bool {
        let key = network(from);
        if !self.by_address.contains_key(&key) && !self.make_room(now) {
            return false;
        }
        let (per_second, burst) = (self.per_second, self.burst);
        let bucket = self.by_address.entry(key).or_insert(Bucket { tokens: burst, at: now });
        bucket.refill(per_second, burst, now);
        let granted = bucket.tokens >= 1.0;
        if granted {
            bucket.tokens -= 1.0;
        }
        granted
    }

    /// Seconds until an empty bucket holds a token again.
    pub(crate) fn retry_seconds(&self) -> u64 {
        Duration::from_secs_f64(1.0 / self.per_second).as_secs().max(1)
    }

    /// Forgets addresses whose buckets are full again; says whether there is room.
    fn make_room(&mut self, now: Instant) -> bool {
        if self.by_address.len() >= self.addresses_max {
            let (per_second, burst) = (self.per_second, self.burst);
            self.by_address.retain(|_, bucket| {
                bucket.refill(per_second, burst, now);
                bucket.tokens < burst
            });
        }
        self.by_address.len() < self.addresses_max
    }
}

impl Bucket {
    fn refill(&mut self, per_second: f64, burst: f64, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * per_second).min(burst);
        self.at = now;
    }
}

/// One customer: an IPv4 address or an IPv6 /64.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => match six.to_ipv4_mapped() {
            Some(four) => four.into(),
            None => std::net::Ipv6Addr::from(u128::from(six) & !u128::from(u64::MAX)).into(),
        },
    }
}

#[cfg(test)]
mod tests;
