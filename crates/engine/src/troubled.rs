//! Where a test's trouble strikes: around the calls into a component.
//!
//! A troubled component is the component itself with a question before and after each call: the
//! [`Trouble`] may return an error in the component's place, panic as the component would, or let time pass. The
//! engine sees no difference to a component that fails by itself.

use std::sync::Arc;

use crate::bolt_core::{BoltCore, Hook, Io};
use crate::context::TaskContext;
use crate::emit::SpoutState;
use crate::epochs::CommitPart;
use crate::error::{ComponentError, FailReason};
use crate::policy::{Done, MessageId, Next, Retries};
use crate::run::Run;
use crate::spout_core::SpoutCore;
use crate::target::Input;
use crate::trouble::{Point, Trouble};

/// What troubled spouts and bolts share.
struct Struck {
    component: String,
    trouble: Arc<dyn Trouble>,
}

impl Struck {
    fn new(trouble: Arc<dyn Trouble>) -> Self {
        Self { component: String::new(), trouble }
    }

    fn made(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        context.component().clone_into(&mut self.component);
        self.at(Point::Making)
    }

    fn at(&self, point: Point) -> Result<(), ComponentError> {
        self.trouble.strike(&self.component, point)
    }

    /// Where the component has no error to return, only a panic counts.
    fn telling(&self) {
        drop(self.at(Point::Telling));
    }
}

/// A bolt that trouble strikes.
pub(crate) struct TroubledBolt<C> {
    core: C,
    struck: Struck,
}

impl<C> TroubledBolt<C> {
    pub(crate) fn new(core: C, trouble: Arc<dyn Trouble>) -> Self {
        Self { core, struck: Struck::new(trouble) }
    }
}

impl<C: BoltCore> BoltCore for TroubledBolt<C> {
    type In = C::In;
    type Outs = C::Outs;

    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        self.struck.made(context)?;
        self.core.prepare(context)
    }

    fn execute(
        &mut self,
        tuple: <C::In as Input>::Ref<'_>,
        io: Io<'_, C::Outs>,
    ) -> Result<Done, ComponentError> {
        self.struck.at(Point::Before)?;
        let done = self.core.execute(tuple, io)?;
        // A tuple that is kept has been handed out as an anchor: it is the bolt's to fail.
        if done == Done::Ack {
            self.struck.at(Point::After)?;
        }
        Ok(done)
    }

    fn call(&mut self, hook: Hook, io: Io<'_, C::Outs>) -> Result<(), ComponentError> {
        self.struck.at(Point::Hook)?;
        self.core.call(hook, io)
    }

    fn commit_part(&mut self, epoch: u64) -> Result<Option<CommitPart>, ComponentError> {
        self.struck.at(Point::Commit)?;
        self.core.commit_part(epoch)
    }

    fn committed(&mut self, epoch: u64) {
        self.struck.telling();
        self.core.committed(epoch);
    }

    fn taken_back(&mut self) -> Result<(), ComponentError> {
        self.struck.telling();
        self.core.taken_back()
    }

    fn close(&mut self) {
        self.core.close();
    }
}

/// A spout that trouble strikes.
pub(crate) struct TroubledSpout<C> {
    core: C,
    struck: Struck,
}

impl<C> TroubledSpout<C> {
    pub(crate) fn new(core: C, trouble: Arc<dyn Trouble>) -> Self {
        Self { core, struck: Struck::new(trouble) }
    }
}

impl<C: SpoutCore> SpoutCore for TroubledSpout<C> {
    type Outs = C::Outs;

    fn open(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        self.struck.made(context)?;
        self.core.open(context)
    }

    fn next(
        &mut self,
        outs: &mut C::Outs,
        state: &mut SpoutState,
        run: &mut Run,
    ) -> Result<Next, ComponentError> {
        self.struck.at(Point::Before)?;
        let next = self.core.next(outs, state, run)?;
        self.struck.at(Point::After)?;
        Ok(next)
    }

    fn ack(&mut self, id: MessageId) {
        self.struck.telling();
        self.core.ack(id);
    }

    fn fail(&mut self, id: MessageId, reason: &FailReason) {
        self.struck.telling();
        self.core.fail(id, reason);
    }

    fn commit(&mut self, low_water: MessageId) -> Result<(), ComponentError> {
        self.struck.at(Point::Commit)?;
        self.core.commit(low_water)
    }

    fn retries(&self) -> Retries {
        self.core.retries()
    }

    fn activate(&mut self, active: bool) {
        self.core.activate(active);
    }

    fn commit_part(&mut self, epoch: u64) -> Result<Option<CommitPart>, ComponentError> {
        self.struck.at(Point::Commit)?;
        self.core.commit_part(epoch)
    }

    fn committed(&mut self, epoch: u64) {
        self.struck.telling();
        self.core.committed(epoch);
    }

    fn taken_back(&mut self) -> Result<(), ComponentError> {
        self.struck.telling();
        self.core.taken_back()
    }

    fn close(&mut self) {
        self.core.close();
    }
}
