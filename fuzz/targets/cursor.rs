#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| timestore_fuzz::cursor::check(bytes));
