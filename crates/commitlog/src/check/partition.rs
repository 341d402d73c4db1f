//! Looking at one partition.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use tidemill_world::{Disk, OpenHow};

use super::files::{self, Found};
use super::report::{Remedy, Report};
use crate::checkpoint::{Mark, PartitionKey, parse_partition_metadata, read_epochs, read_text};
use crate::clean::CleanMarks;
use crate::config::TopicId;
use crate::index::ActiveIndex;
use crate::limits::{PRODUCER_SNAPSHOT_BYTES_MAX, ROUND_BYTES_MAX};
use crate::names::{
    Kind, LEADER_EPOCHS, PARTITION_METADATA, SWAP, parse_partition_folder, segment_base,
    segment_file, snapshot_offset,
};
use crate::producer_snapshot::decode;
use crate::scan::{Scan, find_batch, scan_each};
use crate::starts::Starts;
use crate::topics::TopicFile;

/// What the checkpoint files of the whole log say.
#[derive(Default)]
pub(super) struct Known {
    pub(super) marks: BTreeMap<PartitionKey, Mark>,
    pub(super) starts: Starts,
    pub(super) cleaned: CleanMarks,
}

/// A partition's folder.
pub(super) struct Folder {
    path: PathBuf,
    key: Option<PartitionKey>,
    name: (String, i32),
}

/// A segment that was scanned.
struct Segment {
    base: i64,
    scan: Scan,
}

