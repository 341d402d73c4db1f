//! Where tasks are put, and what a change of executors refuses.

use super::*;

fn placing(id: &str, tasks: usize, executors: usize) -> Placing {
    Placing { id: id.to_owned(), tasks, executors, blocking: false, fused: None }
}

fn layout(components: Vec<Placing>, workers: usize) -> Layout {
    let workers: Vec<Arc<Inbox>> = (0..workers).map(|_| Arc::default()).collect();
    Layout::new(components, &workers, 0)
}

/// The workers of a component's tasks, by the order in which they first appear.
fn workers_of(layout: &Layout, component: usize) -> Vec<usize> {
    let mut seen = Vec::new();
    let number = |home: &Arc<Home>| {
        let worker = home.whereabouts.worker();
        seen.iter().position(|it| *it == worker).unwrap_or_else(|| {
            seen.push(worker);
            seen.len() - 1
        })
    };
    layout.homes[component].iter().map(number).collect()
}

fn no_threads(_: &str, _: &Arc<Inbox>) -> io::Result<()> {
    Err(io::Error::other("none left"))
}

fn threads(_: &str, _: &Arc<Inbox>) -> io::Result<()> {
    Ok(())
}

#[test]
fn tasks_of_one_executor_stand_together() {
    let layout = layout(vec![placing("a", 6, 2)], 4);
    assert_eq!(workers_of(&layout, 0), [0, 0, 0, 1, 1, 1]);
    layout.rebalance(&[("a".to_owned(), 3)], no_threads).unwrap();
    assert_eq!(workers_of(&layout, 0), [0, 0, 1, 1, 2, 2]);
    layout.rebalance(&[("a".to_owned(), 6)], no_threads).unwrap();
    assert_eq!(workers_of(&layout, 0), [0, 1, 2, 3, 0, 1], "four workers carry six executors");
    layout.rebalance(&[("a".to_owned(), 1)], no_threads).unwrap();
    assert_eq!(workers_of(&layout, 0), [0; 6]);
    assert_eq!(layout.executors("a"), Some(1));
}

#[test]
fn single_executors_share_one_worker() {
    let layout = layout(vec![placing("a", 1, 1), placing("b", 4, 1)], 4);
    let a = layout.home(0, 0).whereabouts.worker();
    assert!((0..4).all(|task| layout.home(1, task).whereabouts.worker() == a));
}

#[test]
fn every_executor_of_a_blocking_component_has_a_worker() {
    let blocking = Placing { blocking: true, ..placing("a", 4, 2) };
    let layout = layout(vec![blocking], 1);
    assert_eq!(workers_of(&layout, 0), [0, 0, 1, 1]);
    assert_eq!(layout.own().len(), 2);
    let first = layout.home(0, 0).whereabouts.worker();
    let refused = layout.rebalance(&[("a".to_owned(), 4)], no_threads);
    assert!(matches!(refused, Err(RebalanceError::Thread { .. })));
    assert_eq!((layout.executors("a"), layout.own().len()), (Some(2), 2), "nothing has changed");
    layout.rebalance(&[("a".to_owned(), 4)], threads).unwrap();
    assert_eq!(workers_of(&layout, 0), [0, 1, 2, 3]);
    layout.rebalance(&[("a".to_owned(), 1)], threads).unwrap();
    assert_eq!(layout.own().len(), 1);
    assert!((0..4).all(|task| layout.home(0, task).whereabouts.worker() == first));
}

#[test]
fn a_fused_chain_changes_as_one() {
    let fused = Placing { fused: Some(0), ..placing("b", 4, 1) };
    let layout = layout(vec![placing("a", 4, 1), fused], 4);
    layout.rebalance(&[("b".to_owned(), 2)], no_threads).unwrap();
    assert_eq!((layout.executors("a"), layout.executors("b")), (Some(2), Some(2)));
    assert_eq!(workers_of(&layout, 0), [0, 0, 1, 1]);
    assert_eq!(workers_of(&layout, 1), workers_of(&layout, 0));
    let refused = layout.rebalance(&[("a".to_owned(), 1), ("b".to_owned(), 4)], no_threads);
    assert_eq!(
        refused.unwrap_err().to_string(),
        "b and a are fused into one chain; ask for the same number of executors for both"
    );
    layout.rebalance(&[("a".to_owned(), 4), ("b".to_owned(), 4)], no_threads).unwrap();
}

#[test]
fn what_cannot_be_is_refused_with_the_way_out() {
    let layout = layout(vec![placing("a", 2, 1), placing("b", 1, 1)], 2);
    let refused = |changes: &[(&str, usize)]| {
        let changes: Vec<_> = changes.iter().map(|(id, n)| ((*id).to_owned(), *n)).collect();
        layout.rebalance(&changes, no_threads).unwrap_err().to_string()
    };
    assert_eq!(refused(&[("c", 1)]), "there is no component c; known are: a, b");
    let zero = "component a cannot have 0 executors; use 1 to 2, the number of its tasks, \
                which is fixed when the topology is built (.tasks)";
    assert_eq!(refused(&[("a", 0)]), zero);
    assert_eq!(refused(&[("b", 1), ("a", 3)]), zero.replace(" 0 ", " 3 "));
    assert_eq!(layout.executors("a"), Some(1));
}
