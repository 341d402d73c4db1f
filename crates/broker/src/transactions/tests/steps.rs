//! Each step, each refusal.

use super::super::metadata::EPOCH_LAST;
use super::super::types::ID_BYTES_MAX;
use super::*;

#[test]
fn a_producer_begins_with_epoch_0_and_the_next_one_fences_it() {
    let mut bench = Bench::new();
    let first = bench.init(None).unwrap();
    assert_eq!(first, Producer { id: FIRST_ID, epoch: 0 });
    let second = bench.init(None).unwrap();
    assert_eq!(second, raised(first));
    assert_eq!(bench.add(first, 0), Err(ErrorCode::ProducerFenced));
    for version in [VERSION_0, VERSION_2] {
        assert_eq!(bench.end(first, version, true), Err(ErrorCode::ProducerFenced));
        assert_eq!(bench.admit(first, version, 0), Err(ErrorCode::ProducerFenced));
    }
    assert_eq!(bench.add(second, 0), Ok(()));
}

#[test]
fn ids_and_timeouts_are_checked() {
    let mut bench = Bench::new();
    let init = |bench: &mut Bench, id: &str, timeout| {
        bench.decide(|core, fresh, now| core.init(id, timeout, None, fresh, now))
    };
    assert_eq!(init(&mut bench, "", 1), Err(ErrorCode::InvalidRequest));
    let long = "x".repeat(ID_BYTES_MAX + 1);
    assert_eq!(init(&mut bench, &long, 1), Err(ErrorCode::InvalidRequest));
    for timeout in [0, -1, 900_001, i32::MAX] {
        assert_eq!(init(&mut bench, "t", timeout), Err(ErrorCode::InvalidTransactionTimeout));
    }
    assert!(init(&mut bench, "t", 900_000).is_ok());
}

#[test]
fn an_unknown_id_or_producer_has_no_transaction() {
    let mut bench = Bench::new();
    let nobody = Producer { id: 7, epoch: 0 };
    let unknown = ErrorCode::InvalidProducerIdMapping;
    for known in [false, true] {
        if known {
            bench.init(None).unwrap();
        }
        assert_eq!(bench.add(nobody, 0), Err(unknown));
        for version in [VERSION_0, VERSION_2] {
            assert_eq!(bench.end(nobody, version, true), Err(unknown));
            assert_eq!(bench.admit(nobody, version, 0), Err(unknown));
        }
    }
    let refused = bench.decide(|core, fresh, now_ms| {
        core.end(Asking { id: "", producer: nobody, version: VERSION_0, now_ms }, true, fresh)
    });
    assert_eq!(refused, Err(ErrorCode::InvalidRequest));
}

#[test]
fn the_old_flow_keeps_its_epoch_through_commits_and_aborts() {
    let mut bench = Bench::new();
    let producer = bench.init(None).unwrap();
    for (commit, done) in [(true, State::CompleteCommit), (false, State::CompleteAbort)] {
        bench.add(producer, 0).unwrap();
        bench.add(producer, 1).unwrap();
        assert_eq!(bench.state(), State::Ongoing);
        assert_eq!(bench.metadata().partitions.len(), 2);
        assert_eq!(bench.end(producer, VERSION_0, commit), Ok(producer));
        assert_eq!(bench.state(), done);
        let ending = bench.log.last().unwrap().ending.clone().unwrap();
        assert_eq!(ending.prepared.producer, producer);
        assert_eq!(ending.prepared.partitions.len(), 2);
        assert!(bench.metadata().partitions.is_empty());
        // Once more, because the answer may have been lost; but not the other way round.
        assert_eq!(bench.end(producer, VERSION_0, commit), Ok(producer));
        assert_eq!(bench.end(producer, VERSION_0, !commit), Err(ErrorCode::InvalidTxnState));
    }
}

#[test]
fn adding_again_what_is_there_writes_nothing() {
    let mut bench = Bench::new();
    let producer = bench.init(None).unwrap();
    bench.add(producer, 0).unwrap();
    let written = bench.log.len();
    bench.add(producer, 0).unwrap();
    assert_eq!(bench.log.len(), written);
    let began = bench.metadata().start_ms;
    bench.now_ms += 5;
    bench.add(producer, 1).unwrap();
    assert_eq!(bench.metadata().start_ms, began);
}

