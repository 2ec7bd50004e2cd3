#![no_main]
use flameout_fuzz_readers::text::similarity;
libfuzzer_sys::fuzz_target!(|data: &[u8]| similarity(data));
