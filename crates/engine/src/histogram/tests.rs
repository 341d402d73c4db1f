//! Quantiles are never too low and at most an eighth too high.

use proptest::prelude::*;

use super::*;

fn counted(nanos: &[u64]) -> Latencies {
    let histogram = Histogram::default();
    nanos.iter().for_each(|nanos| histogram.record(Duration::from_nanos(*nanos)));
    let mut latencies = Latencies::default();
    histogram.add_to(&mut latencies);
    latencies
}

proptest! {
    #[test]
    fn a_bucket_holds_what_falls_into_it(nanos in any::<u64>()) {
        let top = upper(bucket(nanos));
        prop_assert!(top >= nanos);
        prop_assert!(top - nanos <= nanos / 8 + 1);
        prop_assert_eq!(bucket(top), bucket(nanos));
    }

    #[test]
    fn quantiles_are_close(mut nanos in prop::collection::vec(0u64..10_000_000, 1..200), share in 0.0f64..=1.0) {
        let latencies = counted(&nanos);
        nanos.sort_unstable();
        let rank = ((nanos.len() as f64 * share).ceil() as usize).max(1);
        let exact = nanos[rank - 1];
        let found = u64::try_from(latencies.quantile(share).as_nanos()).unwrap();
        prop_assert!(found >= exact && found - exact <= exact / 8 + 1);
        prop_assert_eq!(latencies.count(), nanos.len() as u64);
    }
}

#[test]
fn nothing_counted_is_zero() {
    let latencies = Latencies::default();
    assert_eq!(latencies.quantile(0.99), Duration::ZERO);
    assert_eq!(latencies.mean(), Duration::ZERO);
}

#[test]
fn the_mean_is_exact() {
    assert_eq!(counted(&[10, 20, 60]).mean(), Duration::from_nanos(30));
}