#[test]
fn the_old_flow_ends_nothing_that_did_not_begin() {
    let mut bench = Bench::new();
    let producer = bench.init(None).unwrap();
    for commit in [true, false] {
        assert_eq!(bench.end(producer, VERSION_0, commit), Err(ErrorCode::InvalidTxnState));
    }
}

#[test]
fn each_end_of_the_new_flow_raises_the_epoch() {
    let mut bench = Bench::new();
    let mut producer = bench.init(None).unwrap();
    for (commit, done) in [(true, State::CompleteCommit), (false, State::CompleteAbort)] {
        assert_eq!(bench.admit(producer, VERSION_2, 3), Ok(true));
        let next = bench.end(producer, VERSION_2, commit).unwrap();
        assert_eq!(next, raised(producer));
        assert_eq!(bench.state(), done);
        let ending = bench.log.last().unwrap().ending.clone().unwrap();
        assert_eq!(ending.prepared.producer, next, "the markers have the new epoch");
        assert_eq!(bench.end(producer, VERSION_2, commit), Ok(next), "a repeat");
        let other = bench.end(producer, VERSION_2, !commit);
        assert_eq!(other, Err(ErrorCode::InvalidTxnState));
        assert_eq!(bench.admit(producer, VERSION_2, 3), Err(ErrorCode::ProducerFenced));
        producer = next;
    }
}

#[test]
fn a_fenced_producer_of_the_new_flow_does_not_take_an_end_of_the_old_flow_for_its_own() {
    for commit in [true, false] {
        let mut bench = Bench::new();
        let first = bench.init(None).unwrap();
        let second = bench.init(None).unwrap();
        bench.add(second, 0).unwrap();
        bench.end(second, VERSION_0, commit).unwrap();
        assert_eq!(bench.end(first, VERSION_2, commit), Err(ErrorCode::ProducerFenced));
    }
}

#[test]
fn the_new_flow_aborts_an_empty_transaction_and_commits_none() {
    let mut bench = Bench::new();
    let mut producer = bench.init(None).unwrap();
    for _ in 0..3 {
        assert_eq!(bench.end(producer, VERSION_2, true), Err(ErrorCode::InvalidTxnState));
        let next = bench.end(producer, VERSION_2, false).unwrap();
        assert_eq!(next, raised(producer));
        producer = next;
    }
    bench.admit(producer, VERSION_2, 0).unwrap();
    producer = bench.end(producer, VERSION_2, true).unwrap();
    assert_eq!(bench.end(producer, VERSION_2, true), Err(ErrorCode::InvalidTxnState));
    assert_eq!(bench.end(producer, VERSION_2, false), Ok(raised(producer)));
}

#[test]
fn what_was_not_added_is_not_admitted_in_the_old_flow() {
    let mut bench = Bench::new();
    let producer = bench.init(None).unwrap();
    assert_eq!(bench.admit(producer, VERSION_0, 0), Ok(false));
    bench.add(producer, 0).unwrap();
    assert_eq!(bench.admit(producer, VERSION_0, 0), Ok(true));
    assert_eq!(bench.admit(producer, VERSION_0, 1), Ok(false));
    bench.end(producer, VERSION_0, true).unwrap();
    assert_eq!(bench.admit(producer, VERSION_0, 0), Ok(false), "the transaction is over");
}

#[test]
fn a_producer_ends_nothing_while_its_own_append_is_on_the_way() {
    for version in [VERSION_0, VERSION_2] {
        let mut bench = Bench::new();
        let producer = bench.init(None).unwrap();
        bench.add(producer, 0).unwrap();
        let asking = Asking { id: "t", producer, version, now_ms: bench.now_ms };
        assert!(matches!(bench.core.admit(asking, &[place(0)]), Decision::Answer(Ok(_))));
        let refused = bench.end(producer, version, true);
        assert_eq!(refused, Err(ErrorCode::ConcurrentTransactions));
        bench.core.leave("t");
        assert!(bench.end(producer, version, true).is_ok());
    }
}

