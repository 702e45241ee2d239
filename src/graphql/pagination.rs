//! Relay pages: the one place for their arguments, their cursors and their limits.
//!
//! A cursor is opaque text that carries the list it belongs to and the position of a row in it, so that one from elsewhere is
//! told apart and a page begins where the row stands or stood, whatever was added or removed since.

use std::fmt::Debug;
use std::hash::Hash;

use async_graphql::SimpleObject;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use timestore_entity::Timestamp;

use super::error::{Error, Result};
use crate::model::naming;
use crate::store::{Page, Rows};

/// How many rows a page has when neither `first` nor `last` says so.
pub const DEFAULT_LIMIT: u32 = 50;

/// The most that `first` or `last` may ask for, but for partitions.
pub const MAX_LIMIT: u32 = 100;

/// The most partitions that `first` may ask for.
pub const MAX_PARTITIONS: u32 = 1_000;

/// The longest cursor that is read.
const MAX_CURSOR_LENGTH: usize = 4_096;

/// The arguments of a page.
#[derive(Clone, Debug, Default)]
pub struct PageArgs {
    /// Take so many from the front.
    pub first: Option<i32>,
    /// Only what comes after this cursor.
    pub after: Option<String>,
    /// Take so many from the back.
    pub last: Option<i32>,
    /// Only what comes before this cursor.
    pub before: Option<String>,
}

/// Where a row stands in a list.
pub trait Position: Clone + Debug + Eq + Hash + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Whether the database can be asked about it: a forged cursor could say anything.
    fn is_possible(&self) -> bool {
        true
    }
}

impl Position for i32 {}

impl Position for (i64, i64) {}

impl Position for crate::store::file_removal::FileRemovalKey {}

/// By time, and by id where times are the same.
impl<Id> Position for (Timestamp, Id)
where
    Id: Clone + Debug + Eq + Hash + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    fn is_possible(&self) -> bool {
        naming::time(self.0).is_ok()
    }
}

impl Position for String {
    fn is_possible(&self) -> bool {
        !self.contains('\0')
    }
}

/// The list that a cursor belongs to: the kind of list, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct List {
    kind: &'static str,
    owner: String,
}

impl List {
    /// A list of the whole catalog.
    pub fn of_all(kind: &'static str) -> Self {
        Self {
            kind,
            owner: String::new(),
        }
    }

    /// A list that belongs to something.
    pub fn of(kind: &'static str, owner: impl ToString) -> Self {
        Self {
            kind,
            owner: owner.to_string(),
        }
    }

    /// The cursor of a row.
    pub fn cursor(&self, position: &impl Serialize) -> String {
        // A tuple of texts and numbers cannot fail to serialise.
        let text = serde_json::to_string(&(self.kind, &self.owner, position)).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(text)
    }

    /// The position that a cursor of this list carries; none for any text that [`List::cursor`] would not have written.
    pub fn position<P: Position>(&self, cursor: &str) -> Option<P> {
        if cursor.len() > MAX_CURSOR_LENGTH {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (_, _, position): (IgnoredAny, IgnoredAny, P) = serde_json::from_slice(&bytes).ok()?;
        (position.is_possible() && self.cursor(&position) == cursor).then_some(position)
    }
}

impl PageArgs {
    /// Only `first` and `after`.
    pub fn forwards(first: Option<i32>, after: Option<String>) -> Self {
        Self {
            first,
            after,
            ..Self::default()
        }
    }

    /// How many rows, and whether from the back.
    pub fn limit(&self, max: u32) -> Result<(u32, bool)> {
        let (argument, number) = match (self.first, self.last) {
            (Some(_), Some(_)) => {
                return Err(Error::bad_input(
                    &["last"],
                    "expected `first` or `last`, not both",
                ));
            }
            (Some(number), None) => ("first", number),
            (None, Some(number)) => ("last", number),
            (None, None) => return Ok((DEFAULT_LIMIT, false)),
        };
        match u32::try_from(number) {
            Ok(limit) if limit <= max => Ok((limit, argument == "last")),
            _ => {
                let message = format!("expected `{argument}` to be from 0 to {max}, not {number}");
                Err(Error::bad_input(&[argument], message))
            }
        }
    }

    /// The page of `list` that these arguments ask for.
    pub fn page<P: Position>(&self, list: &List, max: u32) -> Result<Page<P>> {
        let (limit, backwards) = self.limit(max)?;
        let read = |argument: &'static str, cursor: &Option<String>| match cursor {
            None => Ok(None),
            Some(cursor) => list
                .position(cursor)
                .map(Some)
                .ok_or_else(|| foreign_cursor(argument)),
        };
        Ok(Page {
            limit,
            after: read("after", &self.after)?,
            before: read("before", &self.before)?,
            backwards,
        })
    }
}

/// The error of a cursor that does not belong to the list.
pub fn foreign_cursor(argument: &str) -> Error {
    Error::bad_input(
        &[argument],
        format!("expected `{argument}` to be a cursor of this list"),
    )
}

