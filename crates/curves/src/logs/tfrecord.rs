//! The framing of TensorFlow's records: length (u64, little-endian), checksum of the length, data, checksum of the data.
//!
//! A checksum is CRC-32C, masked (TensorFlow, `lib/hash/crc32c.h`) so that checksums of data which hold checksums are sound.

use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Bytes before the data.
const HEADER: usize = 12;
/// Bytes of data beyond which a record is none of a log: TensorFlow itself refuses protobufs of 2 GiB.
const LARGEST: u64 = 1 << 30;

/// Whether a file that begins so is one of records.
pub(crate) fn recognise(beginning: &[u8]) -> bool {
    beginning.first_chunk().is_some_and(|header: &[u8; HEADER]| length(header).is_some())
}

/// Writes a record.
pub(crate) fn write_record(file: &mut impl Write, data: &[u8]) -> std::io::Result<()> {
    let length = (data.len() as u64).to_le_bytes();
    for part in [&length, &masked_crc(&length).to_le_bytes()[..], data, &masked_crc(data).to_le_bytes()] {
        file.write_all(part)?;
    }
    Ok(())
}

/// Reads a file's records.
pub(crate) struct Records<R> {
    reader: R,
    path: PathBuf,
    byte: u64,
    torn: bool,
}

impl<R: Read> Records<R> {
    pub(crate) fn new(reader: R, path: &Path) -> Self {
        Self { reader, path: path.into(), byte: 0, torn: false }
    }

    /// Where the next record begins.
    pub(crate) fn byte(&self) -> u64 {
        self.byte
    }

    /// Whether the file ended within a record: its writer was stopped, or is still at work.
    pub(crate) fn torn(&self) -> bool {
        self.torn
    }

    /// The next record's data.
    ///
    /// # Errors
    /// If a checksum is wrong.
    pub(crate) fn next_record(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut header = Vec::with_capacity(HEADER);
        self.read(HEADER as u64, &mut header)?;
        let Some(header) = header.first_chunk() else {
            self.torn = !header.is_empty();
            return Ok(None);
        };
        let length = length(header).ok_or_else(|| self.error("the length's checksum is wrong; the file is damaged"))?;
        if length > LARGEST {
            return Err(self.error("is longer than a record of a log can be"));
        }
        // Grows with what is there, whatever the length says.
        let mut data = Vec::new();
        self.read(length + 4, &mut data)?;
        if data.len() as u64 != length + 4 {
            self.torn = true;
            return Ok(None);
        }
        let checksum = data.split_off(data.len() - 4);
        if checksum != masked_crc(&data).to_le_bytes() {
            return Err(self.error("the data's checksum is wrong; the file is damaged"));
        }
        self.byte += HEADER as u64 + length + 4;
        Ok(Some(data))
    }

    pub(crate) fn error(&self, problem: &str) -> Error {
        Error::Byte { path: self.path.clone(), byte: self.byte, problem: problem.into() }
    }

    fn read(&mut self, bytes: u64, data: &mut Vec<u8>) -> Result<(), Error> {
        match self.reader.by_ref().take(bytes).read_to_end(data) {
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(Error::io(&self.path)(error)),
            _ => Ok(()),
        }
    }
}

/// The length, if its checksum is right.
fn length(header: &[u8; HEADER]) -> Option<u64> {
    let (length, checksum) = header.split_at(8);
    (checksum == masked_crc(length).to_le_bytes()).then(|| length.try_into().map(u64::from_le_bytes).ok()).flatten()
}

fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(data: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        write_record(&mut file, data).unwrap();
        file
    }

    #[test]
    fn records_are_read_one_after_the_other() {
        let file = [record(b"first"), record(b""), record(b"third")].concat();
        assert!(recognise(&file) && !recognise(&file[..11]) && !recognise(b"epoch,loss,acc"));
        let mut records = Records::new(file.as_slice(), Path::new("log"));
        let mut read = Vec::new();
        while let Some(data) = records.next_record().unwrap() {
            read.push(data);
        }
        assert_eq!((read, records.torn()), (vec![b"first".to_vec(), vec![], b"third".to_vec()], false));
    }

    #[test]
    fn every_changed_byte_is_found_and_every_torn_end_is_none() {
        let file = [record(b"first"), record(b"second")].concat();
        let first = record(b"first").len();
        for at in first..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 0x10;
            let mut records = Records::new(damaged.as_slice(), Path::new("log"));
            records.next_record().unwrap().unwrap();
            let message = records.next_record().unwrap_err().to_string();
            assert!(message.contains(&format!("log: byte {first}: ")) && message.contains("checksum"), "{message}");
        }
        for end in first + 1..file.len() {
            let mut records = Records::new(&file[..end], Path::new("log"));
            records.next_record().unwrap().unwrap();
            assert_eq!(records.next_record().unwrap(), None);
            assert!(records.torn());
        }
    }

    #[test]
    fn a_length_that_is_merely_claimed_allocates_nothing() {
        for (claimed, expected) in [(u64::MAX, "longer"), (LARGEST, "")] {
            let length = claimed.to_le_bytes();
            let file = [&length[..], &masked_crc(&length).to_le_bytes(), b"abc"].concat();
            let mut records = Records::new(file.as_slice(), Path::new("log"));
            match records.next_record() {
                Ok(found) => assert!(found.is_none() && records.torn() && expected.is_empty()),
                Err(error) => assert!(error.to_string().contains(expected) && !expected.is_empty(), "{error}"),
            }
        }
    }
}
