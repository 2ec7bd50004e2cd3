#![no_main]
use flameout_fuzz_readers::containers::ngrams;
libfuzzer_sys::fuzz_target!(|data: &[u8]| ngrams(data));
