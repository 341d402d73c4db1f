//! SipHash-2-4 with 128 bits: a short name for a key of any length.
//!
//! The cleaner takes two keys with the same hash for one, so a collision would lose a record. With a secret key per
//! cleaning nobody can make one on purpose, and by chance 128 bits do not meet. (Kafka's map uses MD5, for
//! which collisions can be made.) Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", with the
//! authors' reference vectors in the tests.

/// A hash.
pub(super) type Hash = [u64; 2];

/// The secret.
#[derive(Clone, Copy, Debug)]
pub(super) struct HashKey(pub(super) u64, pub(super) u64);

struct State([u64; 4]);

impl State {
    fn round(&mut self) {
        let [v0, v1, v2, v3] = &mut self.0;
        *v0 = v0.wrapping_add(*v1);
        *v2 = v2.wrapping_add(*v3);
        *v1 = v1.rotate_left(13) ^ *v0;
        *v3 = v3.rotate_left(16) ^ *v2;
        *v0 = v0.rotate_left(32);
        *v2 = v2.wrapping_add(*v1);
        *v0 = v0.wrapping_add(*v3);
        *v1 = v1.rotate_left(17) ^ *v2;
        *v3 = v3.rotate_left(21) ^ *v0;
        *v2 = v2.rotate_left(32);
    }

    fn take(&mut self, word: u64) {
        self.0[3] ^= word;
        self.round();
        self.round();
        self.0[0] ^= word;
    }

    fn give(&mut self) -> u64 {
        (0..4).for_each(|_| self.round());
        self.0.iter().fold(0, |all, word| all ^ word)
    }
}

impl HashKey {
    /// The hash of `bytes`.
    pub(super) fn hash(self, bytes: &[u8]) -> Hash {
        let Self(k0, k1) = self;
        let mut state = State([
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ]);
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| state.take(u64::from_le_bytes(*word)));
        let mut last = [0; 8];
        rest.iter().zip(&mut last).for_each(|(byte, slot)| *slot = *byte);
        last[7] = bytes.len().to_le_bytes()[0];
        state.take(u64::from_le_bytes(last));
        state.0[2] ^= 0xee;
        let first = state.give();
        state.0[1] ^= 0xdd;
        [first, state.give()]
    }
}

#[cfg(test)]
mod tests;
