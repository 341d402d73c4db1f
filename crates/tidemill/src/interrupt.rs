//! Ctrl-C for commands that have something to finish: the first asks, the second ends the process.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal;

use crate::error::CliError;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static WATCHING: OnceLock<()> = OnceLock::new();

/// Whether Ctrl-C, or a request to end, has come since [`watch`].
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Takes Ctrl-C and a request to end from now on.
///
/// # Errors
/// The system gives no thread or no signals.
pub(crate) fn watch() -> Result<(), CliError> {
    if WATCHING.set(()).is_err() {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::failed("cannot listen for signals", error))?;
    let thread = std::thread::Builder::new().name("signals".to_owned());
    let spawned = thread.spawn(move || {
        runtime.block_on(async {
            next().await;
            INTERRUPTED.store(true, Ordering::Relaxed);
            next().await;
            std::process::exit(130);
        });
    });
    spawned.map(drop).map_err(|error| CliError::failed("cannot start a thread", error))
}

/// Waits for an interrupt or a request to end; without signals, for ever.
async fn next() {
    #[cfg(unix)]
    {
        use signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else {
            return std::future::pending().await;
        };
        tokio::select! {
            result = signal::ctrl_c() => if result.is_err() { std::future::pending().await },
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    if signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
