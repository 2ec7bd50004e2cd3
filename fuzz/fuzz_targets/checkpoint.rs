#![no_main]
use flameout_fuzz_readers::containers::checkpoint;
libfuzzer_sys::fuzz_target!(|data: &[u8]| checkpoint(data));
