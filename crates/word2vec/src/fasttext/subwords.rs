//! The letter n-grams of a word, as fastText's `Dictionary::computeSubwords` finds them.

/// The end of a sentence, which has no n-grams.
const END_OF_SENTENCE: &[u8] = b"</s>";

/// Which n-grams there are, and into how many buckets they are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subwords {
    /// Letters of the shortest.
    pub(super) min: usize,
    /// Letters of the longest; 0 if there are none.
    pub(super) max: usize,
    /// Buckets; 0 if there are no n-grams.
    pub(super) buckets: u32,
}

impl Subwords {
    /// Calls `each` with the bucket of each n-gram of `<name>`, in fastText's order.
    pub(super) fn of(self, name: &[u8], mut each: impl FnMut(usize)) {
        if self.buckets == 0 || name == END_OF_SENTENCE {
            return;
        }
        let word: Vec<u8> = [b"<", name, b">"].concat();
        let continues = |at: usize| word.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
        for start in (0..word.len()).filter(|&start| !continues(start)) {
            let (mut end, mut letters, mut hash) = (start, 0, FNV_OFFSET);
            while end < word.len() && letters < self.max {
                letters += 1;
                let first = end;
                end += 1;
                while continues(end) {
                    end += 1;
                }
                hash = fnv1a(hash, &word[first..end]);
                let is_border = letters == 1 && (start == 0 || end == word.len());
                if letters >= self.min && !is_border {
                    each((hash % self.buckets) as usize);
                }
            }
        }
    }
}

const FNV_OFFSET: u32 = 2_166_136_261;

/// The 32-bit FNV-1a hash, carried on over `bytes`. fastText takes each byte as signed, and extends its sign.
fn fnv1a(hash: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(hash, |hash, &byte| (hash ^ i32::from(byte as i8) as u32).wrapping_mul(16_777_619))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(subwords: Subwords, word: &str) -> Vec<usize> {
        let mut found = Vec::new();
        subwords.of(word.as_bytes(), |bucket| found.push(bucket));
        found
    }

    #[test]
    fn single_letters_at_the_borders_are_none() {
        let subwords = Subwords { min: 1, max: 2, buckets: 1 << 20 };
        // Of `<ab>`: <a, a, ab, b, b> — but neither `<` nor `>`.
        assert_eq!(buckets(subwords, "ab").len(), 5);
        assert_eq!(buckets(subwords, "é").len(), 3);
        assert_eq!(buckets(subwords, "</s>"), []);
        assert_eq!(buckets(Subwords { max: 0, ..subwords }, "ab"), []);
        assert_eq!(buckets(Subwords { buckets: 0, ..subwords }, "ab"), []);
    }

    #[test]
    fn bytes_beyond_ascii_are_taken_as_signed() {
        // By hand: 0xFF as a signed byte is -1, all bits set.
        assert_eq!(fnv1a(FNV_OFFSET, &[0xFF]), (FNV_OFFSET ^ u32::MAX).wrapping_mul(16_777_619));
        // The published value for "a" (http://www.isthe.com/chongo/tech/comp/fnv/).
        assert_eq!(fnv1a(FNV_OFFSET, b"a"), 0xE40C_292C);
    }
}