/// Where a page stands in its list.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
#[graphql(shareable)]
pub struct PageInfo {
    /// Whether more follows the page. When reading backwards with `last`: whether `before` was given.
    pub has_next_page: bool,
    /// Whether something comes before the page. When reading forwards: whether `after` was given.
    pub has_previous_page: bool,
    /// The cursor of the first row of the page; null when it is empty.
    pub start_cursor: Option<String>,
    /// The cursor of the last row of the page; null when it is empty.
    pub end_cursor: Option<String>,
}

impl PageInfo {
    /// Of the rows that `page` found.
    pub fn new<P, T>(page: &Page<P>, rows: &Rows<T>, cursor: impl Fn(&T) -> String) -> Self {
        let (more_after, more_before) = if page.backwards {
            (false, rows.has_more)
        } else {
            (rows.has_more, false)
        };
        Self {
            has_next_page: more_after || page.before.is_some(),
            has_previous_page: more_before || page.after.is_some(),
            start_cursor: rows.rows.first().map(&cursor),
            end_cursor: rows.rows.last().map(&cursor),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn args(first: Option<i32>, last: Option<i32>) -> PageArgs {
        PageArgs {
            first,
            last,
            ..PageArgs::default()
        }
    }

    fn field(error: &Error) -> String {
        error.extensions().get("field").unwrap().to_string()
    }

    #[test]
    fn pages_have_bounds() {
        assert_eq!(args(None, None).limit(MAX_LIMIT), Ok((50, false)));
        assert_eq!(args(Some(0), None).limit(MAX_LIMIT), Ok((0, false)));
        assert_eq!(args(Some(100), None).limit(MAX_LIMIT), Ok((100, false)));
        assert_eq!(args(None, Some(7)).limit(MAX_LIMIT), Ok((7, true)));
        assert_eq!(args(Some(1_000), None).limit(MAX_PARTITIONS), Ok((1_000, false)));
        for (args, named) in [
            (args(Some(101), None), "first"),
            (args(Some(-1), None), "first"),
            (args(None, Some(i32::MIN)), "last"),
            (args(Some(1), Some(1)), "last"),
        ] {
            let error = args.limit(MAX_LIMIT).unwrap_err();
            assert_eq!(field(&error), format!("[\"{named}\"]"));
            assert!(error.message().contains(named));
        }
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let (mine, other) = (List::of("manifests", "a"), List::of("manifests", "b"));
        let page = |after: String| PageArgs::forwards(None, Some(after)).page::<i32>(&mine, MAX_LIMIT);
        assert_eq!(page(mine.cursor(&7)).unwrap().after, Some(7));
        for cursor in [
            other.cursor(&7),
            List::of("schemaVersions", "a").cursor(&7),
            mine.cursor(&"7"),
            "7".to_owned(),
            String::new(),
            "x".repeat(10_000),
        ] {
            assert_eq!(field(&page(cursor).unwrap_err()), "[\"after\"]");
        }
        let names = List::of_all("datasets");
        assert_eq!(names.position::<String>(&names.cursor(&"a\0")), None);
    }

    #[test]
    fn page_info_says_what_is_known() {
        let page = |limit, after, before, backwards| Page {
            limit,
            after,
            before,
            backwards,
        };
        let info = |page: Page<i32>, rows: Vec<i32>, has_more| {
            let info = PageInfo::new(&page, &Rows { rows, has_more }, i32::to_string);
            (
                info.has_next_page,
                info.has_previous_page,
                info.start_cursor,
                info.end_cursor,
            )
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            info(page(2, None, None, false), vec![1, 2], true),
            (true, false, some("1"), some("2"))
        );
        assert_eq!(
            info(page(2, Some(2), None, false), vec![3], false),
            (false, true, some("3"), some("3"))
        );
        assert_eq!(
            info(page(2, None, Some(3), true), vec![1, 2], false),
            (true, false, some("1"), some("2"))
        );
        assert_eq!(
            info(page(2, None, None, true), vec![3, 4], true),
            (false, true, some("3"), some("4"))
        );
        assert_eq!(
            info(page(0, None, None, false), vec![], true),
            (true, false, None, None)
        );
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back(slug in "[a-z0-9._-]{3,120}", version: i32, change: (i64, i64)) {
            let list = List::of("x", &slug);
            prop_assert_eq!(list.position(&list.cursor(&slug)), Some(slug));
            prop_assert_eq!(list.position(&list.cursor(&version)), Some(version));
            prop_assert_eq!(list.position(&list.cursor(&change)), Some(change));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = List::of_all("x").position::<String>(&text);
        }

        #[test]
        fn only_what_was_written_is_read(spaces in " {0,2}", version: i32) {
            let list = List::of_all("x");
            let text = URL_SAFE_NO_PAD.encode(format!("[\"x\",{spaces}\"\",{version}]"));
            prop_assert_eq!(list.position(&text), spaces.is_empty().then_some(version));
        }
    }
}
