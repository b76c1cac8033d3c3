-- Days of the book. A posting is booked on the day of its event; once that day is sealed it is booked today and keeps
-- the day that it belongs to. A sealed day takes no posting any more, so its digest and its balances stay true.
--
-- A posting keeps its day open by a shared lock until it commits; sealing takes that lock alone, and so waits for what
-- is under way. A posting that finds its day being sealed does not wait: it is booked today. So is one whose day is long
-- over, sealed or not: an event of the last century must not open a century of days.

CREATE FUNCTION ledger_zone() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'Asia/Shanghai' $$;

CREATE FUNCTION ledger_day(p_at timestamptz) RETURNS date LANGUAGE sql STABLE AS $$
    SELECT (p_at AT TIME ZONE ledger_zone())::date
$$;

-- The lowest id that a posting of that moment can have: postings are in the order of their ids (RFC 9562, version 7,
-- with the fraction of the millisecond in the twelve bits after the version).
CREATE FUNCTION ledger_first_id(p_at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(micros / 1000), 12, '0') || '7' || lpad(to_hex(micros % 1000 * 4096 / 1000), 3, '0')
        || '8000000000000000')::uuid
    FROM (SELECT (extract(epoch FROM greatest(p_at, 'epoch')) * 1000000)::bigint AS micros) AS since_epoch
$$;

-- The moment before which rows may lie in the archive: the end of the last partition that was detached, of whatever
-- table; always the beginning of a day. Every day before it is sealed.
CREATE FUNCTION ledger_horizon() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(ends_at), '-infinity') FROM table_partition WHERE detached_at IS NOT NULL
$$;

-- The last day of which entries may lie in the archive: its balances stand for them.
CREATE FUNCTION ledger_horizon_day() RETURNS date LANGUAGE sql STABLE AS $$
    SELECT ledger_day(ledger_horizon()) - 1
$$;

-- The advisory lock of a day: our class of such locks, and the day's number.
CREATE FUNCTION ledger_day_class() RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT 1818583143 $$;

CREATE FUNCTION ledger_is_sealed(p_day date) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM sealed_day WHERE day >= p_day)
$$;

-- How many days back a posting may be booked at all.
CREATE FUNCTION ledger_days_open() RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT 31 $$;

-- The day on which a posting of that event is booked; it stays open until this transaction ends. Never a day to come.
CREATE FUNCTION ledger_booked_on(p_event_at timestamptz) RETURNS date LANGUAGE plpgsql AS $$
DECLARE
    v_day date := ledger_day(least(p_event_at, clock_timestamp()));
BEGIN
    -- Two statements: the look must be younger than the lock.
    IF v_day >= ledger_day(clock_timestamp()) - ledger_days_open()
        AND pg_try_advisory_xact_lock_shared(ledger_day_class(), v_day - DATE 'epoch')
    THEN
        IF NOT ledger_is_sealed(v_day) THEN
            RETURN v_day;
        END IF;
    END IF;
    LOOP  -- at midnight, today may be a sealed day before its lock is had
        v_day := ledger_day(clock_timestamp());
        PERFORM pg_advisory_xact_lock_shared(ledger_day_class(), v_day - DATE 'epoch');
        EXIT WHEN NOT ledger_is_sealed(v_day);
    END LOOP;
    RETURN v_day;
END $$;

-- What a day's postings, entries and balances say, and the day before: whoever changes one of them changes it.
CREATE FUNCTION ledger_day_digest(p_day date, p_previous bytea) RETURNS bytea LANGUAGE sql STABLE
SET timezone = 'UTC' AS $$
    SELECT sha256(coalesce(p_previous, '') || convert_to(p_day::text, 'UTF8') || coalesce(string_agg(
        sha256(convert_to(jsonb_build_array(
            p.id, p.biz_type, p.biz_id, p.step, p.merchant_id, p.event_at, p.created_at, p.corrects, p.memo,
            p.belongs_to, e.entries
        )::text, 'UTF8')), '' ORDER BY p.id
    ), '') || coalesce((
        SELECT sha256(convert_to(jsonb_agg(jsonb_build_array(account_id, balance_minor) ORDER BY account_id)::text, 'UTF8'))
        FROM day_balance WHERE day = p_day
    ), ''))
    FROM posting AS p CROSS JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_array(n, account_id, currency, amount_minor, kind, object_id) ORDER BY n) AS entries
        FROM entry WHERE posting_id = p.id
    ) AS e
    WHERE p.booked_on = p_day
$$;

