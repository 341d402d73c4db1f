//! The import: lines in, hits out.

use std::io::{Read, Write};
use std::sync::Arc;

use tidemill_commitlog::batch::BatchBuilder;
use tidemill_world::Clock;

use super::line::{Line, LineError};
use super::lines::{Lines, Next};
use super::report::{ImportError, ImportReport, Malformed, SHOWN_MAX};
use super::source::{START_BYTES, Sources};
use crate::form;
use crate::hit::{Received, Via, is_site_name};
use crate::intake::{BATCH_BYTES_MAX, Intake, push};
use crate::metrics::Metrics;
use crate::period::DAY_MS;
use crate::visitor::{DayKeys, network};

#[cfg(test)]
mod tests;

/// Characters of a malformed line that are shown.
const SHOWN_CHARS: usize = 160;

/// What an import needs of the house.
#[derive(Clone)]
pub struct Importer {
    /// Where hits go.
    pub intake: Intake,
    /// Who visitors are.
    pub keys: Arc<DayKeys>,
    /// How far each source was read.
    pub sources: Sources,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Importer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Importer")
    }
}

/// What an import is told.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The site; also the host of its pages.
    pub site: String,
    /// Whether every request counts as a page view, also assets, errors and other methods.
    pub all_requests: bool,
    /// Whether the log is still being written, so that its lines count as they come.
    pub growing: bool,
    /// The source's name; `None` finds it from how the file starts.
    pub source: Option<String>,
}

/// Imports an access log from a stream that may be gzip. `progress` is called after each piece that was
/// stored, and may slow the import down; lines that are not understood also go to `rejects`. Blocks.
///
/// # Errors
/// The stream, the log or the rejects fail. What was stored before stays, and importing again goes on
/// from there.
pub fn access_log<'w>(
    importer: &Importer,
    options: &ImportOptions,
    input: impl Read,
    rejects: Option<&'w mut (dyn Write + 'w)>,
    progress: &mut dyn FnMut(&ImportReport),
) -> Result<ImportReport, ImportError> {
    if !is_site_name(&options.site) {
        return Err(ImportError::Site(options.site.chars().take(200).collect()));
    }
    let mut lines = Lines::new(input).map_err(ImportError::Read)?;
    let start = lines.start(START_BYTES, options.growing).map_err(ImportError::Read)?;
    let source = match &options.source {
        Some(name) => format!("{}:{name}", options.site),
        None => importer.sources.identify(&options.site, start),
    };
    let mut run = Run {
        importer,
        options,
        known_to: importer.sources.highest(&source),
        source: source.as_str().into(),
        report: ImportReport { source, ..ImportReport::default() },
        batch: BatchBuilder::new(BATCH_BYTES_MAX),
        in_batch: 0,
        scratch: Vec::new(),
        rejects,
    };
    loop {
        match lines.next() {
            Next::Line(line) => run.take(line)?,
            Next::TooLong(start) => run.malformed(start, LineError::TooLong)?,
            Next::Dry => {
                run.report.bytes = lines.bytes;
                run.flush(progress)?;
                lines.fill().map_err(ImportError::Read)?;
            }
            Next::End => break,
        }
    }
    run.report.bytes = lines.bytes;
    run.flush(progress)?;
    Ok(run.report)
}

struct Run<'a, 'w> {
    importer: &'a Importer,
    options: &'a ImportOptions,
    /// The highest line that the log has.
    known_to: u64,
    source: Arc<str>,
    report: ImportReport,
    batch: BatchBuilder,
    in_batch: u64,
    scratch: Vec<u8>,
    rejects: Option<&'w mut (dyn Write + 'w)>,
}

impl Run<'_, '_> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), ImportError> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            self.report.lines += 1;
            self.report.skipped += 1;
            return Ok(());
        }
        let parsed =
            std::str::from_utf8(bytes).map_err(|_| LineError::NotText).and_then(Line::parse);
        let latest_ms = self.importer.clock.wall_ms().saturating_add(DAY_MS);
        match parsed {
            Ok(line) if line.at_ms > latest_ms => self.malformed(bytes, LineError::Future),
            Ok(line) => self.understood(&line),
            Err(error) => self.malformed(bytes, error),
        }
    }

    fn understood(&mut self, line: &Line<'_>) -> Result<(), ImportError> {
        self.report.lines += 1;
        if !self.options.all_requests && !line.is_page_view() {
            self.report.skipped += 1;
        } else if self.report.lines <= self.known_to {
            self.report.again += 1;
        } else {
            self.append(line)?;
        }
        Ok(())
    }

    fn malformed(&mut self, bytes: &[u8], error: LineError) -> Result<(), ImportError> {
        self.report.lines += 1;
        self.report.malformed += 1;
        if self.report.first_malformed.len() < SHOWN_MAX {
            self.report.first_malformed.push(Malformed {
                line: self.report.lines,
                reason: error.to_string(),
                text: String::from_utf8_lossy(bytes).chars().take(SHOWN_CHARS).collect(),
            });
        }
        if let Some(rejects) = &mut self.rejects {
            let line = [bytes, b"\n"].concat();
            rejects.write_all(&line).map_err(ImportError::Rejects)?;
        }
        Ok(())
    }

    fn append(&mut self, line: &Line<'_>) -> Result<(), ImportError> {
        let (site, source) = (&self.options.site, Arc::clone(&self.source));
        let visitor = self.importer.keys.visitor(line.at_ms, site, line.client, &line.user_agent);
        let network = network(line.client);
        let form = form_of(site, line);
        let hit = Received {
            form: &form,
            via: Via::Import,
            user_agent: &line.user_agent,
            referer: &line.referer,
            visitor: Some(visitor),
            network: network.as_deref(),
            source: Some((&source, self.report.lines)),
        };
        if !push(&mut self.batch, &hit, site, line.at_ms, &mut self.scratch) {
            self.store()?;
            // A line is far smaller than a batch, so it fits an empty one.
            push(&mut self.batch, &hit, site, line.at_ms, &mut self.scratch);
        }
        self.in_batch += 1;
        Ok(())
    }

    fn store(&mut self) -> Result<(), ImportError> {
        if self.in_batch > 0 {
            self.importer.intake.append_wait(self.batch.finish())?;
            self.importer.metrics.hits_import.add(self.in_batch);
            self.report.views += std::mem::take(&mut self.in_batch);
        }
        Ok(())
    }

    fn flush(&mut self, progress: &mut dyn FnMut(&ImportReport)) -> Result<(), ImportError> {
        self.store()?;
        progress(&self.report);
        Ok(())
    }
}

/// The form that a pixel on the page would have sent.
fn form_of(site: &str, line: &Line<'_>) -> String {
    let path = line.path();
    let query = line.target.split_once('?').map_or("", |(_, query)| query);
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mark = if query.is_empty() { "" } else { "?" };
    let mut form = String::with_capacity(128);
    form::push(&mut form, "idsite", site);
    form::push(&mut form, "url", &format!("https://{site}{slash}{path}{mark}{query}"));
    form::push(&mut form, "urlref", &line.referer);
    form::push(&mut form, "action", "pageview");
    form
}
