import type { PostgresServer } from './servers/postgres.ts';

/**
 * A database with a little of everything: keys, sequences, a view, a function, row security, grants,
 * comments, names that need quoting, large objects, an empty and an unlogged table.
 */
const SCHEMA = `
  create role shop_owner nologin;
  create role shop_reader nologin;
  comment on database shop is 'Where the orders are';
  alter database shop set work_mem = '8MB';
  grant create on schema public to shop_owner;
  set role shop_owner;
  create table customer (id bigint generated always as identity primary key,
    name text not null, email text unique, since date not null);
  create table "Order" (id bigint generated always as identity primary key,
    customer_id bigint not null references customer, placed_at timestamptz not null,
    total numeric(12, 2) not null check (total >= 0), note text, details jsonb);
  create index on "Order" (customer_id, placed_at);
  create table empty_one (id int);
  create unlogged table scratch (id int);
  create view big_spender as select customer_id, sum(total) as spent from "Order" group by 1;
  create function vat(amount numeric) returns numeric language sql immutable as 'select amount * 0.2';
  grant select on customer, "Order", big_spender to shop_reader;
  alter table customer enable row level security;
  create policy everybody on customer using (true);
  reset role;`;

const ROWS = `
  insert into customer (name, email, since)
    select 'Customer ' || i, 'customer' || i || '@example.com', date '2020-01-01' + i % 2000
      from generate_series(1, 2000) i;
  insert into "Order" (customer_id, placed_at, total, note, details)
    select 1 + i % 2000, timestamptz '2026-01-01' + i * interval '1 minute', (i % 997) / 3.0,
           case when i % 7 = 0 then E'tab\\t, newline\\n, \\\\ and ü' end,
           jsonb_build_object('n', i, 'tags', array['a', 'b'])
      from generate_series(1, 50000) i;
  insert into scratch select generate_series(1, 10);`;

/** Makes the database `shop` on the primary. */
export async function createShop(primary: PostgresServer): Promise<void> {
  await primary.query('create database shop');
  await primary.query(SCHEMA, { database: 'shop' });
  await primary.query(ROWS, { database: 'shop' });
}

/**
 * Adds what a dump may trip over: large objects (one empty, one of several pages), and names that hold
 * quotes, blanks, line breaks and words of `pg_restore --list`.
 */
export async function addOddities(primary: PostgresServer, database: string): Promise<void> {
  await primary.query(
    `create role "Odd ""Reader";
     create schema "s p";
     create table "s p"."we""ird\nname" ("a;b" int primary key, "ü\\" text);
     insert into "s p"."we""ird\nname" select i, repeat(chr(228), i) from generate_series(1, 100) i;
     create table "TABLE DATA public x" (id int primary key);
     insert into "TABLE DATA public x" values (1);
     create materialized view "BLOBS - 1" as select * from "TABLE DATA public x";
     create statistics "s p"."st at" on "a;b", "ü\\" from "s p"."we""ird\nname";
     grant select on "s p"."we""ird\nname" to "Odd ""Reader";
     select lo_from_bytea(0, decode(repeat('ab', 5000), 'hex'));
     select lo_from_bytea(0, '');
     do $$ declare o record; begin
       for o in select oid from pg_largeobject_metadata loop
         execute format('grant select on large object %s to holdfast', o.oid);
       end loop;
     end $$;
     analyze`,
    { database },
  );
}

/** Adds a table whose dump does not fit into a pack, with all that is built on a table's rows. */
export async function createHeavyTable(primary: PostgresServer, database: string): Promise<void> {
  await primary.query(
    `create table heavy (id int primary key, twin int unique, noise text, kept boolean default true);
     insert into heavy select i, -i, md5(random()::text) || md5(random()::text)
       from generate_series(1, 100000) i;
     create index heavy_noise on heavy (noise);
     create unique index heavy_lower on heavy (lower(noise), id) where kept;
     alter table heavy add exclude using btree (twin with =);
     alter table heavy add foreign key (twin) references heavy (twin);
     alter table heavy add check (id > 0) not valid;
     alter table heavy cluster on heavy_noise;
     alter table heavy replica identity using index heavy_pkey;
     comment on index heavy_noise is 'what comes after an index';
     create materialized view heaviest as select id, noise from heavy where id > 99990;
     create index on heaviest (id);
     create trigger quiet before update on heavy for each row execute function suppress_redundant_updates_trigger()`,
    { database },
  );
}

/** Indexes, constraints and triggers with their definitions, and comments on indexes. */
export async function definitionsOf(server: PostgresServer, database: string): Promise<string[]> {
  const { rows } = await server.query(
    `select pg_get_indexdef(indexrelid) || indisclustered || indisreplident
            || coalesce(obj_description(indexrelid, 'pg_class'), '') as line
       from pg_index join pg_class on pg_class.oid = indrelid
      where indrelid >= 16384 and relkind <> 't'
      union all select conrelid::regclass || pg_get_constraintdef(oid) from pg_constraint
      where conrelid >= 16384
      union all select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal order by 1`,
    { database },
  );
  return rows.map(({ line }: { line: string }) => line);
}

/**
 * Makes a database `bulk` whose dump takes a few seconds: rows that compress about 2:1.
 *
 * @param mib size of each of its two tables, MiB, roughly.
 */
export async function createBulk(primary: PostgresServer, mib: number): Promise<void> {
  await primary.query('create database bulk');
  for (const table of ['one', 'two']) {
    await primary.query(
      `create table ${table} as
         select i as id, (select string_agg(md5(random()::text), '') from generate_series(1, 31) j where i > 0) as noise
           from generate_series(1, ${mib * 1024}) i`,
      { database: 'bulk' },
    );
  }
}

/** Every row of every table and what the schema says of them, as text: equal texts, equal data. */
export async function contentsOf(
  server: Pick<PostgresServer, 'query'>,
  database: string,
): Promise<string[]> {
  const ask = async (sql: string): Promise<string[]> => {
    const { rows } = await server.query(sql, { database });
    return rows.map((row: Record<string, unknown>) => JSON.stringify(row));
  };
  const { rows: tables } = await server.query(
    `select format('%I.%I', n.nspname, c.relname) as name
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'r' and c.relpersistence = 'p'
        and n.nspname not in ('pg_catalog', 'information_schema') order by 1`,
    { database },
  );
  const lines = await ask(
    `select c.relname, c.relkind, pg_get_userbyid(c.relowner) as owner, c.relacl::text, c.relrowsecurity
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') order by 1, 2`,
  );
  for (const { name } of tables as { name: string }[]) {
    lines.push(name, ...(await ask(`select t::text as row from ${name} t order by 1`)));
  }
  lines.push(
    ...(await ask(
      `select loid::text, md5(string_agg(data, ''::bytea order by pageno)) from pg_largeobject group by 1 order by 1`,
    )),
  );
  return lines;
}
