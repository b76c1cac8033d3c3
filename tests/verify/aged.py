"""A database whose older half became a hundred days older: what the archive needs, and no test can wait for."""

#: The cut lies between what was aged and what was not, near enough for a posting after it to be booked before it.
AGED_DAYS, CUT_DAYS = 100, 20

_FUNCTIONS = """
    CREATE FUNCTION pg_temp.aged(p_id uuid) RETURNS uuid LANGUAGE sql AS $$
        SELECT (lpad(to_hex(('x' || substr(hex, 1, 12))::bit(48)::bigint - 86400000::bigint * {aged}), 12, '0')
            || substr(hex, 13))::uuid FROM (SELECT replace(p_id::text, '-', '') AS hex) AS id
    $$;
    CREATE FUNCTION pg_temp.aged_event(p_id text) RETURNS text LANGUAGE sql AS $$
        SELECT 'evt_' || replace(pg_temp.aged(substr(p_id, 5)::uuid)::text, '-', '')
    $$;
"""
_BOOK = """
    -- What another test sealed was sealed before anything was aged.
    DELETE FROM day_balance;
    DELETE FROM sealed_day;
    SELECT ledger_fold_some(1000);
    CREATE TEMPORARY TABLE half ON COMMIT DROP AS
    SELECT id AS last_id, created_at AS until FROM posting ORDER BY id
    LIMIT 1 OFFSET (SELECT count(*) / 2 FROM posting);
    UPDATE posting SET id = pg_temp.aged(id), corrects = pg_temp.aged(corrects), booked_on = booked_on - {aged},
        created_at = posting.created_at - interval '{aged} days' FROM half WHERE posting.id <= last_id;
    UPDATE entry SET posting_id = pg_temp.aged(posting_id) FROM half WHERE posting_id <= last_id;
    UPDATE ledger_step SET posting_id = pg_temp.aged(posting_id) FROM half WHERE posting_id <= last_id;
    -- One that came late, after the cut, for a day before it.
    UPDATE posting SET belongs_to = NULL, booked_on = booked_on - {cut} - 1
    WHERE id = (SELECT id FROM posting, half WHERE id >= last_id ORDER BY id LIMIT 1);
"""
#: When an object changed last stays: what the rules look at is what changed.
_OBJECTS = """
    UPDATE event SET id = pg_temp.aged_event(event.id) FROM half WHERE event.created_at <= until;
    UPDATE event_once SET event_id = pg_temp.aged_event(event_id) WHERE event_id NOT IN (SELECT id FROM event);
    UPDATE evidence SET received_at = received_at - interval '{aged} days' FROM half WHERE received_at <= until;
"""
_OBJECT = """
    UPDATE {object} SET created_at = created_at - interval '{aged} days'
    WHERE created_at <= (SELECT until FROM half);
"""
_KINDS = ("payment", "attempt", "refund", "payout", "transfer")
#: The rows of the first partition are put where they belong: on one side of a cut in the past.
_CUT = """
    DO $$
    DECLARE
        v_table text;
        v_ends date := (SELECT ledger_day(min(ends_at)) FROM table_partition);
    BEGIN
        FOREACH v_table IN ARRAY partition_tables() LOOP
            EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', v_table, v_table || '_first');
            DELETE FROM table_partition WHERE name = v_table || '_first';
            PERFORM partition_add(v_table, ledger_day(now()) - 2 * {aged}, ledger_day(now()) - {cut});
            PERFORM partition_add(v_table, ledger_day(now()) - {cut}, v_ends);
            EXECUTE format('INSERT INTO %I OVERRIDING SYSTEM VALUE SELECT * FROM %I', v_table, v_table || '_first');
        END LOOP;
    END $$;
"""
AGED = (_FUNCTIONS + _BOOK + _OBJECTS).format(aged=AGED_DAYS, cut=CUT_DAYS) + "".join(
    _OBJECT.format(object=kind, aged=AGED_DAYS) for kind in _KINDS
)
CUT = _CUT.format(aged=AGED_DAYS, cut=CUT_DAYS)
SEALED = "SELECT ledger_seal_day(ledger_day(now()) - 1)"
ARCHIVE = f"SELECT * FROM partition_archive(now() - interval '{CUT_DAYS} days')"  # noqa: S608 - a constant
#: Whatever is open: what the rules say of the rest must be true all the same.
UNGUARDED = """
    CREATE OR REPLACE FUNCTION partition_kept_for(p_ends timestamptz) RETURNS text LANGUAGE sql AS $$ SELECT NULL $$
"""
