-- Many small tables, ten rows each: what a dump of them costs is files, not bytes.
create procedure make_tables(wanted int) language plpgsql as $$
begin
  for i in 1..wanted loop
    execute format('create table t_%s (id int primary key, name text)', i);
    execute format('insert into t_%s select j, md5((%s * j)::text) from generate_series(1, 10) j', i, i);
    -- Each table is a lock: they must not all be held at once.
    if i % 500 = 0 then commit; end if;
  end loop;
end $$;
call make_tables(:tables);
drop procedure make_tables;
vacuum analyze;
