-- Rows as rows.sql makes them, in a table that leaves no WAL, to be inserted into one that does. ROWS = 100,000
-- make about 25 MB of WAL each time.
select setseed(0.4);
create unlogged table wal_source as
  select i::bigint as id, timestamptz '2026-01-01' + i * interval '1 s' as ts, md5((i * 31)::text) as acct,
    (select string_agg((array['backup','restore','replica','customer','order','invoice','shipment','pending'])
      [1 + ((i * 7919 + j * 104729) % 8)], ' ') from generate_series(1, 8) j) as note,
    (random() * 100000)::numeric(12, 2) as amt, md5(random()::text) as payload
  from generate_series(1, :rows) i;
create table wal_sink (like wal_source);
create procedure make_wal(bytes numeric) language plpgsql as $$
declare
  until pg_lsn := pg_current_wal_insert_lsn() + bytes;
begin
  while pg_current_wal_insert_lsn() < until loop
    insert into wal_sink select * from wal_source;
    commit;
    if pg_relation_size('wal_sink') > 1000000000 then
      truncate wal_sink;
      commit;
    end if;
  end loop;
end $$;
