#![no_main]
use flameout_fuzz_readers::logs::probes;
libfuzzer_sys::fuzz_target!(|data: &[u8]| probes(data));
