#![no_main]
use flameout_fuzz_readers::logs::tensorboard;
libfuzzer_sys::fuzz_target!(|data: &[u8]| tensorboard(data));
