//! What cargo-fuzz tries, on the seeds that it begins with: so that its targets go on meaning something.

use std::path::Path;

#[path = "../../fuzz/src/lib.rs"]
mod targets;

/// Hands every seed of a target to its check.
fn on_every_seed(target: &str, check: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let seeds: Vec<_> = std::fs::read_dir(directory).unwrap().collect();
    assert!(!seeds.is_empty(), "{target} has seeds");
    for seed in seeds {
        let path = seed.unwrap().path();
        println!("{}", path.display());
        check(&std::fs::read(path).unwrap());
    }
}

#[test]
fn cursors_and_ids_are_written_as_they_were_read() {
    on_every_seed("cursor", targets::cursor::check);
}

#[test]
fn scalars_are_printed_as_what_is_read_again() {
    on_every_seed("scalar", targets::scalar::check);
}

#[test]
fn documents_are_answered_or_refused_for_a_reason() {
    on_every_seed("document", targets::document::check);
}

#[test]
fn publishes_leave_a_sound_catalog_whatever_they_say() {
    on_every_seed("publish_input", targets::publish_input::check);
}
