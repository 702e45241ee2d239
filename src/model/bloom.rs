//! Bloom filters that publishers may send along with a file, to rule it out for a value that it does not
//! hold.
//!
//! `{column: {"hash": "fnv1a32x2", "m": bits, "k": hashes, "bits": base64}}`. The filter of a column holds
//! the UTF-8 bytes of all its texts, the empty one included. For `i` from 0 to `k - 1`, bit
//! `(h1 + i * h2) mod m` is set, where
//!
//! - `h1` is the 32-bit FNV-1a hash of the bytes,
//! - `h2` is that of a zero byte followed by the bytes, with its lowest bit set,
//! - the sum is not cut to 32 bits, and bit `n` is bit `n mod 8`, the lowest first, of byte `n / 8`.
//!
//! Scheme: A. Kirsch and M. Mitzenmacher, "Less Hashing, Same Performance: Building a Better Bloom Filter",
//! 2006; hash: G. Fowler, L. C. Noll, K.-P. Vo, FNV-1a. A filter that is malformed, or names another hash,
//! rules nothing out.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::predicate::{ColumnPredicate, Scalar, is_time};

const HASH: &str = "fnv1a32x2";
const MAX_HASHES: u64 = 64;

/// Whether a file with these filters could hold rows that match. Only `eq` and `in` are looked at.
pub fn blooms_may_match(predicate: &ColumnPredicate, filters: Option<&Value>) -> bool {
    let Some(filter) = filters.and_then(|filters| filters.get(&predicate.column)) else {
        return true;
    };
    let test = &predicate.test;
    test.eq.iter().all(|value| may_contain(filter, value))
        && test
            .in_
            .iter()
            .all(|values| values.iter().any(|value| may_contain(filter, value)))
}

/// Whether a column with this filter could hold a value.
///
/// Only texts can be ruled out, and of them no dates and times: these are equal to others that are written
/// differently.
pub fn may_contain(filter: &Value, value: &Scalar) -> bool {
    match (Filter::read(filter), value) {
        (Some(filter), Scalar::String(text)) if !is_time(text) => filter.may_contain(text.as_bytes()),
        _ => true,
    }
}

struct Filter {
    m: u64,
    k: u64,
    bits: Vec<u8>,
}

impl Filter {
    fn read(filter: &Value) -> Option<Self> {
        let number = |name| filter.get(name).and_then(Value::as_u64);
        let (m, k) = (number("m")?, number("k")?);
        let is_known = filter.get("hash")?.as_str()? == HASH && (1..=MAX_HASHES).contains(&k) && m > 0;
        let bits = BASE64_STANDARD.decode(filter.get("bits")?.as_str()?).ok()?;
        let fits = u64::try_from(bits.len()) == Ok(m.div_ceil(8));
        (is_known && fits).then_some(Self { m, k, bits })
    }

    fn may_contain(&self, bytes: &[u8]) -> bool {
        positions(bytes, self.m, self.k)
            .all(|(byte, bit)| self.bits.get(byte).is_none_or(|bits| bits & bit != 0))
    }
}

/// The bits of a value: the byte, and the bit in it.
fn positions(bytes: &[u8], m: u64, k: u64) -> impl Iterator<Item = (usize, u8)> {
    let h1 = u64::from(fnv1a(bytes.iter().copied()));
    let h2 = u64::from(fnv1a(std::iter::once(0).chain(bytes.iter().copied())) | 1);
    (0..k).map(move |i| {
        let position = (h1 + i * h2) % m;
        (
            usize::try_from(position / 8).unwrap_or(usize::MAX),
            1 << (position % 8),
        )
    })
}

