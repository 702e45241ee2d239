//! Files for the tests of this module, written where they can be thrown away.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, DataType, Int96};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// A directory that goes when the test ends.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "timestore-register-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a scratch directory");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(&path).expect("a directory");
        path
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(&path, bytes).expect("a file");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The values of a column in a row group.
#[derive(Clone)]
pub(crate) enum Column {
    Boolean(Vec<Option<bool>>),
    I32(Vec<Option<i32>>),
    I64(Vec<Option<i64>>),
    I96(Vec<[u32; 3]>),
    Float(Vec<Option<f32>>),
    Double(Vec<Option<f64>>),
    Bytes(Vec<Option<Vec<u8>>>),
    Fixed(Vec<Option<Vec<u8>>>),
}

/// Text for a [`Column::Bytes`].
pub(crate) fn texts(values: &[&str]) -> Column {
    Column::Bytes(
        values
            .iter()
            .map(|value| Some(value.as_bytes().to_vec()))
            .collect(),
    )
}

/// A Parquet file with statistics by column chunk and without compression.
pub(crate) fn parquet(schema: &str, groups: &[Vec<Column>]) -> Vec<u8> {
    parquet_with(
        schema,
        groups,
        EnabledStatistics::Chunk,
        Compression::UNCOMPRESSED,
    )
}

/// A Parquet file of flat columns.
pub(crate) fn parquet_with(
    schema: &str,
    groups: &[Vec<Column>],
    statistics: EnabledStatistics,
    compression: Compression,
) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let properties = WriterProperties::builder()
        .set_statistics_enabled(statistics)
        .set_compression(compression)
        .build();
    let mut bytes = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut bytes, schema.clone(), Arc::new(properties)).expect("a writer");
    for group in groups {
        let mut rows = writer.next_row_group().expect("a row group");
        for (column, field) in group.iter().zip(schema.get_fields()) {
            let optional = field.is_optional();
            let mut writer = rows.next_column().expect("a column").expect("a column");
            match (writer.untyped(), column.clone()) {
                (ColumnWriter::BoolColumnWriter(writer), Column::Boolean(values)) => {
                    put(writer, values, optional)
                }
                (ColumnWriter::Int32ColumnWriter(writer), Column::I32(values)) => {
                    put(writer, values, optional)
                }
                (ColumnWriter::Int64ColumnWriter(writer), Column::I64(values)) => {
                    put(writer, values, optional)
                }
                (ColumnWriter::FloatColumnWriter(writer), Column::Float(values)) => {
                    put(writer, values, optional)
                }
                (ColumnWriter::DoubleColumnWriter(writer), Column::Double(values)) => {
                    put(writer, values, optional)
                }
                (ColumnWriter::Int96ColumnWriter(writer), Column::I96(values)) => {
                    let values = values
                        .into_iter()
                        .map(|data| Some(Int96::from(data.to_vec())))
                        .collect();
                    put(writer, values, optional);
                }
                (ColumnWriter::ByteArrayColumnWriter(writer), Column::Bytes(values)) => {
                    let values = values
                        .into_iter()
                        .map(|value| value.map(ByteArray::from))
                        .collect();
                    put(writer, values, optional);
                }
                (ColumnWriter::FixedLenByteArrayColumnWriter(writer), Column::Fixed(values)) => {
                    let values = values
                        .into_iter()
                        .map(|value| value.map(|v| ByteArray::from(v).into()))
                        .collect();
                    put(writer, values, optional);
                }
                _ => panic!("the values do not fit the schema"),
            }
            writer.close().expect("a column");
        }
        rows.close().expect("a row group");
    }
    writer.close().expect("a file");
    bytes
}

fn put<T: DataType>(
    writer: &mut parquet::column::writer::ColumnWriterImpl<'_, T>,
    values: Vec<Option<T::T>>,
    optional: bool,
) {
    let levels = values
        .iter()
        .map(|value| i16::from(value.is_some()))
        .collect::<Vec<_>>();
    let values = values.into_iter().flatten().collect::<Vec<_>>();
    writer
        .write_batch(&values, optional.then_some(&levels), None)
        .expect("values");
}

/// The headers of a DuckDB file with blocks of 1,024 zeros.
pub(crate) fn duckdb(storage_version: u64, library_version: &str, blocks: u64, flags: u64) -> Vec<u8> {
    let mut bytes = vec![0; 3 * 4096 + 1024 * blocks as usize];
    bytes[8..12].copy_from_slice(b"DUCK");
    bytes[12..20].copy_from_slice(&storage_version.to_le_bytes());
    bytes[20..28].copy_from_slice(&flags.to_le_bytes());
    bytes[52..52 + library_version.len()].copy_from_slice(library_version.as_bytes());
    // The second header is the older one, and knows of no blocks yet.
    for (at, iteration, blocks) in [(4096, 2_u64, blocks), (8192, 1, 0)] {
        bytes[at + 8..at + 16].copy_from_slice(&iteration.to_le_bytes());
        bytes[at + 32..at + 40].copy_from_slice(&blocks.to_le_bytes());
        bytes[at + 40..at + 48].copy_from_slice(&1024_u64.to_le_bytes());
    }
    bytes
}
