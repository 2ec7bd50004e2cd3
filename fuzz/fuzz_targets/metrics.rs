#![no_main]
use flameout_fuzz_readers::logs::metrics;
libfuzzer_sys::fuzz_target!(|data: &[u8]| metrics(data));
