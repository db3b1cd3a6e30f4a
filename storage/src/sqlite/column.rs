//! One column of numbers, packed: a constant as its value, anything else with pco.

use pco::data_types::Number;
use pco::wrapped::{FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DeltaSpec, FULL_BATCH_N, ModeSpec, PagingSpec};
use serde::{Deserialize, Serialize};

use crate::damage::Damage;

/// How long to look for a smaller form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// For what is packed again within the day.
    Quick,
    /// For what stays.
    Thorough,
}

/// The version of pco's format: what stands before the first of its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Format([u8; 2]);

/// What the head of a block says of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Column {
    /// The least value; the packed numbers count from here.
    least: i64,
    width: Width,
    /// Bytes in the data.
    bytes: u32,
}

/// The narrowest numbers that hold the column: each bin of pco carries one in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Width {
    /// Every value is the least.
    Constant,
    Two,
    Four,
    Eight,
}

impl Format {
    /// The format that [`pack`] writes.
    pub(super) fn current() -> Self {
        let mut bytes = [0; 2];
        match FileCompressor::default().write_header(bytes.as_mut_slice()) {
            Ok([]) => Self(bytes),
            Ok(_) | Err(_) => unreachable!("the header of pco has two bytes"),
        }
    }

    /// What reads columns of this format.
    pub(super) fn reader(self) -> Result<FileDecompressor, Damage> {
        let (reader, _) =
            FileDecompressor::new(self.0.as_slice()).map_err(|_| Damage("packed in a format that is not known"))?;
        Ok(reader)
    }
}

impl Column {
    /// Bytes that it has in the data.
    pub(super) fn bytes(&self) -> u32 {
        self.bytes
    }

    /// Hands the numbers of the column, exactly `rows` of them, to `take`, each with its position.
    pub(super) fn unpack(
        &self,
        reader: &FileDecompressor,
        bytes: &[u8],
        rows: usize,
        mut take: impl FnMut(usize, i64),
    ) -> Result<(), Damage> {
        let mut take = |row, above: u64| take(row, self.least.wrapping_add(above as i64));
        match self.width {
            Width::Constant if bytes.is_empty() => {
                (0..rows).for_each(|row| take(row, 0));
                Ok(())
            }
            Width::Constant => Err(Damage("bytes where a column needs none")),
            Width::Two => expand::<u16>(reader, bytes, rows, take),
            Width::Four => expand::<u32>(reader, bytes, rows, take),
            Width::Eight => expand::<u64>(reader, bytes, rows, take),
        }
    }
}

/// Appends the packed form of `values` to `data` and says how to read it.
pub(super) fn pack(values: &[i64], effort: Effort, data: &mut Vec<u8>) -> Column {
    let least = values.iter().copied().min().unwrap_or(0);
    let most = values.iter().copied().max().unwrap_or(0);
    let above = |value: &i64| value.wrapping_sub(least) as u64;
    let before = data.len();
    let width = match above(&most) {
        0 => Width::Constant,
        1..=0xffff => {
            compress(&values.iter().map(|value| above(value) as u16).collect::<Vec<_>>(), effort, data);
            Width::Two
        }
        0x1_0000..=0xffff_ffff => {
            compress(&values.iter().map(|value| above(value) as u32).collect::<Vec<_>>(), effort, data);
            Width::Four
        }
        0x1_0000_0000.. => {
            compress(&values.iter().map(above).collect::<Vec<_>>(), effort, data);
            Width::Eight
        }
    };
    Column { least, width, bytes: (data.len() - before) as u32 }
}

fn compress<T: Number>(values: &[T], effort: Effort, data: &mut Vec<u8>) {
    let level = match effort {
        Effort::Quick => 4,
        Effort::Thorough => 8,
    };
    let config = ChunkConfig::default()
        .with_compression_level(level)
        .with_mode_spec(ModeSpec::Classic)
        .with_delta_spec(DeltaSpec::NoOp)
        .with_paging_spec(PagingSpec::Exact(vec![values.len()]));
    let written = FileCompressor::default().chunk_compressor(values, &config).and_then(|mut chunk| {
        chunk.write_meta(&mut *data)?;
        chunk.write_page(0, &mut *data)?;
        Ok(())
    });
    if written.is_err() {
        unreachable!("pco refuses only settings that do not fit, and columns of none or of 2^24 numbers");
    }
}

fn expand<T: Number + Default + Into<u64>>(
    reader: &FileDecompressor,
    bytes: &[u8],
    rows: usize,
    mut take: impl FnMut(usize, u64),
) -> Result<(), Damage> {
    // The first byte names pco's mode and its delta encoding. Others than ours may allocate what they did not earn.
    if bytes.first() != Some(&0) {
        return Err(Damage("a column is packed in a way that is not used here"));
    }
    let broken = |_| Damage("a column does not unpack");
    let (mut chunk, rest) = reader.chunk_decompressor::<T, _>(bytes).map_err(broken)?;
    let mut page = chunk.page_decompressor(rest, rows).map_err(broken)?;
    let mut batch = [T::default(); FULL_BATCH_N];
    let mut row = 0;
    while row < rows {
        let numbers = page.read(&mut batch).map_err(broken)?.n_processed;
        if numbers == 0 {
            return Err(Damage("a column is too short"));
        }
        for number in &batch[..numbers] {
            take(row, (*number).into());
            row += 1;
        }
    }
    if page.into_src().is_empty() { Ok(()) } else { Err(Damage("a column is too long")) }
}
