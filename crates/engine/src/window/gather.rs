//! What typed and dynamic window bolts share: the tuples held, their anchors, and the handing over.

use tidemill_world::Moment;

use super::buffer::{Buffer, Due};
use super::policy::{Cut, Holding, Time, Windows};
use super::session::{Session, Sessions};
use super::view::{Held, Window};
use super::watermark::Watermarks;
use crate::error::ComponentError;
use crate::policy::Done;
use crate::task::Anchor;

/// What window bolts need of typed and dynamic emitters alike.
pub(crate) trait Collector {
    fn now(&self) -> Moment;
    fn defer(&mut self) -> Anchor;
    fn ack(&mut self, anchor: Anchor);
    fn fail(&mut self, anchor: Anchor, reason: &str);
    fn reset_timeout(&mut self, anchor: &Anchor);
    fn report_error(&mut self, error: &str);
    /// Runs `act` anchored to `anchors`.
    fn anchored<'b, R>(
        &mut self,
        anchors: impl Iterator<Item = &'b Anchor>,
        act: impl FnOnce(&mut Self) -> R,
    ) -> R;
}

/// The window just handed over.
enum Open<T> {
    Sliding { buffer: Buffer<Held<T>>, length_ms: Option<i64> },
    Session(Sessions<Held<T>>),
}

/// The open windows of one task.
pub(crate) struct Gathering<T> {
    open: Open<T>,
    watermarks: Option<Watermarks>,
    holding: Holding,
    /// What has left since the last window.
    expired: Vec<T>,
}

/// What has left is told to the next window, which may never come: so much is kept for it.
const EXPIRED_MAX: usize = 1 << 16;

impl<T> Gathering<T> {
    pub(crate) fn new(windows: &Windows, inputs: usize, now: Moment) -> Self {
        let open = match windows.cut {
            Cut::Session { gap } => {
                let gap_ms = i64::try_from(gap.as_millis()).unwrap_or(i64::MAX);
                Open::Session(Sessions::new(gap_ms))
            }
            Cut::Sliding { length, slide } => {
                let event_time = windows.time != Time::Processing;
                let buffer = Buffer::new(length, slide, event_time, millis(now));
                Open::Sliding { buffer, length_ms: length.millis() }
            }
        };
        let watermarks = match windows.time {
            Time::Processing => None,
            Time::Event { lag_ms, idle_after } => {
                Some(Watermarks::new(inputs, lag_ms, idle_after, now))
            }
        };
        Self { open, watermarks, holding: windows.holding, expired: Vec::new() }
    }

    /// Whether windows go by the tuples' own timestamps.
    pub(crate) fn is_event_time(&self) -> bool {
        self.watermarks.is_some()
    }

    /// Takes note of a timestamp from an input stream; `false` if a tuple of that time is late.
    pub(crate) fn track(&mut self, input: usize, at_ms: i64, now: Moment) -> bool {
        let Some(watermarks) = &mut self.watermarks else { return true };
        let ahead = watermarks.track(input, at_ms, now);
        let closed = match &self.open {
            Open::Sliding { buffer, .. } => buffer.is_late(at_ms),
            Open::Session(_) => false,
        };
        ahead && !closed
    }

    /// Takes a tuple that is not late.
    pub(crate) fn take(
        &mut self,
        tuple: T,
        key: &[u8],
        at_ms: i64,
        out: &mut impl Collector,
    ) -> Done {
        let anchor = (self.holding == Holding::UntilExpired).then(|| out.defer());
        let done = if anchor.is_some() { Done::Defer } else { Done::Ack };
        let held = Held { tuple, anchor };
        match &mut self.open {
            Open::Sliding { buffer, .. } => buffer.add(at_ms, held),
            Open::Session(sessions) => sessions.add(key, at_ms, held),
        }
        done
    }

