#![no_main]
use flameout_fuzz_readers::text::settings;
libfuzzer_sys::fuzz_target!(|data: &[u8]| settings(data));
