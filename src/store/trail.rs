//! The trail of a mutation: its audit event and its change-feed row.
