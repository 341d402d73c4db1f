//! The one place where the thread of a child waits.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::process::Process;

/// Which of a child's pipes are ready.
#[derive(Clone, Copy, Default)]
pub(super) struct Ready {
    pub(super) stdin: bool,
    pub(super) stdout: bool,
    pub(super) stderr: bool,
}

/// Waits until the doorbell rings, a pipe is ready, or the time is over. The input is waited for only if something is
/// `unsent`, the output only if it is not `held_back`.
pub(super) fn wait(
    doorbell: &UnixStream,
    process: Option<&Process>,
    timeout: Duration,
    unsent: bool,
    held_back: bool,
) -> Ready {
    let mut ready = Ready::default();
    let mut fds = vec![PollFd::new(doorbell, PollFlags::IN)];
    let mut targets: Vec<fn(&mut Ready)> = vec![|_| {}];
    if let Some(process) = process {
        if let Some(pipe) = process.stdin.as_ref().filter(|_| unsent) {
            fds.push(PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::OUT));
            targets.push(|ready| ready.stdin = true);
        }
        if let Some(pipe) = process.stdout.as_ref().filter(|_| !held_back) {
            fds.push(PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN));
            targets.push(|ready| ready.stdout = true);
        }
        if let Some(pipe) = &process.stderr {
            fds.push(PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN));
            targets.push(|ready| ready.stderr = true);
        }
    }
    let timeout = Timespec::try_from(timeout).ok();
    if poll(&mut fds, timeout.as_ref()).is_err() {
        return ready; // Interrupted: the next step waits again.
    }
    let fired = fds.iter().map(|fd| !fd.revents().is_empty()).collect::<Vec<_>>();
    for (set, _) in targets.iter().zip(&fired).filter(|(_, fired)| **fired) {
        set(&mut ready);
    }
    if fired.first().is_some_and(|rung| *rung) {
        // One read takes all rings there are likely to be; more only cost another turn.
        let mut doorbell = doorbell;
        let _ = doorbell.read(&mut [0; 64]);
    }
    ready
}

/// Waits and hears nothing.
pub(super) fn sleep(duration: Duration) {
    let timeout = Timespec::try_from(duration).ok();
    let _ = poll(&mut [], timeout.as_ref());
}
