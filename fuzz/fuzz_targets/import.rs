#![no_main]
use flameout_fuzz_readers::whole::import;
libfuzzer_sys::fuzz_target!(|data: &[u8]| import(data));
