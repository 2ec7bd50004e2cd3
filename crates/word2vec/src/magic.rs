//! How files begin that are told apart by their first bytes.

/// Compressed by gzip.
pub(crate) const GZIP: [u8; 2] = [0x1F, 0x8B];

/// A model of fastText.
pub(crate) const FASTTEXT: [u8; 4] = 793_712_314_u32.to_le_bytes();
