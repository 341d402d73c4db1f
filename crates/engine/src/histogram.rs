//! Latencies in log-spaced buckets: eight per power of two, so a quantile is at most 1/8 too high.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const SUB_BITS: u32 = 3;
const SUBS: usize = 1 << SUB_BITS;
const BUCKETS: usize = (64 - SUB_BITS as usize + 1) * SUBS;

/// Counts durations. One thread records, any thread reads.
#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(), sum: AtomicU64::new(0) }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a bucket's number is below 500")]
fn bucket(nanos: u64) -> usize {
    if nanos < SUBS as u64 {
        return nanos as usize;
    }
    let exponent = 63 - nanos.leading_zeros();
    let sub = (nanos >> (exponent - SUB_BITS)) as usize & (SUBS - 1);
    ((exponent - SUB_BITS + 1) as usize) * SUBS + sub
}

/// The largest value that falls into a bucket.
fn upper(bucket: usize) -> u64 {
    if bucket < SUBS {
        return bucket as u64;
    }
    let shift = (bucket / SUBS - 1) as u32;
    let base = (SUBS + bucket % SUBS) as u64;
    ((u128::from(base) + 1) << shift).saturating_sub(1).try_into().unwrap_or(u64::MAX)
}

impl Histogram {
    /// Counts one duration.
    pub(crate) fn record(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let slot = &self.buckets[bucket(nanos)];
        slot.store(slot.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        let sum = self.sum.load(Ordering::Relaxed).saturating_add(nanos);
        self.sum.store(sum, Ordering::Relaxed);
    }

    /// Adds what this histogram counted to `counts`.
    pub(crate) fn add_to(&self, counts: &mut Latencies) {
        counts.buckets.resize(BUCKETS, 0);
        for (total, slot) in counts.buckets.iter_mut().zip(&self.buckets) {
            *total += slot.load(Ordering::Relaxed);
        }
        counts.sum = counts.sum.saturating_add(self.sum.load(Ordering::Relaxed));
    }
}

/// A distribution of durations.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    buckets: Vec<u64>,
    sum: u64,
}

impl Latencies {
    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The mean; zero if nothing was counted.
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(self.sum.checked_div(self.count()).unwrap_or(0))
    }

    /// The duration that a share of all (`0.0..=1.0`) did not exceed, at most 1/8 too high; zero if
    /// nothing was counted.
    pub fn quantile(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank among fewer than 2^52 counts"
        )]
        let rank = ((self.count() as f64 * share.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_nanos(upper(index));
            }
        }
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests;
