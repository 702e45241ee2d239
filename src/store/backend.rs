//! All that differs between PostgreSQL and SQLite.