fn fnv1a(bytes: impl Iterator<Item = u8>) -> u32 {
    bytes.fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::model::predicate::Conditions;

    fn filter<'a>(m: u64, k: u64, texts: impl IntoIterator<Item = &'a str>) -> Value {
        let mut bits = vec![0_u8; usize::try_from(m.div_ceil(8)).unwrap()];
        for text in texts {
            for (byte, bit) in positions(text.as_bytes(), m, k) {
                bits[byte] |= bit;
            }
        }
        json!({ "hash": HASH, "m": m, "k": k, "bits": BASE64_STANDARD.encode(bits) })
    }

    fn text(text: &str) -> Scalar {
        Scalar::String(text.to_owned())
    }

    #[test]
    fn the_hash_is_fnv1a() {
        // http://www.isthe.com/chongo/tech/comp/fnv/, test vectors of the 32-bit FNV-1a.
        for (text, hash) in [("", 0x811c_9dc5), ("a", 0xe40c_292c), ("foobar", 0xbf9c_f968)] {
            assert_eq!(fnv1a(text.bytes()), hash);
        }
    }

    #[test]
    fn what_a_filter_holds_is_never_ruled_out_and_most_else_is() {
        let held = filter(256, 5, ["eu", "us", ""]);
        assert!(
            ["eu", "us", ""]
                .into_iter()
                .all(|value| may_contain(&held, &text(value)))
        );
        assert!(
            ["asia", "EU", " "]
                .into_iter()
                .all(|other| !may_contain(&held, &text(other)))
        );
        let without = filter(256, 5, ["eu"]);
        assert!(!may_contain(&without, &text("")));
    }

    #[test]
    fn a_filter_stays_what_it_was_when_it_was_first_stored() {
        assert_eq!(filter(16, 3, ["eu"])["bits"], "A4A=");
    }

    #[test]
    fn only_plain_texts_are_ruled_out() {
        let empty = filter(64, 3, []);
        assert!(!may_contain(&empty, &text("x")));
        let values = [
            Scalar::Null,
            Scalar::Boolean(true),
            Scalar::Number(1.into()),
            text("2020-01-01"),
        ];
        assert!(values.iter().all(|value| may_contain(&empty, value)));
    }

    #[test]
    fn malformed_filters_rule_nothing_out() {
        let sound = filter(64, 3, []);
        let broken = [
            ("hash", json!("fnv1a32")),
            ("hash", json!(null)),
            ("m", json!(0)),
            ("m", json!(65)),
            ("m", json!("64")),
            ("m", json!(u64::MAX)),
            ("k", json!(0)),
            ("k", json!(1_000_000)),
            ("k", json!(-1)),
            ("bits", json!("***")),
            ("bits", json!("")),
            ("bits", json!(7)),
        ];
        for (name, value) in broken {
            let mut filter = sound.clone();
            filter[name] = value;
            assert!(may_contain(&filter, &text("x")), "{filter}");
        }
        for filter in [json!(null), json!([]), json!("x"), json!({})] {
            assert!(may_contain(&filter, &text("x")));
        }
    }

    #[test]
    fn predicates_ask_for_equality_only() {
        let filters = json!({ "c": filter(256, 5, ["eu"]) });
        let kept = |conditions: Conditions| {
            blooms_may_match(
                &ColumnPredicate::new("c", conditions, None).unwrap(),
                Some(&filters),
            )
        };
        assert!(!kept(Conditions {
            eq: Some(json!("us")),
            ..Conditions::default()
        }));
        assert!(!kept(Conditions {
            in_: Some(vec![json!("us"), json!("asia")]),
            ..Conditions::default()
        }));
        assert!(kept(Conditions {
            in_: Some(vec![json!("us"), json!("eu")]),
            ..Conditions::default()
        }));
        assert!(kept(Conditions {
            gt: Some(json!("us")),
            ..Conditions::default()
        }));
    }

    proptest! {
        #[test]
        fn no_held_value_is_ruled_out(
            texts in proptest::collection::vec(".{0,8}", 0..20),
            m in 1_u64..300,
            k in 1_u64..=64,
        ) {
            let filter = filter(m, k, texts.iter().map(String::as_str));
            for held in &texts {
                prop_assert!(may_contain(&filter, &text(held)));
            }
        }
    }
}
