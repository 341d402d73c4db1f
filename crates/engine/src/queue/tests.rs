//! The ring against a plain queue.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::roots::RootId;

fn batch(number: u8) -> Box<Batch> {
    let mut batch = Box::<Batch>::default();
    batch.push(RootId::NONE, &[], |writer| writer.0.push(number));
    batch
}

proptest! {
    #[test]
    fn behaves_as_a_bounded_queue(actions in prop::collection::vec(any::<Option<u8>>(), 0..200)) {
        let wake = Wake::new();
        let (producer, consumer) = ring(wake.clone(), Wake::new());
        let mut model = VecDeque::new();
        let mut refused = false;
        for action in actions {
            match action {
                Some(number) => {
                    let pushed = producer.push(batch(number)).is_ok();
                    prop_assert_eq!(pushed, model.len() < RING_BATCHES);
                    refused |= !pushed;
                    if pushed {
                        model.push_back(number);
                    }
                }
                None => {
                    let popped = consumer.pop();
                    prop_assert_eq!(popped.as_ref().map(|b| b.tuple(0)[0]), model.pop_front());
                    if popped.is_some() {
                        prop_assert_eq!(wake.take(), refused, "woken iff it was refused before");
                        refused = false;
                    }
                    popped.into_iter().for_each(|batch| consumer.give_back(batch));
                }
            }
            prop_assert_eq!(producer.is_drained(), model.is_empty());
            prop_assert_eq!(producer.gauge().depth(), model.len());
        }
    }
}

#[test]
fn emptied_batches_come_back() {
    let (producer, consumer) = ring(Wake::new(), Wake::new());
    producer.push(batch(1)).unwrap();
    let used = consumer.pop().unwrap();
    let address = std::ptr::from_ref(&*used);
    consumer.give_back(used);
    let fresh = producer.fresh();
    assert!(fresh.is_empty());
    assert_eq!(std::ptr::from_ref(&*fresh), address);
}

#[test]
fn publishing_wakes_the_consumer() {
    let wake = Wake::new();
    let (producer, _consumer) = ring(Wake::new(), wake.clone());
    assert!(!wake.take());
    producer.push(batch(1)).unwrap();
    assert!(wake.take());
}
