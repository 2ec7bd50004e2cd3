#![no_main]
use flameout_fuzz_readers::vectors::fasttext;
libfuzzer_sys::fuzz_target!(|data: &[u8]| fasttext(data));
