//! The caller of a request.

use serde_json::Value as Json;
use timestore_entity::Timestamp;
use timestore_entity::ids::ApiTokenId;

use super::Scope;

/// The caller of a request. Unless scopes are given to them, they may do nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requester {
    /// Their name; none for an anonymous caller.
    pub subject: Option<String>,
    /// Their scopes: global ones, and those that datasets name as their own.
    pub scopes: Vec<String>,
    /// When what identified them runs out; none: never.
    pub expires_at: Option<Timestamp>,
    /// The API token that identified them, which can be revoked.
    pub token: Option<ApiTokenId>,
}

/// The scopes that a dataset names as its own, as it stores them: lists of texts. None: the global scope counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnScopes<'a> {
    /// Any one of them lets a caller read it.
    pub read: Option<&'a Json>,
    /// Any one of them lets a caller read and write it.
    pub write: Option<&'a Json>,
}

impl Requester {
    /// A caller with a name and scopes, for as long as it takes.
    pub fn new(subject: Option<String>, scopes: Vec<String>) -> Self {
        Self {
            subject,
            scopes,
            ..Self::default()
        }
    }

    /// Somebody who may do everything: the gateway itself, whoever runs its commands, and anyone at all where callers are not
    /// identified.
    pub fn unrestricted(subject: Option<String>) -> Self {
        Self::new(subject, vec![Scope::Admin.as_str().to_owned()])
    }

    /// Whether one of their scopes is `scope`, or includes it.
    pub fn holds(&self, scope: Scope) -> bool {
        let mut enough = Scope::ALL.iter().filter(|one| **one >= scope);
        enough.any(|one| self.has(one.as_str()))
    }

    /// Whether they may read a dataset with these scopes of its own.
    pub fn may_read(&self, own: OwnScopes<'_>) -> bool {
        let by_read = match own.read {
            Some(scopes) => self.has_any(scopes),
            None => self.holds(Scope::Read),
        };
        by_read || own.write.is_some_and(|scopes| self.has_any(scopes)) || self.holds(Scope::Admin)
    }

    /// Whether they may write a dataset with these scopes of its own. Nobody writes what they may not read.
    pub fn may_write(&self, own: OwnScopes<'_>) -> bool {
        let by_write = match own.write {
            Some(scopes) => self.has_any(scopes) || self.holds(Scope::Admin),
            None => self.holds(Scope::Write),
        };
        by_write && self.may_read(own)
    }

    fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }

    fn has_any(&self, scopes: &Json) -> bool {
        let mut scopes = scopes.as_array().into_iter().flatten().filter_map(Json::as_str);
        scopes.any(|scope| self.has(scope))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(scopes: &[&str]) -> Requester {
        Requester::new(None, scopes.iter().map(|&scope| scope.to_owned()).collect())
    }

    #[test]
    fn each_global_scope_includes_the_lesser_ones() {
        for (held, read, write, admin) in [
            ("", false, false, false),
            ("timestore:READ", false, false, false),
            ("timestore:read", true, false, false),
            ("timestore:write", true, true, false),
            ("timestore:admin", true, true, true),
        ] {
            let requester = with(&[held]);
            let holds = Scope::ALL.map(|scope| requester.holds(scope));
            assert_eq!(holds, [read, write, admin], "{held}");
        }
    }

    #[test]
    fn own_scopes_take_the_place_of_global_ones() {
        let (a, b, none) = (json!(["a", "c"]), json!(["b"]), json!([]));
        let global = OwnScopes::default();
        let read = |scopes| OwnScopes {
            read: Some(scopes),
            ..global
        };
        let write = |scopes| OwnScopes {
            write: Some(scopes),
            ..global
        };
        let both = OwnScopes {
            read: Some(&a),
            write: Some(&b),
        };
        let admin = "timestore:admin";
        for (held, own, may_read, may_write) in [
            (&[][..], global, false, false),
            (&["a"], global, false, false),
            (&["timestore:read"], global, true, false),
            (&["timestore:write"], global, true, true),
            (&["timestore:write"], read(&a), false, false),
            (&["a"], read(&a), true, false),
            (&["c", "timestore:write"], read(&a), true, true),
            (&["timestore:read"], write(&b), true, false),
            (&["timestore:write"], write(&b), true, false),
            (&["b"], write(&b), true, true),
            (&["a"], both, true, false),
            (&["b"], both, true, true),
            (&["timestore:write"], both, false, false),
            (&["timestore:write"], read(&none), false, false),
            (&[admin], global, true, true),
            (&[admin], both, true, true),
            (&[admin], write(&none), true, true),
        ] {
            let requester = with(held);
            let may = (requester.may_read(own), requester.may_write(own));
            assert_eq!(may, (may_read, may_write), "{held:?} {own:?}");
        }
    }
}
