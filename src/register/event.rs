//! What happens while files are registered, and what came of it.
//!
//! Owns the facts; how they are shown is up to whoever listens.

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The paths were walked.
    Found {
        /// How many files there are to register.
        files: usize,
        /// How many others were passed over.
        ignored: usize,
    },
    /// A file was read.
    Read {
        /// How many are done, this one included.
        done: usize,
        /// How many there are.
        total: usize,
        /// Its path under the root.
        file: &'a str,
    },
    /// A storage target was made.
    TargetCreated {
        /// Its name.
        name: &'a str,
        /// What it stands for.
        base_uri: &'a str,
    },
    /// A dataset was made.
    DatasetCreated {
        /// Its slug.
        slug: &'a str,
    },
    /// Files were sent, to be published together later.
    Staged {
        /// How many so far.
        done: usize,
        /// How many there are.
        total: usize,
    },
    /// A manifest was published.
    Published {
        /// Its version.
        version: i32,
        /// How many files it adds, those in place of others included.
        files: usize,
    },
}

/// What came of registering.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many files were added that were not there before.
    pub added: usize,
    /// How many files took the place of what was at their path.
    pub replaced: usize,
    /// How many files were there already, as they are.
    pub unchanged: usize,
    /// The versions that were published, in order; none when nothing was new.
    pub versions: Vec<i32>,
    /// How many rows the added and replaced files have.
    pub rows: i64,
    /// How many bytes the added and replaced files have.
    pub bytes: u64,
}

impl Summary {
    /// In a line, such as `daily-weather: version 2, 24 files added, 730 rows`.
    pub fn line(&self, dataset: &str) -> String {
        if self.versions.is_empty() {
            return format!("{dataset}: nothing new, {} unchanged", files(self.unchanged));
        }
        let versions = self.versions.iter().map(i32::to_string).collect::<Vec<_>>();
        let noun = if versions.len() == 1 {
            "version"
        } else {
            "versions"
        };
        let mut parts = vec![format!("{noun} {}", versions.join(", "))];
        for (count, what) in [
            (self.added, "added"),
            (self.replaced, "replaced"),
            (self.unchanged, "unchanged"),
        ] {
            if count > 0 {
                parts.push(format!("{} {what}", files(count)));
            }
        }
        let noun = if self.rows == 1 { "row" } else { "rows" };
        parts.push(format!("{} {noun}", grouped(self.rows)));
        format!("{dataset}: {}", parts.join(", "))
    }
}

fn files(count: usize) -> String {
    format!("{count} {}", if count == 1 { "file" } else { "files" })
}

/// Thousands apart.
fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_one_line() {
        let mut summary = Summary {
            added: 24,
            versions: vec![2],
            rows: 730,
            ..Summary::default()
        };
        assert_eq!(
            summary.line("daily-weather"),
            "daily-weather: version 2, 24 files added, 730 rows"
        );
        summary.versions.push(3);
        (summary.replaced, summary.unchanged, summary.rows) = (1, 7, 1_234_567);
        assert_eq!(
            summary.line("d"),
            "d: versions 2, 3, 24 files added, 1 file replaced, 7 files unchanged, 1,234,567 rows"
        );
        let nothing = Summary {
            unchanged: 24,
            ..Summary::default()
        };
        assert_eq!(nothing.line("d"), "d: nothing new, 24 files unchanged");
    }
}
