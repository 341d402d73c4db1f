//! Where seeds and identifiers come from.

use std::sync::Mutex;
use std::sync::PoisonError;

/// The door to randomness. Good enough for identifiers, salts and seeds; the real one is the
/// kernel's generator.
pub trait Random: Send + Sync {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);

    /// A random number.
    fn next_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// The kernel's random generator.
#[derive(Debug, Default)]
pub struct RealRandom {
    /// Carries on, unpredictably enough for identifiers, if `/dev/urandom` cannot be read.
    fallback: Mutex<u64>,
}

impl Random for RealRandom {
    fn fill(&self, bytes: &mut [u8]) {
        use std::io::Read;
        let read = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(bytes));
        if read.is_ok() {
            return;
        }
        use std::hash::{BuildHasher, Hasher, RandomState};
        let mut counter = self.fallback.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            *counter = counter.wrapping_add(1);
            let mut hasher = RandomState::new().build_hasher();
            hasher.write_u64(*counter);
            let word = hasher.finish().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

/// A small seeded generator (SplitMix64) for simulations, load generators and shuffles: the same
/// seed gives the same numbers on every machine.
#[derive(Clone, Debug)]
pub struct SeededRandom(u64);

impl SeededRandom {
    /// A generator for this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; zero for an empty range.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        u64::try_from((u128::from(self.next_u64()) * u128::from(bound)) >> 64).unwrap_or(0)
    }

    /// A number in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are exactly what a double holds")]
        let mantissa = (self.next_u64() >> 11) as f64;
        mantissa / (1u64 << 53) as f64
    }
}
