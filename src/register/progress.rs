//! Progress as lines of text, for whoever watches standard error.
//!
//! Owns how often and how: over itself on a terminal, sparingly into a log.

use std::io::{IsTerminal, Stderr, Write, stderr};
use std::time::{Duration, Instant};

use super::event::Event;

/// How long a log or a terminal waits for the next line of progress, unless a tenth is done.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a line on a terminal may be without wrapping, which would keep it from being overwritten.
const WIDTH: usize = 79;

/// Writes events as lines.
#[derive(Debug)]
pub struct Progress<W: Write> {
    out: W,
    is_terminal: bool,
    shown: Option<(Instant, usize)>,
    is_open: bool,
}

impl Progress<Stderr> {
    /// Writes to standard error.
    pub fn stderr() -> Self {
        let out = stderr();
        let is_terminal = out.is_terminal();
        Self::new(out, is_terminal)
    }
}

impl<W: Write> Progress<W> {
    /// Writes to `out`, which overwrites a line after a carriage return if it is a terminal.
    pub fn new(out: W, is_terminal: bool) -> Self {
        Self {
            out,
            is_terminal,
            shown: None,
            is_open: false,
        }
    }

    /// Shows an event. Progress that cannot be shown is no reason to stop.
    pub fn show(&mut self, event: Event<'_>) {
        match event {
            Event::Found { files, ignored: 0 } => self.line(&format!("found {files} files to register")),
            Event::Found { files, ignored } => {
                self.line(&format!("found {files} files to register, passed over {ignored}"));
            }
            Event::Read { done, total, file } => {
                self.step(done, total, || format!("registering {done}/{total} {file}"));
            }
            Event::Staged { done, total } => {
                self.step(done, total, || format!("staging {done}/{total}"));
            }
            Event::TargetCreated { name, base_uri } => {
                self.line(&format!("storage target {name} stands for {base_uri}"));
            }
            Event::DatasetCreated { slug } => self.line(&format!("new dataset {slug}")),
            Event::Published { version, files } => {
                self.line(&format!("published version {version} with {files} files"));
            }
        }
    }

    fn step(&mut self, done: usize, total: usize, text: impl FnOnce() -> String) {
        let tenth = done * 10 / total.max(1);
        let is_due = match self.shown {
            None => true,
            Some((at, shown)) => done >= total || tenth > shown || at.elapsed() >= PAUSE,
        };
        if self.is_terminal {
            let line = shortened(&text());
            let _ = write!(self.out, "\r\x1b[K{line}");
            let _ = self.out.flush();
            self.is_open = true;
        } else if is_due {
            let _ = writeln!(self.out, "{}", text());
        }
        if done >= total {
            self.close();
            self.shown = None;
        } else if is_due {
            self.shown = Some((Instant::now(), tenth));
        }
    }

    fn line(&mut self, text: &str) {
        self.close();
        let _ = writeln!(self.out, "{text}");
    }

    /// Ends a line that was to be overwritten.
    fn close(&mut self) {
        if std::mem::take(&mut self.is_open) {
            let _ = writeln!(self.out);
        }
    }
}

impl<W: Write> Drop for Progress<W> {
    fn drop(&mut self) {
        self.close();
    }
}

/// The beginning and the end, which tell more of a path than its middle.
fn shortened(line: &str) -> String {
    let length = line.chars().count();
    if length <= WIDTH {
        return line.to_owned();
    }
    let head = WIDTH / 2;
    let tail = WIDTH - head - 1;
    let text = line.chars();
    let end = text.clone().skip(length - tail);
    text.take(head).chain(['…']).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(is_terminal: bool, total: usize, stop: usize) -> String {
        let mut out = Vec::new();
        let mut progress = Progress::new(&mut out, is_terminal);
        for done in 1..=stop {
            progress.show(Event::Read {
                done,
                total,
                file: "a.parquet",
            });
        }
        progress.show(Event::Published {
            version: 2,
            files: total,
        });
        drop(progress);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_log_gets_a_line_a_tenth() {
        let log = shown(false, 1000, 1000);
        let lines = log.lines().collect::<Vec<_>>();
        assert_eq!(lines.len(), 12, "{log}");
        assert_eq!(lines[0], "registering 1/1000 a.parquet");
        assert_eq!(lines[10], "registering 1000/1000 a.parquet");
        assert_eq!(lines[11], "published version 2 with 1000 files");
    }

    #[test]
    fn a_terminal_gets_one_line_that_changes() {
        let screen = shown(true, 3, 2);
        assert_eq!(
            screen,
            "\r\x1b[Kregistering 1/3 a.parquet\r\x1b[Kregistering 2/3 a.parquet\npublished version 2 with 3 files\n"
        );
        let long = shortened(&"ü".repeat(200));
        assert_eq!(long.chars().count(), WIDTH);
    }
}
