#![no_main]
use flameout_fuzz_readers::text::summary;
libfuzzer_sys::fuzz_target!(|data: &[u8]| summary(data));
