#![no_main]
use flameout_fuzz_readers::interchange::safetensors;
libfuzzer_sys::fuzz_target!(|data: &[u8]| safetensors(data));
