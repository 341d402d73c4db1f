//! Sessions, step by step.

use tidemill_wire::fetch::{FetchPartition, FetchTopic, ForgottenTopic};

use super::*;

fn request(session_id: i32, session_epoch: i32, partitions: &[(i32, i64)]) -> FetchRequest {
    let partition = |&(partition, fetch_offset): &(i32, i64)| FetchPartition {
        partition,
        fetch_offset,
        partition_max_bytes: 1000,
        ..Default::default()
    };
    let topics = match partitions.is_empty() {
        true => vec![],
        false => vec![FetchTopic {
            topic: "t".into(),
            partitions: partitions.iter().map(partition).collect(),
            ..Default::default()
        }],
    };
    FetchRequest { session_id, session_epoch, topics, ..Default::default() }
}

fn begin(sessions: &mut FetchSessions, request: &FetchRequest) -> Result<Plan, ErrorCode> {
    let mut id = 41;
    let fresh = || {
        id += 1;
        id
    };
    sessions.begin(request, false, fresh, Moment(0))
}

fn partitions(plan: &Plan) -> Vec<(i32, i64)> {
    plan.wanted.iter().map(|wanted| (wanted.partition, wanted.offset)).collect()
}

#[test]
fn a_session_remembers_what_is_not_said_again() {
    let mut sessions = FetchSessions::new(10);
    let plan = begin(&mut sessions, &request(0, 0, &[(0, 5), (1, 6)])).unwrap();
    assert_eq!((plan.session_id, plan.incremental), (42, false));
    let plan = begin(&mut sessions, &request(42, 1, &[(1, 7)])).unwrap();
    assert!(plan.incremental);
    assert_eq!(partitions(&plan), [(0, 5), (1, 7)]);
    let mut forget = request(42, 2, &[(2, 0)]);
    forget.forgotten_topics_data =
        vec![ForgottenTopic { topic: "t".into(), partitions: vec![0], ..Default::default() }];
    assert_eq!(partitions(&begin(&mut sessions, &forget).unwrap()), [(1, 7), (2, 0)]);
}

#[test]
fn a_partition_that_gave_records_goes_to_the_end_and_what_was_told_is_kept() {
    let mut sessions = FetchSessions::new(10);
    begin(&mut sessions, &request(0, 0, &[(0, 0), (1, 0), (2, 0)])).unwrap();
    let told = |partition, had_records| Told {
        topic: TopicKey::Name("t".into()),
        partition,
        high_watermark: 9,
        log_start_offset: 1,
        had_records,
    };
    sessions.finish(42, [told(0, true), told(1, false)].into_iter());
    let plan = begin(&mut sessions, &request(42, 1, &[(0, 4)])).unwrap();
    assert_eq!(partitions(&plan), [(1, 0), (2, 0), (0, 4)]);
    let known: Vec<_> = plan.wanted.iter().map(|wanted| wanted.told).collect();
    assert_eq!(known, [Some((9, 1)), None, Some((9, 1))]);
}

#[test]
fn wrong_ids_epochs_and_names_are_refused() {
    let mut sessions = FetchSessions::new(10);
    begin(&mut sessions, &request(0, 0, &[(0, 0)])).unwrap();
    let unknown = begin(&mut sessions, &request(7, 1, &[]));
    assert_eq!(unknown, Err(ErrorCode::FetchSessionIdNotFound));
    let early = begin(&mut sessions, &request(42, 2, &[]));
    assert_eq!(early, Err(ErrorCode::InvalidFetchSessionEpoch));
    let by_id = sessions.begin(&request(42, 1, &[]), true, || 1, Moment(0));
    assert_eq!(by_id, Err(ErrorCode::FetchSessionTopicIdError));
    assert!(begin(&mut sessions, &request(42, 1, &[])).is_ok());
}

#[test]
fn the_final_epoch_ends_a_session() {
    let mut sessions = FetchSessions::new(10);
    begin(&mut sessions, &request(0, 0, &[(0, 0)])).unwrap();
    let plan = begin(&mut sessions, &request(42, -1, &[(0, 3)])).unwrap();
    assert_eq!((plan.session_id, partitions(&plan)), (0, vec![(0, 3)]));
    let gone = begin(&mut sessions, &request(42, 1, &[]));
    assert_eq!(gone, Err(ErrorCode::FetchSessionIdNotFound));
}

#[test]
fn without_room_a_request_is_answered_without_a_session_until_one_is_old() {
    let mut sessions = FetchSessions::new(1);
    assert_eq!(begin(&mut sessions, &request(0, 0, &[(0, 0)])).unwrap().session_id, 42);
    assert_eq!(begin(&mut sessions, &request(0, 0, &[(0, 0)])).unwrap().session_id, 0);
    let later = Moment(0).after(EVICT_AFTER);
    let plan = sessions.begin(&request(0, 0, &[(0, 0)]), false, || 43, later).unwrap();
    assert_eq!(plan.session_id, 43);
    assert_eq!(begin(&mut sessions, &request(42, 1, &[])), Err(ErrorCode::FetchSessionIdNotFound));
}

#[test]
fn the_epoch_after_the_last_is_one() {
    let mut sessions = FetchSessions::new(1);
    begin(&mut sessions, &request(0, 0, &[(0, 0)])).unwrap();
    sessions.sessions.get_mut(&42).unwrap().next_epoch = i32::MAX;
    assert!(begin(&mut sessions, &request(42, i32::MAX, &[])).is_ok());
    assert!(begin(&mut sessions, &request(42, 1, &[])).is_ok());
}
