#![no_main]
use flameout_fuzz_readers::containers::network;
libfuzzer_sys::fuzz_target!(|data: &[u8]| network(data));
