//! Where iterations for eigenvectors begin.

/// Entry i of a vector of signs without pattern, always the same: where iterations for eigenvectors begin.
pub(super) fn start_sign(i: usize) -> f64 {
    // SplitMix64 (Steele, Lea and Flood 2014).
    let mut z = (i as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    if (z ^ (z >> 31)) & 1 == 0 { 1.0 } else { -1.0 }
}
