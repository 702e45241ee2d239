//! Processor time and memory of processes, as Linux accounts for them in `/proc`.

use std::fs;

use anyhow::{Context, Result};

/// Ticks a second in `/proc/PID/stat`; Linux shows 100 to programs on every architecture that it still runs on.
const TICKS: f64 = 100.0;

/// What `/proc/PID/stat` says of a process.
struct Stat {
    parent: u32,
    /// Seconds of the process.
    own: f64,
    /// Seconds of its children that have ended.
    ended: f64,
}

/// The seconds that a process has used.
pub fn of_process(pid: u32) -> f64 {
    read(pid).map_or(0.0, |stat| stat.own)
}

/// The seconds that a process and its children have used, those that have ended too.
pub fn of_family(pid: u32) -> f64 {
    let children: f64 = processes()
        .filter_map(read)
        .filter(|stat| stat.parent == pid)
        .map(|stat| stat.own)
        .sum();
    read(pid).map_or(0.0, |head| head.own + head.ended + children)
}

/// The seconds that this process has used.
pub fn of_self() -> f64 {
    of_process(std::process::id())
}

/// A line of `/proc/PID/status` that is told in kB, such as `VmHWM`, in MB.
pub fn megabytes(pid: u32, name: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kilobytes.with_context(|| format!("no {name} of process {pid}"))? / 1024.0)
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Fields are counted from behind the name, which stands in parentheses and may hold anything.
fn read(pid: u32) -> Option<Stat> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let seconds = |n: usize| Some(fields.get(n)?.parse::<f64>().ok()? / TICKS);
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: seconds(11)? + seconds(12)?,
        ended: seconds(13)? + seconds(14)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_process_uses_is_counted_for_it_and_for_its_family() {
        let before = of_self();
        let mut sum = 0_u64;
        while of_self() < before + 0.02 {
            sum = (0..100_000_u64).fold(sum, |sum, n| sum.wrapping_mul(31).wrapping_add(n));
        }
        assert_ne!(sum, 1);
        assert!(of_family(std::process::id()) >= before + 0.02);
        assert!(megabytes(std::process::id(), "VmHWM").unwrap() > 0.1);
    }
}
