//! What the tests with real Python children share.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use tidemill_multilang::child::{ChildSpec, LogLine, LogSink};

/// The interpreter for children without streamparse.
pub(crate) fn python() -> std::ffi::OsString {
    std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into())
}

/// `tests/py/hand.py MODE ARG`.
pub(crate) fn hand(mode: &str, arg: &str) -> ChildSpec {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/py/hand.py");
    ChildSpec {
        program: python(),
        args: vec![script.into(), mode.into(), arg.into()],
        cwd: std::env::temp_dir(),
        env: Vec::new(),
    }
}

/// A fresh directory that is removed with this value.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tidemill-multilang-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Keeps log lines.
#[derive(Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<Vec<LogLine>>>);

impl Logs {
    pub(crate) fn sink(&self) -> LogSink {
        let lines = Arc::clone(&self.0);
        Arc::new(move |line| lines.lock().unwrap().push(line))
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|line| line.text.clone()).collect()
    }

    pub(crate) fn find(&self, part: &str) -> Option<LogLine> {
        self.0.lock().unwrap().iter().find(|line| line.text.contains(part)).cloned()
    }
}

/// Whether a process with this id is there and not merely unreaped.
pub(crate) fn is_alive(pid: i64) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    state.is_some_and(|state| state != "Z")
}
