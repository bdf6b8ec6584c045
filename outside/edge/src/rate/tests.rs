use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_burst_passes_and_the_next_waits() {
    let start = Instant::now();
    let mut buckets = Buckets::new(2, 3);
    let one = address("10.0.0.1");
    let passed = (0..5).filter(|_| buckets.admit(one, start)).count();
    assert_eq!(passed, 3);
    assert!(buckets.admit(address("10.0.0.2"), start), "another address has its own bucket");
    assert!(buckets.admit(one, start + Duration::from_millis(500)), "half a second is one token");
    assert!(!buckets.admit(one, start + Duration::from_millis(500)));
}

#[test]
fn one_ipv6_network_is_one_customer() {
    let start = Instant::now();
    let mut buckets = Buckets::new(1, 1);
    assert!(buckets.admit(address("2001:db8::1"), start));
    assert!(!buckets.admit(address("2001:db8::2"), start));
    assert!(buckets.admit(address("2001:db8:0:1::1"), start));
    assert!(buckets.admit(address("10.0.0.1"), start));
    assert!(!buckets.admit(address("::ffff:10.0.0.1"), start));
}

#[test]
fn memory_is_bounded_and_idle_addresses_are_forgotten() {
    let start = Instant::now();
    let mut buckets = Buckets::new(1, 1);
    buckets.addresses_max = 2;
    assert!(buckets.admit(address("10.0.0.1"), start));
    assert!(buckets.admit(address("10.0.0.2"), start));
    assert!(!buckets.admit(address("10.0.0.3"), start), "all known addresses are busy");
    assert!(buckets.admit(address("10.0.0.3"), start + Duration::from_secs(1)));
    assert_eq!(buckets.by_address.len(), 1);
}

#[test]
fn a_clock_that_stands_still_gives_nothing() {
    let now = Instant::now();
    let later = now + Duration::from_secs(10);
    let mut buckets = Buckets::new(1, 1);
    assert!(buckets.admit(address("10.0.0.1"), later));
    assert!(!buckets.admit(address("10.0.0.1"), now + Duration::from_secs(5)));
}
