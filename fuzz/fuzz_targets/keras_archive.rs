#![no_main]
use flameout_fuzz_readers::interchange::keras_archive;
libfuzzer_sys::fuzz_target!(|data: &[u8]| keras_archive(data));
