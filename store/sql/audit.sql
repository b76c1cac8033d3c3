-- The audit: operators' actions, appended only, and the blocks that seal them. Each block contains the hash of the one
-- before it, so a changed, added or removed action breaks the chain from there on.

-- An action as sealed and as verified: the same text in every session, whatever its time zone.
CREATE FUNCTION audit_text(p_action operator_action) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_array(
        p_action.seq, p_action.id, p_action.actor, p_action.action, p_action.object_id, p_action.reason,
        p_action.before, p_action.after, p_action.request_id,
        to_char(p_action.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'))::text
$$;

-- How many actions lie after one number up to another, and the digest of their texts.
CREATE FUNCTION audit_digest(p_after bigint, p_last bigint, OUT actions bigint, OUT digest bytea)
LANGUAGE sql STABLE AS $$
    SELECT count(*), sha256(convert_to(coalesce(string_agg(audit_text(a), E'\n' ORDER BY a.seq), ''), 'UTF8'))
    FROM operator_action a WHERE a.seq > p_after AND a.seq <= p_last
$$;

CREATE FUNCTION audit_hash(p_block audit_block) RETURNS bytea
LANGUAGE sql STABLE AS $$
    SELECT sha256(
        p_block.previous_hash || p_block.digest || int8send(p_block.n) || int8send(p_block.first_seq)
        || int8send(p_block.last_seq) || int8send(p_block.actions)
        || int8send((extract(epoch FROM p_block.sealed_at) * 1000000)::bigint))
$$;

-- What the first block has before it.
CREATE FUNCTION audit_genesis() RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$ SELECT decode(repeat('00', 32), 'hex') $$;

-- Seals the oldest unsealed actions, at most 10,000, in one block; answers it, or null when there is none.
-- Writers in flight are waited for and new ones wait, so no lower number can commit later; seals wait for each other.
CREATE FUNCTION audit_seal() RETURNS audit_block
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last audit_block;
    made audit_block;
BEGIN
    LOCK TABLE operator_action IN SHARE ROW EXCLUSIVE MODE;
    SELECT * INTO last FROM audit_block ORDER BY n DESC LIMIT 1;
    SELECT min(seq), max(seq) INTO made.first_seq, made.last_seq FROM (
        SELECT seq FROM operator_action WHERE seq > coalesce(last.last_seq, 0) ORDER BY seq LIMIT 10000
    ) AS unsealed;
    IF made.first_seq IS NULL THEN
        RETURN NULL;
    END IF;
    made.n := coalesce(last.n, 0) + 1;
    made.previous_hash := coalesce(last.hash, audit_genesis());
    made.sealed_at := clock_timestamp();
    SELECT d.actions, d.digest INTO made.actions, made.digest
    FROM audit_digest(coalesce(last.last_seq, 0), made.last_seq) AS d;
    made.hash := audit_hash(made);
    INSERT INTO audit_block (n, first_seq, last_seq, actions, digest, previous_hash, hash, sealed_at)
    VALUES (made.n, made.first_seq, made.last_seq, made.actions, made.digest, made.previous_hash, made.hash, made.sealed_at);
    RETURN made;
END
$$;

REVOKE ALL ON FUNCTION audit_seal() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_seal() TO paysaga_app;

-- Nobody rewrites the audit, its owner neither.
CREATE FUNCTION audit_refuse() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is appended only', TG_TABLE_NAME USING ERRCODE = 'PA001';
END
$$;

CREATE TRIGGER operator_action_appended BEFORE UPDATE OR DELETE OR TRUNCATE ON operator_action
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_block_appended BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_block
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
