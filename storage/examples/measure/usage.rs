//! What a process has used so far.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time of all threads, ended ones included.
pub(crate) fn cpu() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec.unsigned_abs(), u32::try_from(spent.tv_nsec).unwrap_or(0))
}

/// Most memory that it ever had, in MiB.
pub(crate) fn peak_mib() -> io::Result<f64> {
    Ok(number("/proc/self/status", "VmHWM:")? as f64 / 1024.0)
}

/// Bytes that it caused to be written to a disk.
pub(crate) fn written() -> io::Result<u64> {
    number("/proc/self/io", "write_bytes:")
}

/// The least, the middle and the greatest of some milliseconds.
pub(crate) fn spread(times: &mut [Duration]) -> [f64; 3] {
    [0.0, 0.5, 1.0].map(|share| quantile(times, share))
}

/// Milliseconds that so great a share of the times does not exceed.
pub(crate) fn quantile(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    let position = (share * times.len().saturating_sub(1) as f64).round() as usize;
    times.get(position).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

fn number(path: &str, name: &str) -> io::Result<u64> {
    let text = fs::read_to_string(path)?;
    let word = text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).ok_or_else(|| io::Error::other(format!("{path} does not tell {name}")))
}