    /// Hands over every window that is due now.
    pub(crate) fn fire<C: Collector>(
        &mut self,
        out: &mut C,
        mut hand: impl FnMut(&Window<'_, T>, &mut C) -> Result<(), ComponentError>,
    ) {
        let now = out.now();
        let reached = match &mut self.watermarks {
            Some(watermarks) => match watermarks.advance(now).or(watermarks.current()) {
                Some(watermark) => watermark,
                None => return,
            },
            // The present millisecond is not over: a tuple of it may come yet.
            None => millis(now).saturating_sub(1),
        };
        let expired = &mut self.expired;
        match &mut self.open {
            Open::Sliding { buffer, length_ms } => {
                buffer.reach(reached);
                while let Some(due) = buffer.due() {
                    slide(buffer, due, *length_ms, expired, out, &mut hand);
                }
            }
            Open::Session(sessions) => {
                sessions.reach(reached);
                while let Some(session) = sessions.due() {
                    end(session, out, &mut hand);
                }
            }
        }
    }

    /// Restarts the message timeout of all tuples that are held.
    pub(crate) fn reset_timeouts(&self, out: &mut impl Collector) {
        let mut touch = |held: &Held<T>| {
            if let Some(anchor) = &held.anchor {
                out.reset_timeout(anchor);
            }
        };
        match &self.open {
            Open::Sliding { buffer, .. } => {
                buffer.entries().iter().for_each(|entry| touch(&entry.item));
            }
            Open::Session(sessions) => sessions.entries().for_each(|entry| touch(&entry.item)),
        }
    }
}

/// Hands over a window, and lets go of what no later window can hold.
fn slide<T, C: Collector>(
    buffer: &mut Buffer<Held<T>>,
    due: Due,
    length_ms: Option<i64>,
    expired: &mut Vec<T>,
    out: &mut C,
    hand: &mut impl FnMut(&Window<'_, T>, &mut C) -> Result<(), ComponentError>,
) {
    let entries = buffer.entries().range(due.from..due.to);
    let window = Window {
        entries: entries.clone(),
        expired,
        start_ms: length_ms.map(|length| due.end_ms.saturating_sub(length)),
        end_ms: due.end_ms,
        key: &[],
    };
    let anchors = entries.filter_map(|entry| entry.item.anchor.as_ref());
    let answer = out.anchored(anchors, |out| hand(&window, out));
    expired.clear();
    match answer {
        Ok(()) => {
            for entry in buffer.done(due) {
                entry.item.anchor.into_iter().for_each(|anchor| out.ack(anchor));
                if entry.seen && expired.len() < EXPIRED_MAX {
                    expired.push(entry.item.tuple);
                }
            }
        }
        Err(error) => fail(buffer.failed(due).map(|entry| entry.item), &error, out),
    }
}

/// Hands over a session.
fn end<T, C: Collector>(
    session: Session<Held<T>>,
    out: &mut C,
    hand: &mut impl FnMut(&Window<'_, T>, &mut C) -> Result<(), ComponentError>,
) {
    let window = Window {
        entries: session.entries.iter(),
        expired: &[],
        start_ms: session.entries.front().map(|entry| entry.at_ms),
        end_ms: session.last_ms(),
        key: &session.key,
    };
    let anchors = session.entries.iter().filter_map(|entry| entry.item.anchor.as_ref());
    let answer = out.anchored(anchors, |out| hand(&window, out));
    let held = session.entries.into_iter().map(|entry| entry.item);
    match answer {
        Ok(()) => held.filter_map(|held| held.anchor).for_each(|anchor| out.ack(anchor)),
        Err(error) => fail(held, &error, out),
    }
}

fn fail<T>(held: impl Iterator<Item = Held<T>>, error: &ComponentError, out: &mut impl Collector) {
    let reason = error.to_string();
    held.filter_map(|held| held.anchor).for_each(|anchor| out.fail(anchor, &reason));
    out.report_error(&reason);
}

/// A moment of the engine's clock as the time of a window.
pub(crate) fn millis(now: Moment) -> i64 {
    i64::try_from(now.0 / 1_000_000).unwrap_or(i64::MAX)
}
