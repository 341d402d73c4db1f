//! Which worker runs which task, and how that changes while the topology runs.
//!
//! # The rules
//!
//! * A component's tasks are fixed when the topology is built. Its executors are how many workers' worth of room they
//!   are spread over: the tasks of one executor stand side by side, and run on one worker. (Storm's terms, and Storm's
//!   rule that `rebalance` changes executors and never tasks: a key stays with its task.)
//! * A topology uses as many workers as its component with the most executors has of them, and no more than there are:
//!   a topology of single executors never leaves its thread. Executors are dealt out over these workers by weight,
//!   the heaviest first.
//! * Each executor of a blocking component has a worker of its own.
//! * What is fused runs as one: its executors change together.
//!
//! Changing the layout moves units and nothing else ([`Home`]): nothing pauses, drains or is sent twice, because what a
//! task holds and what is under way to it goes with it or waits where it was.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::RebalanceError;
use crate::worker::{Home, Inbox};

/// What the layout knows of a component.
#[derive(Clone, Debug)]
pub(crate) struct Placing {
    pub(crate) id: String,
    pub(crate) tasks: usize,
    pub(crate) executors: usize,
    pub(crate) blocking: bool,
    /// The component it is fused behind.
    pub(crate) fused: Option<usize>,
}

/// Where the units of one topology live.
pub(crate) struct Layout {
    components: Vec<Placing>,
    workers: Vec<Arc<Inbox>>,
    /// The worker that the first place stands for.
    base: usize,
    /// The home of each task's unit, by component; those of fused tasks are their heads'.
    homes: Vec<Vec<Arc<Home>>>,
    now: Mutex<Now>,
}

/// What changes.
struct Now {
    /// By component.
    executors: Vec<usize>,
    /// The workers that only run one executor each, by component.
    own: Vec<Vec<Arc<Inbox>>>,
}

/// The worker of one executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Shared(usize),
    /// One of its own, by the executor's number.
    Own(usize),
}

