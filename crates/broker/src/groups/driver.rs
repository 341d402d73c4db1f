//! The side of the groups with tasks and a clock: hands requests in, waits for answers, lets time pass.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidemill_wire::{ErrorCode, Text};
use tidemill_world::{Moment, World};
use tokio::sync::{Notify, oneshot};

use super::coordinator::Coordinator;
use super::types::{
    Effect, GroupLimits, GroupView, Identity, JoinInput, JoinRefused, Joined, SyncInput, Synced,
    Ticket,
};

pub(crate) type JoinAnswer = Result<Joined, JoinRefused>;
pub(crate) type SyncAnswer = Result<Synced, ErrorCode>;

/// All groups, shared by the connections.
pub(crate) struct Groups {
    world: World,
    // A std mutex: it is held for the length of one step of the state machine and never across an await.
    core: Mutex<Core>,
    /// Told when a deadline came up that is earlier than the one being slept for.
    earlier: Notify,
}

struct Core {
    coordinator: Coordinator,
    joins: HashMap<Ticket, oneshot::Sender<JoinAnswer>>,
    syncs: HashMap<Ticket, oneshot::Sender<SyncAnswer>>,
    tickets: u64,
    /// What [`Groups::run`] sleeps for.
    armed: Option<Moment>,
}

impl Core {
    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// Hands answers out. A caller that is gone does not take its own; the group finds out by its silence.
    fn deliver(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Join(ticket, answer) => {
                    if let Some(caller) = self.joins.remove(&ticket) {
                        drop(caller.send(answer));
                    }
                }
                Effect::Sync(ticket, answer) => {
                    if let Some(caller) = self.syncs.remove(&ticket) {
                        drop(caller.send(answer));
                    }
                }
            }
        }
    }
}

impl Groups {
    /// No groups yet.
    pub(crate) fn new(world: World, limits: GroupLimits) -> Arc<Self> {
        let core = Core {
            coordinator: Coordinator::new(limits),
            joins: HashMap::new(),
            syncs: HashMap::new(),
            tickets: 0,
            armed: None,
        };
        Arc::new(Self { world, core: Mutex::new(core), earlier: Notify::new() })
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        // A step that panicked left at worst one group half changed; the others go on.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins; the answer comes when the generation begins. `make` is given the ticket and a fresh id.
    pub(crate) fn join(
        &self,
        group: &Text,
        client_id: &str,
        make: impl FnOnce(Ticket, Text) -> JoinInput,
    ) -> oneshot::Receiver<JoinAnswer> {
        let fresh_id = self.fresh_id(client_id);
        let (caller, answer) = oneshot::channel();
        let mut core = self.core();
        let ticket = core.ticket();
        core.joins.insert(ticket, caller);
        let effects = core.coordinator.join(group, &make(ticket, fresh_id), self.now());
        core.deliver(effects);
        self.rearm(&core, group);
        answer
    }

    /// Asks for the assignment; the answer comes when the leader has handed it in.
    pub(crate) fn sync(
        &self,
        group: &Text,
        make: impl FnOnce(Ticket) -> SyncInput,
    ) -> oneshot::Receiver<SyncAnswer> {
        let (caller, answer) = oneshot::channel();
        let mut core = self.core();
        let ticket = core.ticket();
        core.syncs.insert(ticket, caller);
        let effects = core.coordinator.sync(group, &make(ticket), self.now());
        core.deliver(effects);
        self.rearm(&core, group);
        answer
    }

    /// A member says that it lives.
    pub(crate) fn heartbeat(&self, group: &Text, who: &Identity) -> ErrorCode {
        self.core().coordinator.heartbeat(group, who, self.now())
    }

    /// A member leaves.
    pub(crate) fn leave(&self, group: &Text, id: &Text, instance: Option<&Text>) -> ErrorCode {
        let mut core = self.core();
        let (error, effects) = core.coordinator.leave(group, id, instance, self.now());
        core.deliver(effects);
        self.rearm(&core, group);
        error
    }

    /// Whether a commit may be kept.
    pub(crate) fn commit(&self, group: &Text, who: &Identity) -> ErrorCode {
        self.core().coordinator.commit(group, who, self.now())
    }

    /// What a group looks like, if it has members.
    pub(crate) fn view(&self, group: &Text) -> Option<GroupView> {
        self.core().coordinator.view(group)
    }

    /// All groups with members: name, protocol type, state.
    pub(crate) fn list(&self) -> Vec<(Text, Text, &'static str)> {
        self.core().coordinator.list()
    }

    fn now(&self) -> Moment {
        self.world.clock().now()
    }

    fn fresh_id(&self, client_id: &str) -> Text {
        let (high, low) = (self.world.random().next_u64(), self.world.random().next_u64());
        Text::from(format!("{client_id}-{high:016x}{low:016x}"))
    }

    fn rearm(&self, core: &Core, group: &Text) {
        let next = core.coordinator.group_deadline(group);
        if next.is_some_and(|next| core.armed.is_none_or(|armed| next < armed)) {
            self.earlier.notify_one();
        }
    }

    /// Lets time pass, for ever.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            let next = {
                let mut core = self.core();
                core.armed = core.coordinator.next_deadline();
                core.armed
            };
            match next {
                None => self.earlier.notified().await,
                Some(moment) => {
                    tokio::select! {
                        () = self.world.clock().sleep_until(moment) => {}
                        () = self.earlier.notified() => {}
                    }
                }
            }
            let mut core = self.core();
            let effects = core.coordinator.tick(self.now());
            core.deliver(effects);
        }
    }
}