-- The day is sealed behind the one before it: the balance of each account that moved on it, and the digest of it all.
CREATE FUNCTION ledger_seal_one(p_day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_previous bytea := (SELECT digest FROM sealed_day ORDER BY day DESC LIMIT 1);
BEGIN
    PERFORM pg_advisory_xact_lock(ledger_day_class(), p_day - DATE 'epoch');
    INSERT INTO day_balance (account_id, day, balance_minor)
    SELECT moved.account_id, p_day, moved.sum_minor + coalesce((
        SELECT balance_minor FROM day_balance AS b WHERE b.account_id = moved.account_id ORDER BY day DESC LIMIT 1
    ), 0)
    FROM (
        SELECT e.account_id, sum(e.amount_minor)::bigint AS sum_minor
        FROM posting AS p JOIN entry AS e ON e.posting_id = p.id WHERE p.booked_on = p_day GROUP BY e.account_id
    ) AS moved;
    INSERT INTO sealed_day (day, sealed_at, postings, digest, previous_digest)
    SELECT p_day, clock_timestamp(), (SELECT count(*) FROM posting WHERE booked_on = p_day),
        ledger_day_digest(p_day, v_previous), v_previous;
END $$;

-- Every day up to this one is sealed, in order, empty ones too; a repeat changes nothing. PS010 for one not over.
CREATE FUNCTION ledger_seal_day(p_day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_day date;
BEGIN
    IF p_day >= ledger_day(clock_timestamp()) THEN
        RAISE EXCEPTION USING ERRCODE = 'PS010', MESSAGE = format('the day %s is not over', p_day);
    END IF;
    -- One at a time: no day has the number of this lock.
    PERFORM pg_advisory_xact_lock(ledger_day_class(), 2147483647);
    -- The first seal begins where a posting under way, which nobody sees yet, may be booked at the earliest: it waits
    -- for that day. One day more is for a posting that began before midnight.
    v_day := coalesce((SELECT max(day) + 1 FROM sealed_day), least(
        (SELECT min(booked_on) FROM posting), ledger_day(clock_timestamp()) - ledger_days_open() - 1));
    WHILE v_day <= p_day LOOP
        PERFORM ledger_seal_one(v_day);
        v_day := v_day + 1;
    END LOOP;
END $$;

-- The sum of the account's entries that are booked up to a day and stand before a place in its statement: from the
-- balance of a sealed day on which all of them stand before that place.
CREATE FUNCTION ledger_balance_from(
    p_account_id text, p_sealed date, p_booked_to date, p_posting_id uuid, p_n integer
) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT balance_minor FROM day_balance WHERE account_id = p_account_id AND day <= p_sealed
        ORDER BY day DESC LIMIT 1
    ), 0) + coalesce((
        SELECT sum(e.amount_minor)::bigint FROM entry AS e JOIN posting AS p ON p.id = e.posting_id
        WHERE e.account_id = p_account_id AND (e.posting_id, e.n) < (p_posting_id, p_n)
            AND p.booked_on > p_sealed AND p.booked_on <= p_booked_to
            -- Nothing is booked on a day to come; the hour is for a clock that was set back.
            AND e.posting_id >= ledger_first_id((p_sealed + 1)::timestamp AT TIME ZONE ledger_zone() - INTERVAL '1 hour')
    ), 0)
$$;

-- The sum of the account's entries that stand before this place. Just after the horizon no day is sealed on which all
-- entries stand before it: there what was booked up to the horizon and stands behind the place is taken off again.
CREATE FUNCTION ledger_balance_before(p_account_id text, p_posting_id uuid, p_n integer) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT ledger_balance_from(p_account_id, greatest(sealed.day, horizon.day), 'infinity', p_posting_id, p_n)
        - CASE WHEN sealed.day >= horizon.day THEN 0 ELSE coalesce((
            SELECT sum(e.amount_minor)::bigint FROM entry AS e JOIN posting AS p ON p.id = e.posting_id
            WHERE e.account_id = p_account_id AND (e.posting_id, e.n) >= (p_posting_id, p_n)
                AND p.booked_on <= horizon.day AND e.posting_id < ledger_first_id(
                    (horizon.day + ledger_days_open() + 2)::timestamp AT TIME ZONE ledger_zone())
        ), 0) END
    FROM (SELECT coalesce((
        SELECT day FROM sealed_day WHERE sealed_at <= uuid_extract_timestamp(p_posting_id) ORDER BY day DESC LIMIT 1
    ), '-infinity')) AS sealed (day), (SELECT ledger_horizon_day()) AS horizon (day)
$$;

-- The sum of all entries of the account, those in the archive too.
CREATE FUNCTION ledger_entered(p_account_id text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT ledger_balance_from(
        p_account_id, ledger_horizon_day(), 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 0)
$$;

-- The account's balance at the end of a day, by what was booked up to it.
CREATE FUNCTION ledger_balance_on(p_account_id text, p_day date) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT ledger_balance_from(p_account_id, coalesce((
        SELECT max(day) FROM sealed_day WHERE day <= p_day
    ), '-infinity'), p_day, 'ffffffff-ffff-ffff-ffff-ffffffffffff', 0)
$$;
