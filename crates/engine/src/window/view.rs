//! One window as the bolt sees it.

use std::collections::vec_deque;

use super::buffer::Entry;
use crate::task::Anchor;

/// A tuple in a window, and what keeps its root waiting.
#[derive(Debug)]
pub(crate) struct Held<T> {
    pub(crate) tuple: T,
    pub(crate) anchor: Option<Anchor>,
}

/// The tuples of one window in the order of their times; equal times in the order they came.
#[derive(Debug)]
pub struct Window<'a, T> {
    pub(crate) entries: vec_deque::Iter<'a, Entry<Held<T>>>,
    pub(crate) expired: &'a [T],
    pub(crate) start_ms: Option<i64>,
    pub(crate) end_ms: i64,
    pub(crate) key: &'a [u8],
}

impl<'a, T> Window<'a, T> {
    /// How many tuples it has, at least one.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Never: a window without tuples is not handed over.
    pub fn is_empty(&self) -> bool {
        self.entries.len() == 0
    }

    /// All its tuples.
    pub fn tuples(&self) -> impl ExactSizeIterator<Item = &'a T> + Clone + use<'a, T> {
        self.entries.clone().map(|entry| &entry.item.tuple)
    }

    /// Its tuples with their times, milliseconds: their timestamps, or when they came.
    pub fn timed(&self) -> impl ExactSizeIterator<Item = (i64, &'a T)> + Clone + use<'a, T> {
        self.entries.clone().map(|entry| (entry.at_ms, &entry.item.tuple))
    }

    /// The tuples that no earlier window had.
    pub fn fresh(&self) -> impl Iterator<Item = &'a T> + Clone + use<'a, T> {
        self.entries.clone().filter(|entry| !entry.seen).map(|entry| &entry.item.tuple)
    }

    /// The tuples that have left since the window before, the oldest first.
    pub fn expired(&self) -> &'a [T] {
        self.expired
    }

    /// Where it begins if its length is a time, milliseconds: a tuple of this very time is not in it. A session begins
    /// at its first tuple, which is in it.
    pub fn start_ms(&self) -> Option<i64> {
        self.start_ms
    }

    /// Where it ends, milliseconds: a tuple of this very time is in it. A window that slides by count, and a session,
    /// end at their last tuple.
    pub fn end_ms(&self) -> i64 {
        self.end_ms
    }

    /// The key of a session; empty for other windows.
    pub fn key(&self) -> &'a [u8] {
        self.key
    }
}
