#![no_main]
use flameout_fuzz_readers::whole::train;
libfuzzer_sys::fuzz_target!(|data: &[u8]| train(data));
