#![no_main]
use flameout_fuzz_readers::vectors::indexed;
libfuzzer_sys::fuzz_target!(|data: &[u8]| indexed(data));
