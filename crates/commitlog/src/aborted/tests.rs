//! The bytes are Kafka's, and a search gives what overlaps.

use std::sync::Mutex;

use proptest::prelude::*;

use super::*;

const EXAMPLE: Aborted =
    Aborted { producer_id: 7, first_offset: 3, last_offset: 0x0102, stable_offset: 5 };

fn bytes(all: &[Aborted]) -> Vec<u8> {
    let mut bytes = Vec::new();
    all.iter().for_each(|aborted| aborted.push_to(&mut bytes));
    bytes
}

/// A file in memory that counts its reads.
#[derive(Debug)]
struct Content(Vec<u8>, Mutex<u32>);

impl File for Content {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        *self.1.lock().unwrap() += 1;
        let rest = self.0.get(usize::try_from(at).unwrap()..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        unreachable!("a search only reads")
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        unreachable!("a search only reads")
    }

    fn sync_data(&self) -> io::Result<()> {
        unreachable!("a search only reads")
    }

    fn is_direct(&self) -> bool {
        false
    }
}

#[test]
fn an_entry_has_kafkas_bytes() {
    let mut expected = vec![0, 0];
    for field in [7i64, 3, 0x0102, 5] {
        expected.extend(field.to_be_bytes());
    }
    assert_eq!(bytes(&[EXAMPLE]), expected);
    assert_eq!(Aborted::read(expected.first_chunk().unwrap()), Some(EXAMPLE));
}

#[test]
fn what_cannot_be_an_entry_is_none() {
    let wrong = [
        Aborted { producer_id: -1, ..EXAMPLE },
        Aborted { first_offset: -1, ..EXAMPLE },
        Aborted { first_offset: 0x0102, ..EXAMPLE },
        Aborted { stable_offset: 0x0104, ..EXAMPLE },
    ];
    for aborted in wrong {
        assert_eq!(Aborted::read(bytes(&[aborted]).first_chunk().unwrap()), None, "{aborted:?}");
    }
    assert_eq!(Aborted::read(&[0; ABORTED_ENTRY_BYTES]), None);
}

/// What the log would write: markers at rising offsets, each transaction's beginning before its end.
fn log() -> impl Strategy<Value = Vec<Aborted>> {
    prop::collection::vec((0..40i64, 1..9i64, any::<bool>()), 0..700).prop_map(|all| {
        let mut last_offset = 0;
        let spans: Vec<(i64, i64, bool)> = all
            .into_iter()
            .map(|(length, gap, aborts)| {
                last_offset += gap;
                ((last_offset - 1 - length).max(0), last_offset, aborts)
            })
            .collect();
        let entry = |(at, &(first_offset, last_offset, _)): (usize, &(i64, i64, bool))| {
            let open = spans[at + 1..].iter().map(|later| later.0);
            let stable_offset = open.min().unwrap_or(i64::MAX).min(last_offset + 1);
            Aborted { producer_id: at as i64, first_offset, last_offset, stable_offset }
        };
        spans.iter().enumerate().filter(|(_, span)| span.2).map(entry).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_search_gives_what_overlaps(all in log(), start in 0..3000i64, length in 1..200i64, cut in 0..700usize) {
        let offsets = start..start + length;
        let overlaps =
            |a: &&Aborted| a.first_offset < offsets.end && a.last_offset >= offsets.start;
        let expected: Vec<Aborted> = all.iter().filter(overlaps).copied().collect();
        // In memory, and over two segments of which the first is a file.
        let mut search = Search::new(offsets.clone());
        search.look_in(&bytes(&all));
        prop_assert_eq!(&search.found, &expected);
        let (closed, active) = all.split_at(cut.min(all.len()));
        let mut search = Search::new(offsets.clone());
        let content = bytes(closed);
        let summary = Summary::of(&content);
        prop_assert_eq!(summary.entries, closed.len() as u64);
        if summary.may_overlap(&offsets) {
            search.look_in_file(&Content(content, Mutex::default()), summary.entries).unwrap();
        } else {
            prop_assert!(!closed.iter().any(|a| overlaps(&a)));
        }
        if !search.is_complete {
            search.look_in(&bytes(active));
        }
        prop_assert_eq!(&search.found, &expected);
    }
}

#[test]
fn a_search_ends_where_nothing_later_can_overlap() {
    let all: Vec<Aborted> = (0..100_000)
        .map(|at| Aborted {
            producer_id: 1,
            first_offset: at * 2,
            last_offset: at * 2 + 1,
            stable_offset: at * 2 + 2,
        })
        .collect();
    let file = Content(bytes(&all), Mutex::default());
    let mut search = Search::new(100_000..100_010);
    search.look_in_file(&file, 100_000).unwrap();
    assert_eq!(search.found.len(), 5);
    assert!(search.is_complete && *file.1.lock().unwrap() < 20);
}
