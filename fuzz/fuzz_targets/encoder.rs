#![no_main]
use flameout_fuzz_readers::text::encoder;
libfuzzer_sys::fuzz_target!(|data: &[u8]| encoder(data));
