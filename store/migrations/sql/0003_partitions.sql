-- What there is becomes the first partition, which ends two days from now, at midnight; those after it are made as a
-- worker makes them, of thirty days each.

DO $$
DECLARE
    v_table text;
    v_ends timestamptz := (ledger_day(now()) + 2)::timestamp AT TIME ZONE ledger_zone();
BEGIN
    FOREACH v_table IN ARRAY partition_tables() LOOP
        EXECUTE format(
            'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)',
            v_table, v_table || '_first', partition_bound(v_table, v_ends));
        INSERT INTO table_partition (name, table_name, begins_at, ends_at)
        VALUES (v_table || '_first', v_table, '-infinity', v_ends);
    END LOOP;
END $$;

SELECT partition_ahead(30, 2);
