//! A run is judged by what passes on the real Kafka, less what is known.

use super::*;

fn verdict(on: On) -> Verdict {
    let kafka =
        parse_kafka("# head\n0001 pass 1\na::b[x y] pass 0\n0081 fail 13\n0099 skip 0\n").unwrap();
    let expected = parse_expected("# head\n0003: no such API yet\n").unwrap();
    let mut kafka = kafka;
    kafka.insert("0003".to_owned(), true);
    Verdict::new(on, Some(kafka), expected)
}

fn case(name: &str, outcome: Outcome) -> Case {
    Case { name: name.to_owned(), outcome, seconds: 1, why: String::new() }
}

#[test]
fn what_passes_on_kafka_and_fails_here_is_a_failure() {
    let mut verdict = verdict(On::Tidemill);
    verdict.add(case("0001", Outcome::Fail));
    verdict.add(case("a::b[x y]", Outcome::Skip));
    assert_eq!((verdict.passed(), verdict.failed()), (0, 2));
}

#[test]
fn what_fails_on_kafka_or_is_known_is_no_failure() {
    let mut verdict = verdict(On::Tidemill);
    verdict.add(case("0081", Outcome::Fail));
    verdict.add(case("0099", Outcome::Skip));
    let line = verdict.add(case("0003", Outcome::Timeout));
    assert!(line.contains("no such API yet"), "{line}");
    assert_eq!(verdict.failed(), 0);
}

#[test]
fn a_test_that_did_not_run_is_a_failure_of_a_whole_run_only() {
    let mut part = verdict(On::Tidemill);
    part.add(case("0001", Outcome::Pass));
    part.ended(false);
    assert_eq!(part.failed(), 0);
    part.ended(true);
    assert_eq!((part.passed(), part.failed()), (1, 2));
}

#[test]
fn a_known_failure_that_passes_is_told() {
    let mut verdict = verdict(On::Tidemill);
    verdict.add(case("0003", Outcome::Pass));
    assert_eq!(verdict.cured(), ["0003"]);
}

#[test]
fn on_kafka_itself_every_failure_counts() {
    let mut verdict = verdict(On::Kafka);
    verdict.add(case("0001", Outcome::Pass));
    verdict.add(case("0081", Outcome::Fail));
    verdict.add(case("0099", Outcome::Skip));
    assert_eq!((verdict.passed(), verdict.failed()), (1, 1));
}

#[test]
fn a_line_that_cannot_be_read_is_told() {
    assert!(parse_kafka("0001 maybe 3").is_err());
    assert!(parse_expected("0001 no colon").is_err());
}
