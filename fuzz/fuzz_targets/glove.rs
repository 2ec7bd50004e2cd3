#![no_main]
use flameout_fuzz_readers::vectors::glove;
libfuzzer_sys::fuzz_target!(|data: &[u8]| glove(data));
