//! Tests of importing into a log.

use tidemill_commitlog::batch::records;
use tidemill_commitlog::{Log, LogConfig, Partition};
use tidemill_world::World;

use super::*;
use crate::hit::Hit;
use crate::intake::{HITS, ensure_topic};

/// A folder that is removed again.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("tidemill-import-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn importer(folder: &Folder) -> (Importer, Log) {
    let world = World::real();
    let log = Log::open(world.clone(), LogConfig::new(&folder.0)).unwrap();
    let hits = ensure_topic(&log, HITS).unwrap().unwrap();
    let importer = Importer {
        intake: Intake::new(&hits),
        keys: Arc::new(DayKeys::open(&world, &folder.0).unwrap()),
        sources: Sources::default(),
        metrics: Arc::new(Metrics::default()),
        clock: world.clock_arc(),
    };
    (importer, log)
}

/// Lines as the topology sees them: site, address, time, source line; and it notes them in `sources`.
fn stored(partition: &Partition, sources: &Sources) -> Vec<(String, i64, u64)> {
    let (mut found, mut offset) = (Vec::new(), 0);
    while offset < partition.high_watermark() {
        let read = partition.read(offset, 1 << 20).unwrap();
        for batch in read.batches() {
            for record in &records(&batch).unwrap() {
                let record = record.unwrap();
                let hit = Hit::decode(record.value.unwrap()).unwrap();
                let (source, line) = hit.source.unwrap();
                if sources.note(source, line, record.offset) {
                    found.push((hit.url.into_owned(), record.timestamp_ms, line));
                }
            }
        }
        offset = read.next_offset;
    }
    found
}

fn options() -> ImportOptions {
    ImportOptions { site: "example.com".into(), ..ImportOptions::default() }
}

const LOG: &str = "\
192.0.2.1 - - [17/May/2015:10:05:03 +0000] \"GET /a?x=1 HTTP/1.1\" 200 1 \"-\" \"Mozilla/5.0\"
192.0.2.1 - - [17/May/2015:10:05:04 +0000] \"GET /a.css HTTP/1.1\" 200 1 \"-\" \"Mozilla/5.0\"
nonsense

192.0.2.1 - - [17/May/2015:10:05:05 +0000] \"POST /b HTTP/1.1\" 200 1 \"-\" \"Mozilla/5.0\"
192.0.2.2 - - [17/May/2999:10:05:05 +0000] \"GET /b HTTP/1.1\" 200 1 \"-\" \"Mozilla/5.0\"
192.0.2.2 - - [17/May/2015:10:05:06 +0000] \"GET /b/ HTTP/1.1\" 304 0 \"https://t.co/x\" \"Mozilla/5.0\"
";

#[test]
fn views_are_stored_and_the_rest_is_told() {
    let folder = Folder::new("told");
    let (importer, log) = importer(&folder);
    let (mut rejects, mut told) = (Vec::new(), 0);
    let report =
        access_log(&importer, &options(), LOG.as_bytes(), Some(&mut rejects), &mut |_| told += 1)
            .unwrap();
    assert_eq!(
        (report.lines, report.views, report.skipped, report.malformed, report.again),
        (7, 2, 3, 2, 0)
    );
    assert_eq!((report.first_malformed[0].line, report.first_malformed[1].line), (3, 6));
    assert_eq!(report.first_malformed[0].text, "nonsense");
    assert_eq!(report.bytes, LOG.len() as u64);
    let rejects = String::from_utf8(rejects).unwrap();
    assert!(rejects.starts_with("nonsense\n") && rejects.lines().count() == 2);
    assert!(told > 0);
    let stored = stored(importer.intake.partition(), &Sources::default());
    assert_eq!(stored[0], ("https://example.com/a?x=1".to_owned(), 1_431_857_103_000, 1));
    assert_eq!((stored[1].0.as_str(), stored[1].2, stored.len()), ("https://example.com/b/", 7, 2));
    log.close().unwrap();
}

#[test]
fn a_second_import_adds_nothing_and_a_grown_file_adds_what_is_new() {
    let folder = Folder::new("again");
    let (importer, log) = importer(&folder);
    let run =
        |text: &str| access_log(&importer, &options(), text.as_bytes(), None, &mut |_| {}).unwrap();
    run(LOG);
    assert_eq!(stored(importer.intake.partition(), &importer.sources).len(), 2);
    let report = run(LOG);
    assert_eq!((report.views, report.again, report.skipped, report.malformed), (0, 2, 3, 2));
    assert_eq!(importer.intake.partition().high_watermark(), 2);
    let more = "192.0.2.3 - - [17/May/2015:10:06:00 +0000] \"GET /c HTTP/1.1\" 200 1 \"-\" \"M\"\n"
        .repeat(100);
    let report = run(&format!("{LOG}{more}"));
    assert_eq!((report.views, report.again), (100, 2));
    log.close().unwrap();
}

#[test]
fn an_import_that_does_not_know_of_another_is_dropped_line_by_line_on_the_way() {
    let folder = Folder::new("unknowing");
    let (importer, log) = importer(&folder);
    for _ in 0..2 {
        // Both ask before the topology has seen anything.
        access_log(&importer, &options(), LOG.as_bytes(), None, &mut |_| {}).unwrap();
    }
    assert_eq!(importer.intake.partition().high_watermark(), 4);
    assert_eq!(stored(importer.intake.partition(), &Sources::default()).len(), 2);
    log.close().unwrap();
}

#[test]
fn all_requests_takes_the_rest_and_a_bad_site_is_refused() {
    let folder = Folder::new("all");
    let (importer, log) = importer(&folder);
    let all = ImportOptions { all_requests: true, ..options() };
    assert_eq!(access_log(&importer, &all, LOG.as_bytes(), None, &mut |_| {}).unwrap().views, 4);
    let bad = ImportOptions { site: "a/b".into(), ..options() };
    let error = access_log(&importer, &bad, LOG.as_bytes(), None, &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("letters"));
    log.close().unwrap();
}
