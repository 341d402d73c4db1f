//! Who a visitor is for one day: a keyed hash that nobody can turn back.
//!
//! # Constraints
//!
//! * The hash covers day, site, address and user agent under a random key of that day. When the day is over
//!   the key is destroyed, and with it the only way from an address to the hash.
//! * A restart inside the day must not make new visitors, so the keys of today stand in a small file in the data
//!   folder. It is replaced whole; after the day it holds no older key.
//! * Imported lines are of past days. Their keys are made on first use and live until the end of the
//!   present day too, so that an import that is interrupted and taken up again finds the same visitors.
//! * An address never leaves this module's callers: what is stored is [`network`], a /24 or /48.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use hashbrown::HashMap;
use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::Hasher;
use tidemill_world::World;

use crate::period::DAY_MS;

#[cfg(test)]
mod tests;

/// The file in the data folder.
const FILE_NAME: &str = "visitor-keys";
/// Days whose keys are held at once; an import of 27 years fits. Beyond it days share one key, which
/// only lets visitors of different days be told to be the same until midnight.
const KEYS_MAX: usize = 10_000;
/// A line is a day of at most 20 digits, a space, 32 digits and a line end.
const FILE_BYTES_MAX: u64 = 64 * (KEYS_MAX as u64 + 1);
/// The place of the key that days beyond [`KEYS_MAX`] share.
const SHARED_DAY: i64 = i64::MIN;

type Key = [u8; 16];

/// The keys of the present day. Shared by all who make visitors.
pub struct DayKeys {
    world: World,
    file: PathBuf,
    keys: RwLock<Keys>,
}

#[derive(Default)]
struct Keys {
    /// The present day: days since 1970 UTC.
    today: i64,
    by_day: HashMap<i64, Key, foldhash::fast::RandomState>,
}

impl std::fmt::Debug for DayKeys {
    /// Keys are never shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DayKeys")
    }
}

impl DayKeys {
    /// Reads the keys of today from the data folder, if it holds any.
    ///
    /// # Errors
    /// The file is there and cannot be read. A file that was cut or garbled is not an error: the keys
    /// that it lacks are made anew.
    pub fn open(world: &World, folder: &Path) -> io::Result<Self> {
        let file = folder.join(FILE_NAME);
        let today = world.clock().wall_ms().div_euclid(DAY_MS);
        let by_day = match world.disk().read_all(&file, FILE_BYTES_MAX) {
            Ok(content) => parse(&content, today),
            Err(error) if error.kind() == io::ErrorKind::NotFound => HashMap::default(),
            Err(error) => return Err(error),
        };
        let keys = RwLock::new(Keys { today, by_day });
        Ok(Self { world: world.clone(), file, keys })
    }

    /// The visitor of a hit at `at_ms`. `address` is the client's address as text.
    pub fn visitor(&self, at_ms: i64, site: &str, address: &str, user_agent: &str) -> u128 {
        let day = at_ms.div_euclid(DAY_MS);
        let mut hasher = SipHasher24::new_with_key(&self.key(day));
        for part in [site, address, user_agent] {
            // The length keeps ("a", "bc") and ("ab", "c") apart.
            hasher.write_usize(part.len());
            hasher.write(part.as_bytes());
        }
        hasher.write_i64(day);
        hasher.finish128().into()
    }

    /// The key of a day, made now if there is none.
    fn key(&self, day: i64) -> Key {
        let today = self.world.clock().wall_ms().div_euclid(DAY_MS);
        {
            let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
            if keys.today >= today
                && let Some(key) = keys.by_day.get(&day)
            {
                return *key;
            }
        }
        self.make_key(day, today)
    }

    fn make_key(&self, day: i64, today: i64) -> Key {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if today > keys.today {
            // The old day is over: all its keys are destroyed. What was made for today already stays.
            keys.today = today;
            keys.by_day.retain(|of, _| *of == today);
        }
        let day = if keys.by_day.len() < KEYS_MAX { day } else { SHARED_DAY };
        if let Some(key) = keys.by_day.get(&day) {
            return *key;
        }
        let mut key = Key::default();
        self.world.random().fill(&mut key);
        keys.by_day.insert(day, key);
        if let Err(error) = self.world.disk().replace(&self.file, &format(&keys)) {
            tracing::warn!(%error, file = %self.file.display(),
                "cannot keep the visitor keys; after a restart today's visitors count anew");
        }
        key
    }
}

/// One line a key, headed by the day the file is of.
fn format(keys: &Keys) -> Vec<u8> {
    let mut text = format!("{}\n", keys.today);
    for (day, key) in &keys.by_day {
        text.push_str(&format!("{day} {:032x}\n", u128::from_be_bytes(*key)));
    }
    text.into_bytes()
}

fn parse(content: &[u8], today: i64) -> HashMap<i64, Key, foldhash::fast::RandomState> {
    let text = String::from_utf8_lossy(content);
    let mut lines = text.lines();
    if lines.next().and_then(|day| day.parse::<i64>().ok()) != Some(today) {
        return HashMap::default();
    }
    let key_of = |line: &str| {
        let (day, digits) = line.split_once(' ')?;
        let key = u128::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 32)?;
        Some((day.parse().ok()?, key.to_be_bytes()))
    };
    lines.filter_map(key_of).take(KEYS_MAX).collect()
}

/// The network of an address that may be stored: its /24 or /48; `None` for text that is no address.
pub fn network(address: &str) -> Option<String> {
    match address.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            Some(format!("{a}.{b}.{c}.0/24"))
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            Some(format!("{}/48", std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)))
        }
    }
}