#[test]
fn while_a_change_is_written_nothing_else_is_done() {
    let mut bench = Bench::new();
    let producer = bench.init(None).unwrap();
    bench.add(producer, 0).unwrap();
    let asking = old(producer, bench.now_ms);
    let Decision::Write(change, _) = bench.core.end(asking, true, None) else { panic!() };
    let busy = ErrorCode::ConcurrentTransactions;
    assert_eq!(bench.init(None), Err(busy));
    assert_eq!(bench.add(producer, 0), Err(busy));
    for version in [VERSION_0, VERSION_2] {
        assert_eq!(bench.end(producer, version, true), Err(busy));
        assert_eq!(bench.admit(producer, version, 0), Err(busy));
    }
    assert!(bench.core.overdue(i64::MAX).len() == 1);
    let timed_out = bench.core.time_out("t", None, i64::MAX);
    assert_eq!(timed_out, Decision::Answer(Ok(())), "it is being ended already");
    // It failed: all is as it was, and the producer may try again.
    bench.core.finish(&change, Outcome::NotWritten);
    assert_eq!(bench.state(), State::Ongoing);
    assert_eq!(bench.end(producer, VERSION_0, true), Ok(producer));
}

#[test]
fn what_is_in_the_transaction_is_admitted_while_more_is_added() {
    let mut bench = Bench::new();
    let producer = bench.init(None).unwrap();
    bench.add(producer, 0).unwrap();
    let asking = old(producer, bench.now_ms);
    let Decision::Write(change, ()) = bench.core.add(asking, &[place(1)]) else { panic!() };
    assert_eq!(bench.admit(producer, VERSION_0, 0), Ok(true));
    assert_eq!(bench.admit(producer, VERSION_0, 1), Ok(false), "not yet");
    bench.written(*change);
    assert_eq!(bench.admit(producer, VERSION_0, 1), Ok(true));
}

#[test]
fn a_new_id_that_was_not_written_is_not_there() {
    let mut bench = Bench::new();
    let now = bench.now_ms;
    let Decision::Write(change, _) = bench.core.init("t", 1, None, Some(5), now) else { panic!() };
    assert_eq!(bench.init(None), Err(ErrorCode::ConcurrentTransactions));
    bench.core.finish(&change, Outcome::NotWritten);
    assert_eq!(bench.core.metadata("t"), None);
    assert!(bench.init(None).is_ok());
}

#[test]
fn a_decision_that_not_everybody_knows_can_only_be_waited_for() {
    for (version, commit) in
        [(VERSION_0, true), (VERSION_0, false), (VERSION_2, true), (VERSION_2, false)]
    {
        let mut bench = Bench::new();
        let producer = bench.init(None).unwrap();
        bench.add(producer, 0).unwrap();
        bench.prepare(producer, version, commit);
        assert!(bench.state().is_prepared());
        let busy = ErrorCode::ConcurrentTransactions;
        assert_eq!(bench.init(None), Err(busy));
        let now_its = if version == VERSION_2 { raised(producer) } else { producer };
        assert_eq!(bench.add(now_its, 0), Err(busy));
        assert_eq!(bench.end(producer, version, commit), Err(busy));
        assert_eq!(bench.end(producer, version, !commit), Err(ErrorCode::InvalidTxnState));
        assert_eq!(bench.core.prepared().len(), 1);
        let change = bench.core.complete("t", bench.now_ms).unwrap();
        bench.written(*change);
        assert!(bench.core.prepared().is_empty());
        assert_eq!(bench.end(producer, version, commit), Ok(now_its));
    }
}

#[test]
fn a_producer_that_goes_on_names_its_epoch() {
    let mut bench = Bench::new();
    let first = bench.init(None).unwrap();
    let second = bench.init(Some(first)).unwrap();
    assert_eq!(second, raised(first));
    assert_eq!(bench.init(Some(first)), Ok(second), "its answer was lost");
    let third = bench.init(Some(second)).unwrap();
    assert_eq!(bench.init(Some(first)), Err(ErrorCode::ProducerFenced));
    let other = bench.init(None).unwrap();
    assert_eq!(other, raised(third));
    assert_eq!(bench.init(Some(third)), Err(ErrorCode::ProducerFenced), "another has begun");
    let stranger = Producer { id: 1, epoch: other.epoch };
    assert_eq!(bench.init(Some(stranger)), Err(ErrorCode::ProducerFenced));
}

#[test]
fn beginning_aborts_what_is_open() {
    let mut bench = Bench::new();
    let first = bench.init(None).unwrap();
    bench.add(first, 0).unwrap();
    let second = bench.init(None).unwrap();
    assert_eq!(second.epoch, first.epoch + 2, "one fences, one is given");
    assert_eq!(bench.state(), State::Empty);
    let aborted = bench.log[bench.log.len() - 2].ending.clone().unwrap().prepared;
    assert_eq!((aborted.state, aborted.producer), (State::PrepareAbort, raised(first)));
    for version in [VERSION_0, VERSION_2] {
        assert_eq!(bench.end(first, version, true), Err(ErrorCode::ProducerFenced));
    }
}

