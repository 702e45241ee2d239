//! How much is filled in, and where each file lies in time: everything is counted out, so that two fills are equal.

use std::fmt;

use serde_json::{Value, json};

/// How much is filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Datasets of the kind that is browsed.
    pub series: u64,
    /// Versions of each.
    pub versions: u64,
    /// Hour files of each version.
    pub files: u64,
    /// Minute files of the large dataset.
    pub minutes: u64,
    /// Minute files of the dataset beside it that is ten times as large, where there is one.
    pub most: Option<u64>,
    /// Minute files of the dataset that mixes spans.
    pub mixed: u64,
    /// Values of the partition key in the dataset that is looked up by it.
    pub keys: u64,
}

impl Scale {
    /// What is measured: 480,000 files in 1,000 datasets, one dataset with 1,000,000, and with `large` one with 10,000,000.
    pub fn full(large: bool) -> Self {
        Self {
            series: 1_000,
            versions: 20,
            files: 24,
            minutes: 1_000_000,
            most: large.then_some(10_000_000),
            mixed: 120_000,
            keys: 10_000,
        }
    }

    /// What shows that the suite works.
    pub fn quick() -> Self {
        Self {
            series: 100,
            versions: 20,
            files: 24,
            minutes: 20_000,
            most: None,
            mixed: 12_000,
            keys: 500,
        }
    }
}

/// In a word, for names of databases.
impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.series, self.minutes)?;
        self.most.map_or(Ok(()), |most| write!(f, "_{most}"))
    }
}

/// Slug of the `n`th dataset of the kind that is browsed. Four digits sort as numbers do.
pub fn series(n: u64) -> String {
    format!("series-{}", 1_000 + n)
}

/// The second at which the `n`th minute begins.
pub const MINUTE: u64 = 60;

/// Seconds of an hour.
pub const HOUR: u64 = 3_600;

/// Seconds of a day.
pub const DAY: u64 = 86_400;

/// An instant, in seconds since 2020 began.
pub fn at(seconds: u64) -> String {
    let days = seconds / DAY;
    let (year, month, day) = civil(days);
    let of_day = seconds % DAY;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        of_day / HOUR,
        of_day / MINUTE % 60,
        of_day % 60
    )
}

/// A file that begins at a second of 2020 and spans so many, as a publisher states it.
pub fn file(path: String, start: u64, span: u64, key: Value) -> Value {
    let n = start / MINUTE;
    let target = if n % 8 == 7 {
        json!({ "name": "archive" })
    } else {
        Value::Null
    };
    json!({
        "filePath": path, "storageTarget": target,
        "fileSizeBytes": (1_048_576 + n % 1_000 * 257).to_string(), "rowCount": (span * 10 + n % 7).to_string(),
        "startTime": at(start), "endTime": at(start + span - 1), "partitionKey": key,
        "checksum": format!("sha256:{:064x}", (u128::from(n) + 1) * 0x9E37_79B9_7F4A_7C15),
        "columnStatistics": { "value": { "min": n % 50, "max": 100 + n % 50, "nullCount": 0, "rowCount": span * 10 } },
    })
}

/// Year, month and day of a day since 2020 began.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 2020;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_follow_the_calendar() {
        assert_eq!(at(0), "2020-01-01T00:00:00Z");
        assert_eq!(at(59 * DAY + 3_661), "2020-02-29T01:01:01Z");
        assert_eq!(at(366 * DAY), "2021-01-01T00:00:00Z");
        assert_eq!(at(10_000_000 * MINUTE), "2039-01-05T10:40:00Z");
    }
}
