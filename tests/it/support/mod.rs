//! What the tests stand on: databases, the catalog and the gateway over them, and storage.

pub mod app;
pub mod builders;
pub mod catalog;
pub mod client;
pub mod clock;
pub mod collector;
pub mod database;
pub mod dice;
pub mod feed;
pub mod http;
pub mod npm;
pub mod process;
pub mod registration;
pub mod schedule;
pub mod storage;

/// Tests that run on both databases: `both! { a_sentence, other_sentence }` runs `async fn a_sentence(database: TestDatabase)`
/// as `a_sentence::sqlite` and `a_sentence::postgres`.
macro_rules! both {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(crate::support::database::TestDatabase::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$name(crate::support::database::TestDatabase::postgres().await).await;
            }
        })+
    };
}
pub(crate) use both;

/// Like `both!`, and once more as `a_sentence::pgbouncer`: on PostgreSQL through a PgBouncer in transaction mode, where the next
/// statement may come to another session.
macro_rules! everywhere {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(crate::support::database::TestDatabase::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$name(crate::support::database::TestDatabase::postgres().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn pgbouncer() {
                super::$name(crate::support::database::TestDatabase::pgbouncer().await).await;
            }
        })+
    };
}
pub(crate) use everywhere;

/// Tests that run on disk and on S3: `on_disk_and_s3! { a_sentence }` runs `async fn a_sentence(storage: TestStorage)` as
/// `a_sentence::disk` and `a_sentence::s3`.
macro_rules! on_disk_and_s3 {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            #[tokio::test]
            async fn disk() {
                super::$name(crate::support::storage::TestStorage::disk()).await;
            }

            #[tokio::test]
            async fn s3() {
                super::$name(crate::support::storage::TestStorage::s3().await).await;
            }
        })+
    };
}
pub(crate) use on_disk_and_s3;
