#![no_main]
use flameout_fuzz_readers::vectors::any_vectors;
libfuzzer_sys::fuzz_target!(|data: &[u8]| any_vectors(data));
