//! Starts a child so that nothing of it outlives us.
//!
//! # Constraints
//!
//! * A child gets its own process group: signals reach what it started too, and Ctrl-C in a
//!   terminal does not, so that we can drain first.
//! * The kernel kills the child when the *thread* that started it ends (`PR_SET_PDEATHSIG`), also when we are
//!   killed with -9. So a child is started by the thread that owns it until its end.
//! * SIGUSR1 is never sent: clients have meanings of their own for it.
//! * The group is killed before the child is reaped, while its number cannot yet belong to another.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

/// How to start a child.
#[derive(Clone, Debug, Default)]
pub struct ChildSpec {
    /// The program: a path, or a name looked for on `PATH`.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its working directory (Storm: the topology's `resources/`).
    pub cwd: PathBuf,
    /// Variables over those of our own environment.
    pub env: Vec<(OsString, OsString)>,
}

/// A process could not be started; nothing runs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpawnError {
    #[error("cannot make directory {path} for process ids: {source}")]
    PidDir { path: String, source: io::Error },
    #[error("working directory {0} does not exist")]
    NoDirectory(String),
    #[error(
        "cannot start `{program}`: {source}; is it installed, and is its first line a good interpreter?"
    )]
    Refused { program: String, source: io::Error },
    #[error("cannot set up the pipes to `{program}`: {source}")]
    Pipes { program: String, source: io::Error },
}

/// A running child. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Pid,
    reaped: bool,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<ChildStdout>,
    pub(crate) stderr: Option<ChildStderr>,
}

impl Process {
    pub(crate) fn start(spec: &ChildSpec) -> Result<Self, SpawnError> {
        let program = spec.program.to_string_lossy().into_owned();
        if !spec.cwd.is_dir() {
            return Err(SpawnError::NoDirectory(spec.cwd.display().to_string()));
        }
        let mut command = Command::new(&spec.program);
        command.args(&spec.args).current_dir(&spec.cwd).process_group(0);
        command.envs(spec.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        death_signal::die_with_this_thread(&mut command);
        let started = command.spawn();
        let child =
            started.map_err(|source| SpawnError::Refused { program: program.clone(), source })?;
        Self::adopt(child).map_err(|source| SpawnError::Pipes { program, source })
    }

    fn adopt(mut child: Child) -> io::Result<Self> {
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let group = Pid::from_child(&child);
        let process = Self { child, group, reaped: false, stdin, stdout, stderr };
        // Each end of a pipe has its own flags: the child's ends stay blocking.
        if let Some(pipe) = &process.stdin {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        if let Some(pipe) = &process.stdout {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        if let Some(pipe) = &process.stderr {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        Ok(process)
    }

    /// Whether the child has ended. It is not reaped yet, so its group can still be signalled.
    pub(crate) fn has_exited(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(rustix::process::waitid(WaitId::Pid(self.group), options), Ok(None))
    }

    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        if !self.reaped {
            // It may have ended just now; that is as good.
            let _ = rustix::process::kill_process_group(self.group, signal);
        }
    }

    /// Ends what is left of the group and takes the exit status: "exit status: 1".
    pub(crate) fn reap(mut self) -> String {
        self.kill();
        let status = self.child.wait();
        self.reaped = true;
        match status {
            Ok(status) => status.to_string(),
            Err(error) => format!("an unknown status ({error})"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
            let _ = self.child.wait();
        }
    }
}

#[allow(
    unsafe_code,
    reason = "a call between fork and exec is the only way to set the death signal"
)]
mod death_signal {
    use std::io;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    /// Has the kernel kill the child when the thread that starts it ends.
    #[cfg(target_os = "linux")]
    pub(super) fn die_with_this_thread(command: &mut Command) {
        use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};
        let parent = getpid();
        let before_exec = move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // The parent may have died before the call above took hold.
            if getppid() == Some(parent) {
                Ok(())
            } else {
                Err(io::Error::from_raw_os_error(rustix::io::Errno::SRCH.raw_os_error()))
            }
        };
        // SAFETY: the closure runs in the forked child of a process with many threads, where only
        // async-signal-safe work is allowed. It makes two system calls and neither
        // allocates nor takes a lock.
        unsafe {
            command.pre_exec(before_exec);
        }
    }

    /// Elsewhere a child notices our death by the end of its input.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn die_with_this_thread(_command: &mut Command) {}
}
