//! Files whose bytes the system reads when they are looked at.

use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::Mmap;

/// Maps a file into memory: its bytes are read from the disk where and when they are looked at.
///
/// **Nobody may change or shorten the file while it is mapped.** Bytes that change break what the compiler takes for
/// granted of a slice. Where the file has become shorter, the system ends the program (`SIGBUS`). Nothing in Rust or in the
/// system can rule that out, so it is the caller's promise, and the one promise of this kind in the project. A file that is
/// replaced by another one of its name, as flameout writes them, stays as it was.
#[derive(Debug)]
pub struct MappedFile(Mmap);

impl MappedFile {
    /// Maps all of a file, as long as it is now.
    ///
    /// # Errors
    /// What the system says, for instance of a pipe, which cannot be mapped.
    pub fn new(file: &File) -> io::Result<Self> {
        // SAFETY: a mapping is a valid slice of bytes as long as nobody changes or shortens the file. The documentation of this
        // type demands that; see docs/dev/architecture.md for why it cannot be had otherwise. The mapping itself is private to
        // `Mmap`, read-only, and as long as the slice.
        let map = unsafe { Mmap::map(file)? };
        Ok(Self(map))
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_is_its_bytes() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"some bytes").unwrap();
        let mapped = MappedFile::new(&file).unwrap();
        drop(file);
        assert_eq!(&*mapped, b"some bytes");
    }

    #[test]
    fn an_empty_file_is_no_bytes() {
        assert_eq!(&*MappedFile::new(&tempfile::tempfile().unwrap()).unwrap(), b"");
    }
}
