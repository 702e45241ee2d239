//! What was measured, as tables in Markdown.

use std::fmt::Write;

use crate::contender::{Turn, median};

/// The turns of one contender.
pub struct Row {
    /// Who.
    pub name: String,
    /// One a round.
    pub turns: Vec<Turn>,
    /// The most memory that it ever had, in MB, where that is one process.
    pub peak: Option<f64>,
}

impl Row {
    /// One without turns.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            turns: Vec::new(),
            peak: None,
        }
    }
}

/// The turns of all contenders in one workload. The first row is what the others are compared with.
pub fn compared(title: &str, rows: &[Row]) -> String {
    let mut text = format!(
        "### {title}\n\n\
         | | requests/s | p50 ms | p99 ms | CPU ms: gateway | database | both | ratio | load | bytes | statements | peak MB |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|\n"
    );
    let Some(base) = rows.first() else { return text };
    for row in rows {
        let of = |value: fn(&Turn) -> f64| median(row.turns.iter().map(value));
        let statements = row.turns.first().and_then(|turn| turn.statements);
        let statements = statements.map_or_else(String::new, |statements| format!("{statements:.1}"));
        let peak = row.peak.map_or_else(String::new, |peak| format!("{peak:.0}"));
        writeln!(
            text,
            "| {} | {:.0} | {} | {} | {} | {} | {} | **{:.2}** | {} | {:.0} | {statements} | {peak} |",
            row.name,
            of(|turn| turn.rate),
            digits(of(|turn| turn.p50)),
            digits(of(|turn| turn.p99)),
            digits(of(|turn| turn.cpu[0])),
            digits(of(|turn| turn.cpu[1])),
            digits(of(Turn::cost)),
            ratio(row, base, Turn::cost),
            digits(of(|turn| turn.cpu[2])),
            of(|turn| turn.bytes),
        )
        .expect("a string");
    }
    text
}

/// The median of the ratios of each round, so that what disturbs a round disturbs both sides of its ratio.
pub fn ratio(row: &Row, base: &Row, value: impl Fn(&Turn) -> f64) -> f64 {
    let rounds = row.turns.iter().zip(&base.turns);
    median(rounds.map(|(turn, base)| value(turn) / value(base)))
}

/// Three digits that matter.
pub fn digits(value: f64) -> String {
    match value {
        value if !value.is_finite() => "–".to_owned(),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 1.0 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(costs: &[f64]) -> Row {
        let turn = |cost: &f64| Turn {
            cpu: [*cost, 0.0, 9.0],
            ..Turn::default()
        };
        Row {
            name: "row".to_owned(),
            turns: costs.iter().map(turn).collect(),
            peak: None,
        }
    }

    #[test]
    fn a_ratio_is_that_of_the_same_round() {
        let (slow, fast) = (row(&[2.0, 20.0, 2.0]), row(&[1.0, 10.0, 4.0]));
        assert!((ratio(&slow, &fast, Turn::cost) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn numbers_have_three_digits_that_matter() {
        assert_eq!(
            [1234.5, 12.345, 1.2345, 0.12345].map(digits),
            ["1234", "12.3", "1.23", "0.123"]
        );
    }
}
