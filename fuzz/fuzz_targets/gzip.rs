#![no_main]
use flameout_fuzz_readers::vectors::gzip;
libfuzzer_sys::fuzz_target!(|data: &[u8]| gzip(data));
