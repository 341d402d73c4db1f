//! How far event time has come in one task.
//!
//! The rule is Storm's (`WaterMarkEventGenerator`): the watermark is the smallest of the greatest timestamps of all
//! input streams, less the lag, once each of them has spoken; it never goes back. Added is a time after which a
//! silent stream is left out.

use std::time::Duration;

use tidemill_world::Moment;

/// The watermark of one task.
#[derive(Debug)]
pub(crate) struct Watermarks {
    streams: Vec<Stream>,
    lag_ms: i64,
    idle_after: Option<Duration>,
    current: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    greatest: Option<i64>,
    spoke: Moment,
}

impl Watermarks {
    /// The watermark over so many input streams.
    pub(crate) fn new(
        streams: usize,
        lag_ms: i64,
        idle_after: Option<Duration>,
        now: Moment,
    ) -> Self {
        let stream = Stream { greatest: None, spoke: now };
        Self { streams: vec![stream; streams.max(1)], lag_ms, idle_after, current: None }
    }

    /// Takes note of a tuple; `false` if it is late.
    pub(crate) fn track(&mut self, stream: usize, at_ms: i64, now: Moment) -> bool {
        if let Some(stream) = self.streams.get_mut(stream) {
            stream.greatest = stream.greatest.max(Some(at_ms));
            stream.spoke = now;
        }
        self.current.is_none_or(|current| at_ms >= current)
    }

    /// The watermark if it has moved.
    pub(crate) fn advance(&mut self, now: Moment) -> Option<i64> {
        let mut smallest = None;
        for stream in &self.streams {
            let idle = self.idle_after.is_some_and(|idle| now.since(stream.spoke) >= idle);
            match stream.greatest {
                _ if idle => {}
                None => return None,
                Some(greatest) => {
                    smallest = Some(smallest.map_or(greatest, |least: i64| least.min(greatest)));
                }
            }
        }
        // If all are silent, time has come as far as the one that came furthest.
        let furthest = || self.streams.iter().filter_map(|stream| stream.greatest).max();
        let next = smallest.or_else(furthest)?.saturating_sub(self.lag_ms);
        if self.current.is_some_and(|current| next <= current) {
            return None;
        }
        self.current = Some(next);
        self.current
    }

    /// The watermark as it is.
    pub(crate) fn current(&self) -> Option<i64> {
        self.current
    }
}

#[cfg(test)]
mod tests;
