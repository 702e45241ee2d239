//! Rows that are copied into a table, in the [binary format] of PostgreSQL: many at once take neither parameters nor a plan.
//!
//! [binary format]: https://www.postgresql.org/docs/current/sql-copy.html

use std::time::Instant;

use sea_orm::{DbBackend, DbErr, Statement};
use serde_json::Value as Json;
use timestore_entity::Timestamp;
use uuid::Uuid;

use super::transaction::{Transaction, not_executed};

/// What a copy begins with: its signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What it ends with, where the number of values of another row would be.
const TRAILER: &[u8] = &(-1_i16).to_be_bytes();

/// How many bytes are sent at a time.
const CHUNK: usize = 1 << 16;

/// Microseconds from the Unix epoch to the beginning of 2000, from which PostgreSQL counts.
const EPOCH: i64 = 946_684_800_000_000;

/// The values of a row, in the order of its columns.
pub(in crate::store) struct CopiedRow<'a> {
    bytes: &'a mut Vec<u8>,
    values: i16,
}

impl Transaction {
    /// Whether rows can be copied.
    pub(in crate::store) fn copies(&self) -> bool {
        matches!(self, Self::AtHand(_))
    }

    /// Copies `rows` into a table, `into` being its name and the columns that `write` writes; returns how many.
    pub(in crate::store) async fn copy<T>(
        &self,
        into: &str,
        rows: &[T],
        write: impl Fn(&T, &mut CopiedRow<'_>),
    ) -> Result<u64, DbErr> {
        let Self::AtHand(begun) = self else {
            return Err(DbErr::Custom("rows are copied on PostgreSQL only".to_owned()));
        };
        let mut connection = begun.connection().await?;
        let statement = Statement::from_string(
            DbBackend::Postgres,
            format!("copy {into} from stdin (format binary)"),
        );
        let began = Instant::now();
        let copying = async {
            let mut copy = connection.copy_in_raw(&statement.sql).await?;
            let mut bytes = Vec::with_capacity(CHUNK + CHUNK / 4);
            bytes.extend_from_slice(HEADER);
            for row in rows {
                CopiedRow::write(&mut bytes, |values| write(row, values));
                if bytes.len() >= CHUNK {
                    copy.send(&bytes[..]).await?;
                    bytes.clear();
                }
            }
            bytes.extend_from_slice(TRAILER);
            copy.send(&bytes[..]).await?;
            copy.finish().await
        };
        let copied = copying.await;
        begun.observe(&statement, began, copied.is_err());
        copied.map_err(not_executed)
    }
}

impl<'a> CopiedRow<'a> {
    fn write(bytes: &'a mut Vec<u8>, write: impl FnOnce(&mut CopiedRow<'_>)) {
        let start = bytes.len();
        bytes.extend_from_slice(&[0; 2]);
        let mut row = CopiedRow { bytes, values: 0 };
        write(&mut row);
        let values = row.values.to_be_bytes();
        bytes[start..start + 2].copy_from_slice(&values);
    }

    /// An id.
    pub(in crate::store) fn uuid(&mut self, value: Uuid) {
        self.value(|bytes| bytes.extend_from_slice(value.as_bytes()));
    }

    /// A text.
    pub(in crate::store) fn text(&mut self, value: &str) {
        self.value(|bytes| bytes.extend_from_slice(value.as_bytes()));
    }

    /// A text, or none.
    pub(in crate::store) fn optional_text(&mut self, value: Option<&String>) {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    /// A JSON document.
    pub(in crate::store) fn json(&mut self, value: &Json) {
        self.value(|bytes| {
            // The version of what follows: the document as a text.
            bytes.push(1);
            // Values are always JSON, and vectors take everything.
            drop(serde_json::to_writer(bytes, value));
        });
    }

    /// A JSON document, or none.
    pub(in crate::store) fn optional_json(&mut self, value: Option<&Json>) {
        match value {
            Some(value) => self.json(value),
            None => self.null(),
        }
    }

    /// A number of 16 bits.
    pub(in crate::store) fn small_int(&mut self, value: i16) {
        self.value(|bytes| bytes.extend_from_slice(&value.to_be_bytes()));
    }

    /// A number of 32 bits.
    pub(in crate::store) fn int(&mut self, value: i32) {
        self.value(|bytes| bytes.extend_from_slice(&value.to_be_bytes()));
    }

    /// A number of 32 bits, or none.
    pub(in crate::store) fn optional_int(&mut self, value: Option<i32>) {
        match value {
            Some(value) => self.int(value),
            None => self.null(),
        }
    }

    /// A number of 64 bits.
    pub(in crate::store) fn big_int(&mut self, value: i64) {
        self.value(|bytes| bytes.extend_from_slice(&value.to_be_bytes()));
    }

    /// A truth.
    pub(in crate::store) fn boolean(&mut self, value: bool) {
        self.value(|bytes| bytes.push(u8::from(value)));
    }

    /// An instant.
    pub(in crate::store) fn time(&mut self, value: Timestamp) {
        self.big_int(value.timestamp_micros() - EPOCH);
    }

    fn null(&mut self) {
        self.bytes.extend_from_slice(&(-1_i32).to_be_bytes());
        self.values += 1;
    }

    /// A value, after the number of its bytes.
    fn value(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        write(self.bytes);
        let length = self.bytes.len() - start - 4;
        // No value is nearly as long as that.
        let length = i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes();
        self.bytes[start..start + 4].copy_from_slice(&length);
        self.values += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_the_number_of_its_values_and_each_after_its_length() {
        let mut bytes = Vec::new();
        CopiedRow::write(&mut bytes, |row| {
            row.text("é");
            row.optional_int(None);
            row.json(&serde_json::json!({}));
            row.time(Timestamp::UNIX_EPOCH);
        });
        let (text, json) = ([0, 0, 0, 2, 0xc3, 0xa9], [0, 0, 0, 3, 1, b'{', b'}']);
        let time = [&[0, 0, 0, 8][..], &(-EPOCH).to_be_bytes()].concat();
        assert_eq!(bytes, [&[0, 4][..], &text, &[0xff; 4], &json, &time].concat());
    }
}
