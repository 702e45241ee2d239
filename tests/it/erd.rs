//! The diagram in `docs/architecture.md` is made from the real tables.

use std::collections::BTreeMap;
use std::fmt::Write;

use sea_orm::{ConnectionTrait, Database, Statement};
use timestore_migration::Migrator;

use crate::support::database::postgres;

const BEGIN: &str = "<!-- erd: made from the real tables; UPDATE_ERD=1 scripts/test erd -->\n";
const END: &str = "<!-- /erd -->\n";

#[tokio::test]
async fn the_erd_in_the_docs_is_that_of_the_real_tables() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/architecture.md");
    let docs = std::fs::read_to_string(path).unwrap();
    let (before, rest) = docs.split_once(BEGIN).expect("the marker of the diagram");
    let (drawn, after) = rest.split_once(END).expect("the marker of the diagram's end");
    let erd = erd().await;
    if std::env::var_os("UPDATE_ERD").is_some() {
        std::fs::write(path, format!("{before}{BEGIN}{erd}{END}{after}")).unwrap();
    } else {
        assert_eq!(drawn, erd, "the diagram is stale: UPDATE_ERD=1 scripts/test erd");
    }
}

async fn erd() -> String {
    let database = postgres::empty().await;
    Migrator::connect(database.url())
        .await
        .unwrap()
        .up(None)
        .await
        .unwrap();
    let connection = Database::connect(database.url()).await.unwrap();
    let query = async |sql: &str| {
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let rows = connection.query_all_raw(statement).await.unwrap();
        let read = |row: &sea_orm::QueryResult| {
            (0..4)
                .map(|n| row.try_get_by_index::<String>(n).unwrap())
                .collect::<Vec<_>>()
        };
        rows.iter().map(read).collect::<Vec<_>>()
    };
    let columns = query(
        "select c.relname::text, a.attname::text, replace(format_type(a.atttypid, null), ' with time zone', 'tz'), \
         case when exists (select 1 from pg_constraint k where k.conrelid = c.oid and k.contype = 'p' and a.attnum = any (k.conkey)) \
         then 'PK' else '' end \
         from pg_class c join pg_attribute a on a.attrelid = c.oid \
         where c.relnamespace = 'timestore'::regnamespace and c.relkind = 'r' and c.relname <> 'seaql_migrations' \
         and a.attnum > 0 and not a.attisdropped order by c.relname, a.attnum",
    )
    .await;
    let keys = query(
        "select f.relname::text, t.relname::text, \
         (select string_agg(a.attname, ', ' order by o.n) from unnest(k.conkey) with ordinality o(attnum, n) \
          join pg_attribute a on a.attrelid = k.conrelid and a.attnum = o.attnum), \
         case when exists (select 1 from pg_constraint u where u.conrelid = k.conrelid and u.contype = 'p' and u.conkey = k.conkey) \
         then '|o' else '}o' end \
         from pg_constraint k join pg_class f on f.oid = k.conrelid join pg_class t on t.oid = k.confrelid \
         where k.contype = 'f' and k.connamespace = 'timestore'::regnamespace order by 2, 1, 3",
    )
    .await;
    let mut tables: BTreeMap<&str, Vec<&[String]>> = BTreeMap::new();
    for column in &columns {
        tables.entry(&column[0]).or_default().push(column);
    }
    let mut erd = "```mermaid\nerDiagram\n".to_owned();
    for key in &keys {
        writeln!(
            erd,
            "    {} ||--{} {} : \"{}\"",
            key[1],
            if key[3] == "|o" { "o|" } else { "o{" },
            key[0],
            key[2]
        )
        .unwrap();
    }
    for (table, columns) in tables {
        writeln!(erd, "    {table} {{").unwrap();
        for column in columns {
            writeln!(
                erd,
                "        {}",
                format!("{} {} {}", column[2], column[1], column[3]).trim_end()
            )
            .unwrap();
        }
        writeln!(erd, "    }}").unwrap();
    }
    erd + "```\n"
}
