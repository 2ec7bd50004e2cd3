//! Independent random streams from one seed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// What a stream of random numbers is for. Initial weights take stream 0 (see `Sequential::initialise`).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// Which words are test words.
    Split,
    /// The order of the training words in an epoch.
    Epoch(u64),
    /// Another order of the words that an epoch has left.
    Rest(u64),
}

/// The stream of ChaCha8 numbers for this purpose.
pub(crate) fn stream(seed: u64, purpose: Purpose) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(match purpose {
        Purpose::Split => 1,
        Purpose::Epoch(epoch) => 2 + epoch,
        // No run has 2^63 epochs.
        Purpose::Rest(epoch) => (1 << 63) + epoch,
    });
    rng
}