impl Layout {
    /// Lays the components out over `workers`, beginning with the one at `base`.
    pub(crate) fn new(components: Vec<Placing>, workers: &[Arc<Inbox>], base: usize) -> Self {
        let executors: Vec<usize> = components.iter().map(|placing| placing.executors).collect();
        let own: Vec<Vec<Arc<Inbox>>> = components
            .iter()
            .map(|placing| (0..own_workers(placing, placing.executors)).map(|_| Arc::default()))
            .map(Iterator::collect)
            .collect();
        let mut layout = Self {
            homes: Vec::new(),
            workers: workers.to_vec(),
            base,
            now: Mutex::new(Now { executors: executors.clone(), own: own.clone() }),
            components,
        };
        let places = layout.places(&executors);
        layout.homes = (0..layout.components.len())
            .map(|at| {
                let head = layout.head_of(at);
                // Those that are fused take their heads' below.
                let tasks = if head == at { layout.components[at].tasks } else { 0 };
                let home = |task| Home::new(layout.inbox(&places, &executors, &own, at, task));
                (0..tasks).map(home).collect()
            })
            .collect();
        for at in 0..layout.components.len() {
            layout.homes[at] = layout.homes[layout.head_of(at)].clone();
        }
        layout
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The component at the head of the unit that runs the one at `at`.
    pub(crate) fn head_of(&self, mut at: usize) -> usize {
        while let Some(source) = self.components[at].fused {
            at = source;
        }
        at
    }

    /// The home of a task's unit.
    pub(crate) fn home(&self, component: usize, task: usize) -> &Arc<Home> {
        &self.homes[component][task]
    }

    /// How many executors a component has at present.
    pub(crate) fn executors(&self, component: &str) -> Option<usize> {
        let at = self.components.iter().position(|placing| placing.id == component)?;
        self.now().executors.get(at).copied()
    }

    /// The workers that only run one executor, with the component's name.
    pub(crate) fn own(&self) -> Vec<(String, Arc<Inbox>)> {
        let now = self.now();
        let names = self.components.iter().map(|placing| &placing.id);
        names
            .zip(&now.own)
            .flat_map(|(id, inboxes)| inboxes.iter().map(|inbox| (id.clone(), Arc::clone(inbox))))
            .collect()
    }

    /// Changes the number of executors of some components; `start` starts a worker. Nothing has changed after an error.
    pub(crate) fn rebalance(
        &self,
        changes: &[(String, usize)],
        start: impl Fn(&str, &Arc<Inbox>) -> io::Result<()>,
    ) -> Result<(), RebalanceError> {
        let mut now = self.now();
        let executors = self.changed(&now.executors, changes)?;
        let own = self.grown(&now.own, &executors, start)?;
        let places = self.places(&executors);
        for (at, placing) in self.components.iter().enumerate() {
            if placing.fused.is_none() {
                for (task, home) in self.homes[at].iter().enumerate() {
                    home.move_to(self.inbox(&places, &executors, &own, at, task));
                }
            }
        }
        // They end when the last of their units is gone. Those before have been told so already.
        own.iter().flatten().for_each(|inbox| inbox.stop());
        *now = Now { executors, own };
        Ok(())
    }

    /// The numbers of executors after `changes`.
    fn changed(
        &self,
        before: &[usize],
        changes: &[(String, usize)],
    ) -> Result<Vec<usize>, RebalanceError> {
        let mut heads: Vec<Option<(usize, &str)>> = vec![None; self.components.len()];
        for (id, executors) in changes {
            let at = self.components.iter().position(|placing| placing.id == *id);
            let at = at.ok_or_else(|| self.unknown(id))?;
            let tasks = self.components[at].tasks;
            if *executors == 0 || *executors > tasks {
                let (component, executors) = (id.clone(), *executors);
                return Err(RebalanceError::OutOfRange { component, executors, tasks });
            }
            match heads[self.head_of(at)].replace((*executors, id)) {
                Some((other, with)) if other != *executors => {
                    let (component, with) = (id.clone(), with.to_owned());
                    return Err(RebalanceError::Fused { component, with });
                }
                _ => {}
            }
        }
        let after = |at: usize| heads[self.head_of(at)].map_or(before[at], |(count, _)| count);
        Ok((0..self.components.len()).map(after).collect())
    }

    fn unknown(&self, component: &str) -> RebalanceError {
        let known: Vec<&str> = self.components.iter().map(|placing| placing.id.as_str()).collect();
        RebalanceError::UnknownComponent {
            component: component.to_owned(),
            known: known.join(", "),
        }
    }

    /// The workers of blocking components for so many executors: those there are, and new ones that were started.
    fn grown(
        &self,
        before: &[Vec<Arc<Inbox>>],
        executors: &[usize],
        start: impl Fn(&str, &Arc<Inbox>) -> io::Result<()>,
    ) -> Result<Vec<Vec<Arc<Inbox>>>, RebalanceError> {
        let mut started: Vec<Arc<Inbox>> = Vec::new();
        let mut after = Vec::new();
        for ((placing, inboxes), executors) in self.components.iter().zip(before).zip(executors) {
            let wanted = own_workers(placing, *executors);
            let mut inboxes: Vec<_> = inboxes.iter().take(wanted).cloned().collect();
            while inboxes.len() < wanted {
                let inbox = Arc::<Inbox>::default();
                if let Err(source) = start(&placing.id, &inbox) {
                    started.iter().for_each(|inbox| inbox.stop());
                    let component = placing.id.clone();
                    return Err(RebalanceError::Thread { component, source });
                }
                started.push(Arc::clone(&inbox));
                inboxes.push(inbox);
            }
            after.push(inboxes);
        }
        Ok(after)
    }

    /// The worker of a head component's task.
    fn inbox<'a>(
        &'a self,
        places: &[Vec<Place>],
        executors: &[usize],
        own: &'a [Vec<Arc<Inbox>>],
        at: usize,
        task: usize,
    ) -> &'a Arc<Inbox> {
        match places[at][task * executors[at] / self.components[at].tasks] {
            Place::Own(executor) => &own[at][executor],
            Place::Shared(place) => &self.workers[(self.base + place) % self.workers.len()],
        }
    }

    /// Gives each executor of each head component a worker: the heavier first, each to the one with the least to
    /// carry, an executor's weight being the number of its tasks and of those fused behind them.
    fn places(&self, executors: &[usize]) -> Vec<Vec<Place>> {
        let shared = (0..self.components.len()).filter(|at| !self.components[*at].blocking);
        let widest = shared.map(|at| executors[at]).max().unwrap_or(1);
        let mut loads = vec![0; widest.clamp(1, self.workers.len().max(1))];
        let mut places: Vec<Vec<Place>> = vec![Vec::new(); self.components.len()];
        let weights = self.weights(executors);
        let heads = self.components.iter().enumerate().filter(|(_, it)| it.fused.is_none());
        let mut heads: Vec<usize> = heads.map(|(at, _)| at).collect();
        heads.sort_by_key(|at| std::cmp::Reverse(weights[*at]));
        for at in heads {
            for executor in 0..executors[at] {
                if self.components[at].blocking {
                    places[at].push(Place::Own(executor));
                    continue;
                }
                let place = lightest(&loads);
                loads[place] += weights[at];
                places[at].push(Place::Shared(place));
            }
        }
        places
    }

    /// How many tasks an executor of each head component runs, rounded up.
    fn weights(&self, executors: &[usize]) -> Vec<usize> {
        let mut weights = vec![0; self.components.len()];
        for at in 0..self.components.len() {
            weights[self.head_of(at)] += self.components[at].tasks.div_ceil(executors[at]);
        }
        weights
    }
}

/// How many workers of their own so many executors of a component have.
fn own_workers(placing: &Placing, executors: usize) -> usize {
    if placing.blocking { executors } else { 0 }
}

/// The first of the least loaded places.
fn lightest(loads: &[usize]) -> usize {
    let least = loads.iter().enumerate().min_by_key(|(_, load)| **load);
    least.map_or(0, |(place, _)| place)
}

#[cfg(test)]
mod tests;
