#![no_main]
use flameout_fuzz_readers::whole::diagnose;
libfuzzer_sys::fuzz_target!(|data: &[u8]| diagnose(data));