impl Folder {
    /// The partition in `path`, if it is one: of a known topic, or with the files of one.
    pub(super) fn find(
        disk: &dyn Disk,
        path: &Path,
        topics: &[TopicFile],
    ) -> io::Result<Option<Self>> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some((topic, index)) = parse_partition_folder(&name) else { return Ok(None) };
        let known = topics.iter().find(|file| *file.info.name == *topic && !file.deleting);
        let metadata = read_text(disk, &path.join(PARTITION_METADATA))?;
        let id = metadata.as_deref().and_then(parse_partition_metadata);
        if known.is_none() && id.is_none() {
            return Ok(None);
        }
        let id = known.map(|file| file.info.id).or(id);
        let (key, name) = (id.map(|id| (id, index)), (topic.to_owned(), index));
        Ok(Some(Self { path: path.to_owned(), key, name }))
    }

    pub(super) fn check(
        &self,
        disk: &dyn Disk,
        known: &Known,
        report: &mut Report,
    ) -> io::Result<()> {
        report.partitions += 1;
        self.check_metadata(disk, report)?;
        let names: Vec<String> =
            disk.list(&self.path)?.into_iter().map(|entry| entry.name).collect();
        if let Some(name) = names.iter().find(|name| name.ends_with(SWAP)) {
            let what = "a cleaning was cut short, and the check looks at the files before it";
            report.add(&self.path.join(name), 0, what.into(), Remedy::Open);
        }
        let mut bases: Vec<i64> = names.iter().filter_map(|name| segment_base(name)).collect();
        bases.sort_unstable();
        let mark = self.key.and_then(|key| known.marks.get(&key));
        let mut segments = Vec::new();
        for (at, base) in bases.iter().enumerate() {
            let is_last = at + 1 == bases.len();
            segments.push(self.check_segment(disk, *base, is_last, report)?);
        }
        self.check_ends(disk, &segments, known, report)?;
        self.check_mark(disk, mark, &segments, report)?;
        self.check_snapshots(disk, &names, report)
    }

    fn check_metadata(&self, disk: &dyn Disk, report: &mut Report) -> io::Result<()> {
        let path = self.path.join(PARTITION_METADATA);
        let text = read_text(disk, &path)?;
        let found: Option<TopicId> = text.as_deref().and_then(parse_partition_metadata);
        if let Some((id, _)) = self.key.filter(|(id, _)| found != Some(*id)) {
            let what = format!("it is missing, or not of topic id {id}");
            report.add(&path, 0, what, Remedy::Manual);
        }
        let path = self.path.join(LEADER_EPOCHS);
        match read_epochs(disk, &path) {
            Ok(epochs) => {
                let rises = epochs
                    .windows(2)
                    .all(|pair| pair[0].epoch < pair[1].epoch && pair[0].offset <= pair[1].offset);
                if !rises {
                    let what = "its epochs do not rise".to_owned();
                    report.add(&path, 0, what, Remedy::Manual);
                }
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                report.add(&path, 0, error.to_string(), Remedy::Manual);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn check_segment(
        &self,
        disk: &dyn Disk,
        base: i64,
        is_last: bool,
        report: &mut Report,
    ) -> io::Result<Segment> {
        report.segments += 1;
        let file = disk.open(&segment_file(&self.path, base, Kind::Log), OpenHow::Read)?;
        let mut found = Found::new(base);
        let mut index = ActiveIndex::new(base);
        let scan = scan_each(&*file, 0, base, &mut index, |header, position| {
            found.add(header, position);
        })?;
        report.batches += found.batches();
        report.bytes += scan.end;
        // The index of the last segment is believed only as far as its checksum in the mark goes, and that of a log that
        // must be cut goes with what is cut.
        if !is_last && scan.bad.is_none() {
            files::check(disk, &self.path, &found, report)?;
        }
        Ok(Segment { base, scan })
    }

    /// Where the segments end: each must end where the next begins, and the last with its batches.
    fn check_ends(
        &self,
        disk: &dyn Disk,
        segments: &[Segment],
        known: &Known,
        report: &mut Report,
    ) -> io::Result<()> {
        let cleaned_to = known.cleaned.get(&self.name).copied().unwrap_or(0);
        for (at, segment) in segments.iter().enumerate() {
            let path = segment_file(&self.path, segment.base, Kind::Log);
            let next = segments.get(at + 1);
            let Scan { end, next_offset, bad } = &segment.scan;
            let (end, next_offset) = (*end, *next_offset);
            match (bad, next) {
                (Some(what), Some(_)) => {
                    report.add(&path, end, what.clone(), Remedy::Cut);
                    return Ok(());
                }
                (Some(what), None) => {
                    let file = disk.open(&path, OpenHow::Read)?;
                    let beyond = end.saturating_add(ROUND_BYTES_MAX as u64);
                    let remedy = match find_batch(&*file, beyond, next_offset)? {
                        Some(_) => Remedy::Cut,
                        None => Remedy::Open,
                    };
                    report.add(&path, end, what.clone(), remedy);
                }
                (None, Some(next)) if next.base < next_offset => {
                    let what = format!("offset {} is in this and in the next segment", next.base);
                    report.add(&path, end, what, Remedy::Manual);
                }
                (None, Some(next)) if next.base > next_offset && next.base > cleaned_to => {
                    let what = format!("offsets {next_offset} to {} are missing", next.base - 1);
                    report.add(&path, end, what, Remedy::Cut);
                    return Ok(());
                }
                (None, _) => {}
            }
        }
        Ok(())
    }

    /// What was synced must be there.
    fn check_mark(
        &self,
        disk: &dyn Disk,
        mark: Option<&Mark>,
        segments: &[Segment],
        report: &mut Report,
    ) -> io::Result<()> {
        let Some(mark) = mark else { return Ok(()) };
        let path = segment_file(&self.path, mark.segment, Kind::Log);
        let Some(segment) = segments.iter().find(|segment| segment.base == mark.segment) else {
            if segments.last().is_none_or(|last| last.base < mark.segment) {
                let what = "the file is missing, though it was synced".to_owned();
                report.add(&path, 0, what, Remedy::Cut);
            }
            return Ok(());
        };
        let bytes = disk.open(&path, OpenHow::Read)?.len()?;
        if segment.scan.end < mark.position {
            let what = format!(
                "{} bytes were synced, {} are right, of {bytes} in the file",
                mark.position, segment.scan.end
            );
            report.findings.retain(|finding| finding.file != path);
            report.add(&path, segment.scan.end, what, Remedy::Cut);
        }
        Ok(())
    }

    fn check_snapshots(
        &self,
        disk: &dyn Disk,
        names: &[String],
        report: &mut Report,
    ) -> io::Result<()> {
        for name in names.iter().filter(|name| snapshot_offset(name).is_some()) {
            let path = self.path.join(name);
            let bytes = disk.read_all(&path, PRODUCER_SNAPSHOT_BYTES_MAX)?;
            if let Err(what) = decode(&bytes) {
                report.add(&path, 0, what.to_owned(), Remedy::SetAside);
            }
        }
        Ok(())
    }
}
