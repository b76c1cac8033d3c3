-- The tables that only grow are partitioned by the time in their ids. Each becomes the first partition of a new table of
-- its name: no row is written again, and of the indexes two are built anew; attaching reads the rows once, to see that
-- none lies after the end of the first partition. What has to be unique for ever, in whatever partition it lies, gets a
-- narrow table beside.

-- First of all, so that no row comes to be between its copy into a table beside and the new table.
LOCK TABLE posting, entry, event, callback, delivery, delivery_attempt, evidence IN ACCESS EXCLUSIVE MODE;

CREATE SCHEMA archive;

CREATE TABLE table_partition (
    name text PRIMARY KEY,
    table_name text NOT NULL,
    begins_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    detached_at timestamptz,
    CONSTRAINT table_partition_begins_before CHECK (begins_at < ends_at)
);
CREATE UNIQUE INDEX table_partition_begins_at ON table_partition (table_name, begins_at);

CREATE TABLE ledger_correction (corrects uuid PRIMARY KEY, posting_id uuid NOT NULL);
INSERT INTO ledger_correction SELECT corrects, id FROM posting WHERE corrects IS NOT NULL;

CREATE TABLE event_once (
    object_id text NOT NULL,
    object_version bigint NOT NULL,
    type text NOT NULL,
    event_id text NOT NULL,
    PRIMARY KEY (object_id, object_version, type)
);
INSERT INTO event_once SELECT object_id, object_version, type, id FROM event;

CREATE TABLE callback_once (
    channel_account_id text NOT NULL,
    dedupe_key text NOT NULL,
    callback_id text NOT NULL,
    PRIMARY KEY (channel_account_id, dedupe_key)
);
INSERT INTO callback_once SELECT channel_account_id, dedupe_key, id FROM callback;

-- A detached row must not be held by one that refers to it: what refers is asked for by the detachment itself.
ALTER TABLE posting DROP CONSTRAINT posting_corrects;
ALTER TABLE delivery DROP CONSTRAINT delivery_event;
ALTER TABLE delivery_attempt DROP CONSTRAINT delivery_attempt_delivery;
DROP INDEX posting_corrected_once, event_object_version, event_feed_no, callback_dedupe;
CREATE INDEX event_feed_no ON event (feed_no);
ALTER TABLE evidence DROP CONSTRAINT evidence_pkey;
ALTER TABLE evidence ADD PRIMARY KEY (id, received_at);

-- The numbers go on: the new table's identity begins where the old one's ended.
CREATE TEMPORARY TABLE numbered ON COMMIT DROP AS
SELECT 'event' AS table_name, 'sequence' AS column_name, (SELECT coalesce(max(sequence), 0) + 1 FROM event) AS next
UNION ALL SELECT 'evidence', 'id', (SELECT coalesce(max(id), 0) + 1 FROM evidence);
ALTER TABLE event ALTER COLUMN sequence DROP IDENTITY;
ALTER TABLE evidence ALTER COLUMN id DROP IDENTITY;

-- The old tables, and their indexes, leave their names; the first partition ends two days from now, at midnight.
DO $$
DECLARE
    v_table text;
    v_index text;
    v_column text;
    v_key text;
    v_next bigint;
BEGIN
    FOR v_table, v_key IN VALUES
        ('callback', 'id'), ('delivery', 'id'), ('delivery_attempt', 'delivery_id'), ('entry', 'posting_id'),
        ('event', 'id'), ('evidence', 'received_at'), ('posting', 'id')
    LOOP
        EXECUTE format('ALTER TABLE %I RENAME TO %I', v_table, v_table || '_first');
        FOR v_index IN
            SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
            WHERE indrelid = (v_table || '_first')::regclass
        LOOP
            EXECUTE format('ALTER INDEX %I RENAME TO %I', v_index, v_table || '_first' || substr(v_index, length(v_table) + 1));
        END LOOP;
        EXECUTE format(
            'CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE) PARTITION BY RANGE (%I)',
            v_table, v_table || '_first', v_key);
        EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', v_table || '_default', v_table);
        EXECUTE format('REVOKE ALL ON %I FROM paysaga_app', v_table || '_first');
        SELECT column_name, next INTO v_column, v_next FROM numbered WHERE table_name = v_table;
        IF FOUND THEN
            EXECUTE format(
                'ALTER TABLE %I ALTER COLUMN %I ADD GENERATED ALWAYS AS IDENTITY (START WITH %s)', v_table, v_column, v_next);
        END IF;
    END LOOP;
END $$;

ALTER TABLE callback ADD PRIMARY KEY (id);
CREATE INDEX callback_out_no ON callback (out_no);
CREATE INDEX callback_waiting ON callback (received_at) WHERE applied_at IS NULL;
ALTER TABLE delivery ADD PRIMARY KEY (id);
CREATE INDEX delivery_event_id ON delivery (event_id);
CREATE INDEX delivery_pending ON delivery (created_at) WHERE state = 'pending';
ALTER TABLE delivery_attempt ADD PRIMARY KEY (delivery_id, number);
ALTER TABLE entry ADD PRIMARY KEY (posting_id, n);
CREATE INDEX entry_account ON entry (account_id, posting_id, n) INCLUDE (amount_minor);
ALTER TABLE event ADD PRIMARY KEY (id);
CREATE INDEX event_created_at ON event USING brin (created_at);
CREATE INDEX event_feed ON event (merchant_id, feed_no);
CREATE INDEX event_feed_no ON event (feed_no);
CREATE INDEX event_unhanded ON event (feed_no) WHERE handed_at IS NULL;
CREATE INDEX event_unnumbered ON event (sequence) WHERE feed_no IS NULL;
ALTER TABLE evidence ADD PRIMARY KEY (id, received_at);
CREATE INDEX evidence_out_no ON evidence (out_no);
ALTER TABLE posting ADD PRIMARY KEY (id);
CREATE INDEX posting_booked_on ON posting (booked_on);

GRANT SELECT, INSERT, UPDATE, DELETE ON callback, delivery, delivery_attempt, event TO paysaga_app;
GRANT SELECT, INSERT ON evidence, event_once, callback_once TO paysaga_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO paysaga_app;
