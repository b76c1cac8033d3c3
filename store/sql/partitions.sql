-- The tables that only grow are partitioned by the time in their ids. A partition is made before its time comes, and
-- detached when it is old and nothing in it is open; what was detached lies in the schema `archive` until somebody takes
-- it away. Each table has a default partition beside them, so that no row is ever refused; it ought to be empty.

CREATE FUNCTION partition_tables() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY['callback', 'delivery', 'delivery_attempt', 'entry', 'event', 'evidence', 'posting']
$$;

-- The first ten characters of the ids of that moment: its milliseconds in 32 letters and digits that sort.
CREATE FUNCTION partition_letters(p_at timestamptz) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz', ((ms >> 5 * place) & 31)::int + 1, 1), '' ORDER BY place DESC)
    FROM (SELECT floor(extract(epoch FROM p_at) * 1000)::bigint AS ms) AS moment, generate_series(0, 9) AS place
$$;

-- The lowest key of that table that was made at that moment or later; evidence alone has its time beside its id.
CREATE FUNCTION partition_bound(p_table text, p_at timestamptz) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE
        WHEN p_table IN ('entry', 'posting') THEN ledger_first_id(p_at)::text
        WHEN p_table = 'event' THEN 'evt_' || replace(ledger_first_id(p_at)::text, '-', '')
        WHEN p_table IN ('delivery', 'delivery_attempt') THEN 'dlv_' || partition_letters(p_at)
        WHEN p_table = 'callback' THEN 'cbk_' || partition_letters(p_at)
        WHEN p_table = 'evidence' THEN p_at::text
    END;
END $$;

-- One more partition, attached without a lock on the rows that are being written: the default one alone is locked, and
-- what it holds of that time is moved. Indexes and constraints are the table's.
CREATE FUNCTION partition_add(p_table text, p_begins date, p_ends date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_name text := format('%s_%s', p_table, to_char(p_begins, 'YYYYMMDD'));
    v_begins timestamptz := p_begins::timestamp AT TIME ZONE ledger_zone();
    v_ends timestamptz := p_ends::timestamp AT TIME ZONE ledger_zone();
    v_from text := partition_bound(p_table, v_begins);
    v_to text := partition_bound(p_table, v_ends);
    v_key text := (
        SELECT attname FROM pg_partitioned_table JOIN pg_attribute ON attrelid = partrelid AND attnum = partattrs[0]
        WHERE partrelid = p_table::regclass);
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL EXCLUDING IDENTITY)', v_name, p_table);
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', p_table || '_default');
    EXECUTE format(
        'WITH moved AS (DELETE FROM %I WHERE %I >= %L AND %I < %L RETURNING *) INSERT INTO %I SELECT * FROM moved',
        p_table || '_default', v_key, v_from, v_key, v_to, v_name);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', p_table, v_name, v_from, v_to);
    INSERT INTO table_partition (name, table_name, begins_at, ends_at) VALUES (v_name, p_table, v_begins, v_ends);
END $$;

-- Each table has partitions for now and for so many periods to come, each of so many days; answers how many were made.
CREATE FUNCTION partition_ahead(p_days integer, p_periods integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    v_table text;
    v_begins date;
    v_made bigint := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('partition', 0));
    FOREACH v_table IN ARRAY partition_tables() LOOP
        -- A table without any begins two days back: an id may be that much older than its row.
        v_begins := coalesce(
            (SELECT ledger_day(max(ends_at)) FROM table_partition WHERE table_name = v_table), ledger_day(now()) - 2);
        WHILE v_begins <= ledger_day(now()) + p_days * p_periods LOOP
            PERFORM partition_add(v_table, v_begins, v_begins + p_days);
            v_begins := v_begins + p_days;
            v_made := v_made + 1;
        END LOOP;
    END LOOP;
    RETURN v_made;
END $$;

-- Why no partition that ends then may be detached; null when each may.
CREATE FUNCTION partition_kept_for(p_ends timestamptz) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE
        WHEN p_ends > now() THEN 'its time is not over'
        WHEN NOT EXISTS (SELECT FROM sealed_day WHERE day >= ledger_day(p_ends) - 1) THEN 'its days are not sealed'
        WHEN EXISTS (SELECT FROM posting WHERE id < ledger_first_id(p_ends) AND booked_on >= ledger_day(p_ends))
            THEN 'a posting in it is booked on a later day'
        WHEN EXISTS (SELECT FROM inbox WHERE posting_id < ledger_first_id(p_ends)) THEN 'an inbox is not folded'
        WHEN EXISTS (SELECT FROM saga_object WHERE NOT ended AND created_at < p_ends) THEN 'an object is open'
        WHEN EXISTS (SELECT FROM suspense_item WHERE state <> 'ended' AND created_at < p_ends)
            THEN 'a suspense item is open'
        WHEN EXISTS (SELECT FROM attempt WHERE watch_until IS NOT NULL AND created_at < p_ends)
            THEN 'an attempt is watched'
        WHEN EXISTS (SELECT FROM event WHERE handed_at IS NULL AND id < partition_bound('event', p_ends))
            OR EXISTS (
                SELECT FROM delivery d JOIN event e ON e.id = d.event_id
                WHERE d.state = 'pending' AND least(d.created_at, e.created_at) < p_ends)
            THEN 'an event is not delivered'
        WHEN EXISTS (SELECT FROM event WHERE feed_no IS NOT NULL)
            AND NOT EXISTS (SELECT FROM event WHERE feed_no IS NOT NULL AND id >= partition_bound('event', p_ends))
            THEN 'the last number of the feed lies in it'
        WHEN EXISTS (
            SELECT FROM callback
            WHERE applied_at IS NULL AND verdict <> 'unknown_order' AND id < partition_bound('callback', p_ends))
            THEN 'a callback is not applied'
    END;
END $$;

-- The oldest partitions that end before that moment are in the schema `archive`, the posting's and the entry's together
-- with all others of their time. Answers what was detached, and why the rest stays.
CREATE FUNCTION partition_archive(p_before timestamptz, OUT archived bigint, OUT kept_for text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    v_ends timestamptz;
    v_old record;
BEGIN
    archived := 0;
    PERFORM pg_advisory_xact_lock(hashtextextended('partition', 0));
    SELECT min(ends_at) INTO v_ends FROM table_partition WHERE detached_at IS NULL AND ends_at <= p_before;
    IF v_ends IS NULL THEN
        RETURN;
    END IF;
    kept_for := partition_kept_for(v_ends);
    IF kept_for IS NOT NULL THEN
        RETURN;
    END IF;
    FOR v_old IN SELECT * FROM table_partition WHERE detached_at IS NULL AND ends_at = v_ends ORDER BY name LOOP
        -- Never concurrently: that needs a table without a default partition.
        EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', v_old.table_name, v_old.name);
        EXECUTE format('ALTER TABLE %I SET SCHEMA archive', v_old.name);
        UPDATE table_partition SET detached_at = now() WHERE name = v_old.name;
        archived := archived + 1;
    END LOOP;
END $$;

-- How many rows lie in default partitions, by table; a table without any is left out.
CREATE FUNCTION partition_strays() RETURNS TABLE (table_name text, rows bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    FOREACH table_name IN ARRAY partition_tables() LOOP
        EXECUTE format('SELECT count(*) FROM %I', table_name || '_default') INTO rows;
        IF rows > 0 THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION partition_ahead, partition_archive, partition_strays, partition_add FROM PUBLIC;
GRANT EXECUTE ON FUNCTION partition_ahead, partition_archive, partition_strays TO paysaga_app;
