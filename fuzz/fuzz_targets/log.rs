#![no_main]
use flameout_fuzz_readers::logs::log;
libfuzzer_sys::fuzz_target!(|data: &[u8]| log(data));
