//! Cursors and ids: what can be read is written the same.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use timestore_gateway::graphql::id::GlobalId;
use timestore_gateway::graphql::pagination::{List, Position};
use timestore_gateway::store::file_removal::FileRemovalKey;
use timestore_gateway::store::partition::PartitionPosition;

/// Reads the bytes as they are, and as what a cursor or an id says.
pub fn check(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        check_text(text);
    }
    check_text(&URL_SAFE_NO_PAD.encode(bytes));
}

fn check_text(text: &str) {
    if let Some(id) = GlobalId::decode(text) {
        assert_eq!(id.encode().as_str(), text);
    }
    for list in [List::of_all("x"), List::of("x", "y")] {
        check_cursor::<i32>(&list, text);
        check_cursor::<(i64, i64)>(&list, text);
        check_cursor::<String>(&list, text);
        check_cursor::<PartitionPosition>(&list, text);
        check_cursor::<FileRemovalKey>(&list, text);
    }
}

fn check_cursor<P: Position>(list: &List, text: &str) {
    if let Some(position) = list.position::<P>(text) {
        assert_eq!(list.cursor(&position), text, "{position:?}");
        assert!(position.is_possible(), "{position:?}");
        assert_eq!(List::of("x", "z").position::<P>(text), None, "of another list");
    }
}
