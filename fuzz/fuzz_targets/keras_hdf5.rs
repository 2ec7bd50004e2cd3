#![no_main]
use flameout_fuzz_readers::interchange::keras_hdf5;
libfuzzer_sys::fuzz_target!(|data: &[u8]| keras_hdf5(data));
