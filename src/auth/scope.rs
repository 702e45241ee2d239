//! The global scopes.

/// A global scope. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// To read every dataset without read scopes of its own, and the storage targets.
    Read,
    /// To write every dataset without write scopes of its own, and to create datasets.
    Write,
    /// To do everything.
    Admin,
}

impl Scope {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// How tokens and configuration spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "timestore:read",
            Self::Write => "timestore:write",
            Self::Admin => "timestore:admin",
        }
    }
}
