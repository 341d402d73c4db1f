//! A real access log that comes in slowly, so that its numbers can be seen to move.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use tidemill_world::{Clock, Moment, Wake};

use crate::import::{ImportError, ImportOptions, ImportReport, access_log};
use crate::service::Analytics;

#[cfg(test)]
mod tests;

/// Bytes handed on at once; a log of two megabytes then comes in some 150 steps.
const STEP_BYTES: usize = 16 * 1024;
/// How long the mark stays for the views to have the last hits.
const PATIENCE: Duration = Duration::from_secs(60);

/// Imports an access log of `bytes` bytes in about `takes`; meanwhile the site is marked as being imported. A log
/// that was imported before passes without waiting.
///
/// # Errors
/// The log cannot be read or stored.
pub async fn paced_import(
    analytics: &Analytics,
    options: ImportOptions,
    input: impl Read + Send + 'static,
    bytes: u64,
    takes: Duration,
) -> Result<ImportReport, ImportError> {
    let mark = analytics.importing().mark(&options.site);
    let importer = analytics.importer().clone();
    analytics.wait_caught_up(PATIENCE).await;
    let clock = Arc::clone(&importer.clock);
    let paced = Paced { input, bytes: bytes.max(1), takes, read: 0, started: clock.now(), clock };
    let run = move || access_log(&importer, &options, paced, None, &mut |_| {});
    let report = match tokio::task::spawn_blocking(run).await {
        Ok(report) => report,
        Err(_) => Err(ImportError::Read(io::Error::other("the import was ended"))),
    };
    analytics.wait_caught_up(PATIENCE).await;
    drop(mark);
    report
}

/// Holds a reader back so that it takes a given time.
struct Paced<R> {
    input: R,
    bytes: u64,
    takes: Duration,
    read: u64,
    started: Moment,
    clock: Arc<dyn Clock>,
}

impl<R> Paced<R> {
    /// How much longer the next byte has to wait.
    fn wait(&self) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "a share of a file")]
        let share = (self.read as f64 / self.bytes as f64).min(1.0);
        self.takes.mul_f64(share).saturating_sub(self.clock.now().since(self.started))
    }
}

impl<R: Read> Read for Paced<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wait = self.wait();
        if !wait.is_zero() {
            // Nobody notifies it: this thread only lets time go by.
            Wake::new().wait(Some(wait));
        }
        let most = STEP_BYTES.min(buffer.len());
        let read = self.input.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.read += read as u64;
        Ok(read)
    }
}
