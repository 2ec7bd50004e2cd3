#![no_main]
use flameout_fuzz_readers::vectors::word2vec_text;
libfuzzer_sys::fuzz_target!(|data: &[u8]| word2vec_text(data));
