//! The hash by which Kafka's clients choose a partition (`murmur2`, seed `0x9747b28c`), so that equal keys
//! meet in equal partitions whoever wrote them.

const SEED: u32 = 0x9747_b28c;
const MIX: u32 = 0x5bd1_e995;
const SHIFT: u32 = 24;

/// The partition, of so many, in which Kafka's clients put a key: the hash without its sign, modulo the number.
pub fn partition_of_key(key: &[u8], partitions: usize) -> i32 {
    let hash = (murmur2(key) & 0x7fff_ffff) as usize;
    i32::try_from(hash % partitions.max(1)).unwrap_or(i32::MAX)
}

/// The hash of a key.
pub(crate) fn murmur2(key: &[u8]) -> u32 {
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    let mut hash = SEED ^ length;
    let words = key.chunks_exact(4);
    let tail = words.remainder();
    for word in words {
        let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(MIX);
        hash = hash.wrapping_mul(MIX) ^ (word ^ (word >> SHIFT)).wrapping_mul(MIX);
    }
    for (at, byte) in tail.iter().enumerate() {
        hash ^= u32::from(*byte) << (8 * at);
    }
    if !tail.is_empty() {
        hash = hash.wrapping_mul(MIX);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MIX);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests;
