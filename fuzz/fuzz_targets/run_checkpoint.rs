#![no_main]
use flameout_fuzz_readers::containers::run_checkpoint;
libfuzzer_sys::fuzz_target!(|data: &[u8]| run_checkpoint(data));
