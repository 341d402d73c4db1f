//! What the kernel knows of a process: memory and processor time.

use crate::process::Result;

/// Bytes that it holds in memory.
///
/// # Errors
/// It does not run.
pub(crate) fn resident_mb(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))
        .map_err(|error| format!("process {pid}: {error}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kilobytes: f64 =
        line.trim().trim_end_matches(" kB").parse().map_err(|_| format!("VmRSS {line}"))?;
    Ok(kilobytes / 1024.0)
}

/// Seconds of processor, user and system, since it started.
///
/// # Errors
/// It does not run.
pub(crate) fn cpu_s(pid: u32) -> Result<f64> {
    /// What the kernel counts in, on every system that Linux runs Rust on.
    const TICKS_PER_S: f64 = 100.0;
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .map_err(|error| format!("process {pid}: {error}"))?;
    // The name, in brackets, may have spaces; what follows it has none.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    let (user, system) = ticks(11).zip(ticks(12)).ok_or("no times in /proc/PID/stat")?;
    Ok((user + system) / TICKS_PER_S)
}
