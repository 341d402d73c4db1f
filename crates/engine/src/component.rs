//! What users write: spouts and bolts, typed and dynamic.
//!
//! A component is made by its factory on the worker that runs it, and made anew there after a panic. Its
//! methods are never called by two threads at once. None of them may block for long, unless the component
//! is declared [`blocking`](crate::DynBoltDeclarer::blocking) and so has a worker of its own.

use crate::context::TaskContext;
use crate::emit::{BoltOutput, Emitter, SpoutEmitter, SpoutOutput};
use crate::epochs::CommitPart;
use crate::error::{ComponentError, FailReason};
use crate::policy::{Done, MessageId, Next, Retries};
use crate::tuple::{Ref, Tuple};
use crate::tuple_ref::TupleRef;

/// A source of tuples of one type on one stream.
#[expect(unused_variables, reason = "defaults ignore what they are told")]
pub trait Spout: Send + 'static {
    /// What it emits.
    type Out: Tuple;

    /// Called once before anything else.
    ///
    /// # Errors
    /// The instance is dropped and made anew after a pause.
    fn open(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        Ok(())
    }
    /// Emits what there is, best no more than [`room`](SpoutEmitter::room).
    ///
    /// # Errors
    /// The error is reported and `next` called again after a pause.
    fn next(&mut self, out: &mut SpoutEmitter<'_, Self::Out>) -> Result<Next, ComponentError>;
    /// A root is done.
    fn ack(&mut self, id: MessageId) {}
    /// A root has failed for good: it ran out of the engine's retries, or the spout retries itself.
    fn fail(&mut self, id: MessageId, reason: &FailReason) {}
    /// Every root emitted with an id before `low_water` is done.
    ///
    /// # Errors
    /// The error is reported; the next commit covers this one.
    fn commit(&mut self, low_water: MessageId) -> Result<(), ComponentError> {
        Ok(())
    }
    /// Who emits a failed root again; asked once, after `open`.
    fn retries(&self) -> Retries {
        Retries::default()
    }
    /// The topology is active again.
    fn activate(&mut self) {}
    /// The topology was deactivated: `next` is not called until `activate`.
    fn deactivate(&mut self) {}
    /// The end of an epoch, in exactly-once topologies only: what this component adds to the commit. Nothing is under way
    /// then.
    ///
    /// # Errors
    /// The epoch is taken back.
    fn commit_part(&mut self, epoch: u64) -> Result<Option<CommitPart>, ComponentError> {
        Ok(None)
    }
    /// The epoch was committed.
    fn committed(&mut self, epoch: u64) {}
    /// The epoch was taken back: go back to the position committed last, from which all roots come again.
    ///
    /// # Errors
    /// The instance is dropped and made anew after a pause.
    fn taken_back(&mut self) -> Result<(), ComponentError> {
        Ok(())
    }
    /// Called once after everything else, unless the instance panicked.
    fn close(&mut self) {}
}

/// A step from tuples of one type to tuples of another.
#[expect(unused_variables, reason = "defaults ignore what they are told")]
pub trait Bolt: Send + 'static {
    /// What it receives.
    type In: Tuple;
    /// What it emits; `()` if nothing.
    type Out: Tuple;

    /// Called once before anything else.
    ///
    /// # Errors
    /// The instance is dropped and made anew after a pause.
    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        Ok(())
    }
    /// Handles one tuple. What it emits is anchored to that tuple.
    ///
    /// # Errors
    /// The tuple fails with the error as its reason.
    fn execute(
        &mut self,
        tuple: Ref<'_, Self::In>,
        out: &mut Emitter<'_, Self::Out>,
    ) -> Result<Done, ComponentError>;
    /// After each input batch: the place for one lock or one append for many tuples.
    ///
    /// # Errors
    /// The error is reported; no tuple fails by it.
    fn end_of_batch(&mut self, out: &mut Emitter<'_, Self::Out>) -> Result<(), ComponentError> {
        Ok(())
    }
    /// After the task's [`wake`](TaskContext::wake) was notified.
    ///
    /// # Errors
    /// The error is reported; no tuple fails by it.
    fn poll(&mut self, out: &mut Emitter<'_, Self::Out>) -> Result<(), ComponentError> {
        Ok(())
    }
    /// At the interval that the component declared.
    ///
    /// # Errors
    /// The error is reported; no tuple fails by it.
    fn tick(&mut self, out: &mut Emitter<'_, Self::Out>) -> Result<(), ComponentError> {
        Ok(())
    }
    /// The end of an epoch, in exactly-once topologies only: what this component adds to the commit. Nothing is under way
    /// then.
    ///
    /// # Errors
    /// The epoch is taken back.
    fn commit_part(&mut self, epoch: u64) -> Result<Option<CommitPart>, ComponentError> {
        Ok(None)
    }
    /// The epoch was committed.
    fn committed(&mut self, epoch: u64) {}
    /// The epoch was taken back: forget what was gathered since the commit before. Keyed states are taken back by the engine.
    ///
    /// # Errors
    /// The instance is dropped and made anew after a pause.
    fn taken_back(&mut self) -> Result<(), ComponentError> {
        Ok(())
    }
    /// Called once after everything else, unless the instance panicked.
    fn close(&mut self) {}
}

