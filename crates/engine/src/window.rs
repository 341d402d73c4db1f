//! Tumbling windows: a bolt that gathers tuples and hands them over together.
//!
//! The tuples of an open window are held deferred, and what the window emits is anchored to all of them: a
//! window that fails, or dies with its bolt, is replayed whole. While a window is open its roots stay in
//! flight, so a count window must be smaller than the topology's `max_pending`, or its spouts stop
//! before it is full. Each tick restarts the message timeout of the tuples held, hence a window may
//! last longer than it as long as the bolt ticks.

use std::time::Duration;

use tidemill_world::Moment;

use crate::component::Bolt;
use crate::context::TaskContext;
use crate::emit::Emitter;
use crate::error::ComponentError;
use crate::policy::Done;
use crate::task::Anchor;
use crate::tuple::{Ref, Tuple};

/// What is done with the tuples of one window.
pub trait WindowBolt: Send + 'static {
    /// What it receives.
    type In: Tuple;
    /// What it emits; `()` if nothing.
    type Out: Tuple;

    /// Called once before anything else.
    ///
    /// # Errors
    /// The instance is dropped and made anew after a pause.
    fn prepare(&mut self, _context: &TaskContext) -> Result<(), ComponentError> {
        Ok(())
    }

    /// Handles the tuples of one window in the order they came. What it emits is anchored to all of them.
    ///
    /// # Errors
    /// All tuples of the window fail.
    fn window(
        &mut self,
        tuples: &[Self::In],
        out: &mut Emitter<'_, Self::Out>,
    ) -> Result<(), ComponentError>;
}

#[derive(Clone, Copy, Debug)]
enum Length {
    Count(usize),
    Time(Duration),
}

/// A bolt that calls a [`WindowBolt`] for windows that follow one another without overlap.
pub struct Tumbling<W: WindowBolt> {
    inner: W,
    length: Length,
    began: Moment,
    tuples: Vec<W::In>,
    anchors: Vec<Anchor>,
}

impl<W: WindowBolt> Tumbling<W> {
    /// Windows of so many tuples per task; zero counts as one. A unit takes no more input while its
    /// tasks hold 65,536 tuples, so a larger window would never fill.
    pub fn count(tuples: usize, inner: W) -> Self {
        Self::new(Length::Count(tuples.max(1)), inner)
    }

    /// Windows of so much processing time. The component must tick at this interval, or at a fraction
    /// of it; an empty window is not handed over.
    pub fn time(length: Duration, inner: W) -> Self {
        Self::new(Length::Time(length), inner)
    }

    fn new(length: Length, inner: W) -> Self {
        Self { inner, length, began: Moment(0), tuples: Vec::new(), anchors: Vec::new() }
    }

    fn hand_over(&mut self, out: &mut Emitter<'_, W::Out>) {
        let (inner, tuples) = (&mut self.inner, &self.tuples);
        if !tuples.is_empty() {
            let answer = out.anchored(&self.anchors, |out| inner.window(tuples, out));
            let reason = answer.err().map(|error| error.to_string());
            for anchor in self.anchors.drain(..) {
                match &reason {
                    None => out.ack(anchor),
                    Some(reason) => out.fail(anchor, reason),
                }
            }
            if let Some(reason) = reason {
                out.report_error(reason);
            }
        }
        self.tuples.clear();
        self.began = out.now();
    }
}

impl<W: WindowBolt> Bolt for Tumbling<W> {
    type In = W::In;
    type Out = W::Out;

    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        self.began = context.clock().now();
        self.inner.prepare(context)
    }

    fn execute(
        &mut self,
        tuple: Ref<'_, W::In>,
        out: &mut Emitter<'_, W::Out>,
    ) -> Result<Done, ComponentError> {
        self.tuples.push(W::In::from_ref(tuple));
        self.anchors.push(out.defer());
        if matches!(self.length, Length::Count(count) if self.tuples.len() >= count) {
            self.hand_over(out);
        }
        Ok(Done::Defer)
    }

    fn tick(&mut self, out: &mut Emitter<'_, W::Out>) -> Result<(), ComponentError> {
        match self.length {
            Length::Time(length) if out.now().since(self.began) >= length => self.hand_over(out),
            _ => self.anchors.iter().for_each(|anchor| out.reset_timeout(anchor)),
        }
        Ok(())
    }
}
