#![no_main]
use flameout_fuzz_readers::interchange::keras_config;
libfuzzer_sys::fuzz_target!(|data: &[u8]| keras_config(data));