/// A source of tuples on any number of streams.
#[expect(unused_variables, reason = "defaults ignore what they are told")]
pub trait DynSpout: Send {
    /// Called once before anything else.
    ///
    /// # Errors
    /// The instance is dropped and made anew after a pause.
    fn open(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        Ok(())
    }
    /// Emits what there is, best no more than [`room`](SpoutOutput::room).
    ///
    /// # Errors
    /// The error is reported and `next` called again after a pause.
    fn next(&mut self, out: &mut SpoutOutput<'_>) -> Result<Next, ComponentError>;
    /// A root is done.
    fn ack(&mut self, id: MessageId) {}
    /// A root has failed for good: it ran out of the engine's retries, or the spout retries itself.
    fn fail(&mut self, id: MessageId, reason: &FailReason) {}
    /// Every root emitted with an id before `low_water` is done.
    ///
    /// # Errors
    /// The error is reported; the next commit covers this one.
    fn commit(&mut self, low_water: MessageId) -> Result<(), ComponentError> {
        Ok(())
    }
    /// Who emits a failed root again; asked once, after `open`.
    fn retries(&self) -> Retries {
        Retries::default()
    }
    /// The topology is active again.
    fn activate(&mut self) {}
    /// The topology was deactivated: `next` is not called until `activate`.
    fn deactivate(&mut self) {}
    /// The end of an epoch, in exactly-once topologies only: what this component adds to the commit. Nothing is under way
    /// then.
    ///
    /// # Errors
    /// The epoch is taken back.
    fn commit_part(&mut self, epoch: u64) -> Result<Option<CommitPart>, ComponentError> {
        Ok(None)
    }
    /// The epoch was committed.
    fn committed(&mut self, epoch: u64) {}
    /// The epoch was taken back: go back to the position committed last, from which all roots come again.
    ///
    /// # Errors
    /// The instance is dropped and made anew after a pause.
    fn taken_back(&mut self) -> Result<(), ComponentError> {
        Ok(())
    }
    /// Called once after everything else, unless the instance panicked.
    fn close(&mut self) {}
}

/// A step from any tuples to any tuples.
#[expect(unused_variables, reason = "defaults ignore what they are told")]
pub trait DynBolt: Send {
    /// Called once before anything else.
    ///
    /// # Errors
    /// The instance is dropped and made anew after a pause.
    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        Ok(())
    }
    /// Handles one tuple. What it emits is anchored to that tuple, unless said otherwise.
    ///
    /// # Errors
    /// The tuple fails with the error as its reason.
    fn execute(
        &mut self,
        tuple: &TupleRef<'_>,
        out: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError>;
    /// After each input batch: the place for one lock or one append for many tuples.
    ///
    /// # Errors
    /// The error is reported; no tuple fails by it.
    fn end_of_batch(&mut self, out: &mut BoltOutput<'_>) -> Result<(), ComponentError> {
        Ok(())
    }
    /// After the task's [`wake`](TaskContext::wake) was notified.
    ///
    /// # Errors
    /// The error is reported; no tuple fails by it.
    fn poll(&mut self, out: &mut BoltOutput<'_>) -> Result<(), ComponentError> {
        Ok(())
    }
    /// At the interval that the component declared.
    ///
    /// # Errors
    /// The error is reported; no tuple fails by it.
    fn tick(&mut self, out: &mut BoltOutput<'_>) -> Result<(), ComponentError> {
        Ok(())
    }
    /// The end of an epoch, in exactly-once topologies only: what this component adds to the commit. Nothing is under way
    /// then.
    ///
    /// # Errors
    /// The epoch is taken back.
    fn commit_part(&mut self, epoch: u64) -> Result<Option<CommitPart>, ComponentError> {
        Ok(None)
    }
    /// The epoch was committed.
    fn committed(&mut self, epoch: u64) {}
    /// The epoch was taken back: forget what was gathered since the commit before. Keyed states are taken back by the engine.
    ///
    /// # Errors
    /// The instance is dropped and made anew after a pause.
    fn taken_back(&mut self) -> Result<(), ComponentError> {
        Ok(())
    }
    /// Called once after everything else, unless the instance panicked.
    fn close(&mut self) {}
}
