//! Who is calling, and what they may do.

/// The caller of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requester {
    /// Their name; none for an anonymous caller.
    pub subject: Option<String>,
    /// Their scopes.
    pub scopes: Vec<String>,
}
