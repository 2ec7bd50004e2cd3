//! Opens a file of a log, unpacked where it is compressed by gzip.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::Error;

const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Bytes of unpacked text beyond which a file is none of a log.
const LARGEST: u64 = 1 << 30;

/// Opens a file; its content tells whether it is compressed.
pub(crate) fn open(path: &Path) -> Result<Box<dyn BufRead>, Error> {
    let mut file = BufReader::new(File::open(path).map_err(Error::io(path))?);
    if !file.fill_buf().map_err(Error::io(path))?.starts_with(&GZIP) {
        return Ok(Box::new(file));
    }
    Ok(Box::new(BufReader::new(Unpacked { data: MultiGzDecoder::new(file), left: LARGEST })))
}

/// Unpacked data, of which there is only so much.
struct Unpacked<R> {
    data: R,
    left: u64,
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let damaged = |error: io::Error| io::Error::new(error.kind(), format!("its gzip data is damaged: {error}"));
        let read = self.data.read(buffer).map_err(damaged)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::other(format!("holds more than {} MiB once it is unpacked: too much for a log", LARGEST >> 20))
        })?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unpacked_is_bounded() {
        let mut unpacked = Unpacked { data: io::repeat(b'1'), left: 1000 };
        assert!(unpacked.read_to_end(&mut Vec::new()).unwrap_err().to_string().contains("once it is unpacked"));
    }
}
