// The connections, and statements that are prepared once on each of them.

import pg from "pg";

// Instants stay text: a Date would lose microseconds, and cost more than it is worth here.
pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (text) => text.replace(" ", "T").replace("+00", "Z"));

export const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 8, options: "-c timezone=UTC" });

/** A statement that is prepared under its name on first use. */
export function prepared(name, text) {
  return async (values, client = pool) => (await client.query({ name, text, values })).rows;
}