#[test]
fn used_up_epochs_give_a_new_id_at_the_beginning() {
    let mut bench = Bench::new();
    let last = bench.at_epoch(EPOCH_LAST);
    let next = bench.init(Some(last)).unwrap();
    assert_eq!(next.epoch, 0);
    assert_ne!(next.id, last.id);
    // Its answer was lost: it still says what it had.
    assert_eq!(bench.init(Some(last)), Ok(next));
    assert_eq!(bench.add(last, 0), Err(ErrorCode::InvalidProducerIdMapping));
    let other = bench.init(None).unwrap();
    assert_eq!(other, raised(next));
}

#[test]
fn used_up_epochs_give_a_new_id_at_the_end() {
    for commit in [true, false] {
        let mut bench = Bench::new();
        let last = bench.at_epoch(EPOCH_LAST);
        bench.admit(last, VERSION_2, 0).unwrap();
        let next = bench.end(last, VERSION_2, commit).unwrap();
        assert_eq!(next.epoch, 0);
        assert_ne!(next.id, last.id);
        let told = bench.log.last().unwrap().ending.clone().unwrap().prepared;
        assert_eq!(told.producer, Producer { epoch: i16::MAX, ..last });
        assert_eq!(told.next_id, next.id);
        assert_eq!(bench.metadata().next_id, NO_ID);
        assert_eq!(bench.end(last, VERSION_2, commit), Ok(next), "a repeat");
        let other = bench.end(last, VERSION_2, !commit);
        assert_eq!(other, Err(ErrorCode::InvalidTxnState));
        assert_eq!(bench.admit(next, VERSION_2, 0), Ok(true));
    }
}

#[test]
fn the_old_flow_can_use_the_last_epoch() {
    let mut bench = Bench::new();
    let last = bench.at_epoch(EPOCH_LAST);
    bench.add(last, 0).unwrap();
    assert_eq!(bench.end(last, VERSION_0, true), Ok(last));
}

#[test]
fn a_transaction_is_aborted_when_its_time_is_over() {
    let mut bench = Bench::new();
    let producer = bench.init(None).unwrap();
    assert_eq!(bench.core.next_deadline_ms(), None);
    bench.add(producer, 0).unwrap();
    let deadline = bench.now_ms + 60_000;
    assert_eq!(bench.core.next_deadline_ms(), Some(deadline));
    assert!(bench.core.overdue(deadline - 1).is_empty());
    bench.now_ms = deadline;
    assert_eq!(bench.core.overdue(deadline).len(), 1);
    assert_eq!(bench.decide(|core, fresh, now| core.time_out("t", fresh, now)), Ok(()));
    assert_eq!(bench.state(), State::CompleteAbort);
    assert_eq!(bench.core.next_deadline_ms(), None);
    assert_eq!(bench.end(producer, VERSION_0, true), Err(ErrorCode::ProducerFenced));
    assert_eq!(bench.end(producer, VERSION_2, true), Err(ErrorCode::InvalidTxnState));
    // The producer that finds out by aborting goes on with the new epoch (KIP-890).
    assert_eq!(bench.end(producer, VERSION_2, false), Ok(raised(producer)));
}

#[test]
fn idle_ids_are_forgotten_and_busy_ones_are_not() {
    let mut bench = Bench::new();
    let producer = bench.init(None).unwrap();
    let began = bench.now_ms;
    assert!(bench.core.idle_since(began - 1).is_empty());
    bench.add(producer, 0).unwrap();
    assert!(bench.core.idle_since(i64::MAX).is_empty(), "a transaction is open");
    bench.end(producer, VERSION_0, true).unwrap();
    assert_eq!(bench.core.idle_since(began).len(), 1);
    let change = bench.core.forget("t", began).unwrap();
    assert_eq!(change.next, None);
    assert_eq!(bench.init(None), Err(ErrorCode::ConcurrentTransactions));
    bench.written(*change);
    assert_eq!(bench.add(producer, 0), Err(ErrorCode::InvalidProducerIdMapping));
    assert_eq!(bench.init(None), Ok(Producer { id: FIRST_ID + 1, epoch: 0 }));
}
