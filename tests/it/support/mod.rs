//! What the tests stand on: databases, and the catalog and the gateway over them.

pub mod app;
pub mod builders;
pub mod catalog;
pub mod client;
pub mod clock;
pub mod database;
pub mod feed;
pub mod process;
pub mod registration;

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
