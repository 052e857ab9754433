-- Rows that compress like an application's: about 3:1 with zstd -1, where pgbench's compress 128:1.
-- ROWS = 2,500,000 make about 1.8 GB with indexes on PostgreSQL 17. Seeded: each load is the same.
select setseed(0.4);
create function phrase(seed bigint) returns text language sql immutable as $$
  select string_agg((array['backup','restore','replica','customer','order','invoice','shipment','pending','delivered','north','south','annual','credit','debit','transfer','amount','region','status','primary','standby'])[1 + ((seed * 7919 + i * 104729 * ((seed % 97) + 1)) % 20)::int], ' ')
  from generate_series(1, 8) i $$;
create table a (id bigint primary key, ts timestamptz, acct text, note text, amt numeric, payload text);
insert into a select i, timestamptz '2026-01-01' + i * interval '1 s', md5((i * 31)::text), phrase(i), (random() * 100000)::numeric(12, 2), md5(random()::text) from generate_series(1, :rows) i;
create table b (like a including all);
insert into b select id, ts, acct, note, amt, md5(random()::text) from a;
create table c (like a including all);
insert into c select id, ts, acct, note, amt, md5(random()::text) from a;
create table d (id bigint primary key, blob bytea);
insert into d select i, decode(string_agg(md5((i * 100 + j)::text), ''), 'hex') from generate_series(1, :rows / 25) i, generate_series(1, 100) j group by i;
create index on a (acct);
vacuum analyze;
