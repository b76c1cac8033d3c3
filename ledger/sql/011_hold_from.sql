-- A try that takes its amount from several accounts, in the caller's order: the first hold has the key itself and is
-- the barrier, the others are `step.2`, `step.3` and so on, one for each account. All are released together.

CREATE TYPE ledger_source AS (
    account_id text,
    account_kind text,  -- kind and owner are given for accounts that a try may open
    owner text,
    merchant_id text,
    at_most_minor bigint,
    credit_minor bigint  -- how far below zero an open account may go
);

CREATE TYPE ledger_part AS (account_id text, amount_minor bigint);

-- The steps of all holds behind a key, the first one first.
CREATE FUNCTION ledger_part_steps(p_step text, p_parts integer) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT p_step || array_agg(p_step || '.' || n ORDER BY n) FROM generate_series(2, p_parts) AS n
$$;

CREATE FUNCTION ledger_sources(p_sources jsonb) RETURNS ledger_source[] LANGUAGE sql AS $$
    SELECT array_agg(jsonb_populate_record(NULL::ledger_source, source) ORDER BY place)
    FROM jsonb_array_elements(p_sources) WITH ORDINALITY AS sources (source, place)
$$;

-- The accounts that a try may open exist, all of them are locked in the order of locks and hold everything that is
-- committed. PS006 for another merchant's, PS008 for another currency, PS005 for one that takes no hold.
CREATE FUNCTION ledger_lock_sources(p_sources ledger_source[], p_merchant_id text, p_currency text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_unfit text;
BEGIN
    INSERT INTO account (id, kind, owner, merchant_id, currency, class)
    SELECT DISTINCT ON (s.account_id) s.account_id, s.account_kind, s.owner, s.merchant_id, p_currency, c.class
    FROM unnest(p_sources) AS s JOIN ledger_chart AS c ON c.kind = s.account_kind AND c.opened_by = 'posting'
    WHERE s.owner IS NOT NULL AND NOT EXISTS (SELECT FROM account WHERE id = s.account_id)
    ORDER BY s.account_id
    ON CONFLICT DO NOTHING;
    PERFORM FROM account WHERE id IN (SELECT account_id FROM unnest(p_sources))
    ORDER BY class = 'strict', id FOR NO KEY UPDATE;
    PERFORM ledger_fold_locked(ARRAY(
        SELECT id FROM account WHERE id IN (SELECT account_id FROM unnest(p_sources)) AND class <> 'strict'
    ));
    SELECT id INTO v_unfit FROM account WHERE id IN (SELECT account_id FROM unnest(p_sources)) AND (
        currency <> p_currency OR merchant_id <> p_merchant_id OR (class = 'open' AND kind <> 'merchant_debt')
    ) LIMIT 1;
    IF FOUND THEN
        PERFORM ledger_refuse(v_unfit, p_merchant_id, p_currency, -1);
    END IF;
END $$;

-- What each account gives, drawn from the sources in their order until the amount is covered; one part per account.
-- A blocked or closed account gives nothing, and is the reason when the others do not cover it. PS001, PS002, PS003.
CREATE FUNCTION ledger_draw(p_sources ledger_source[], p_amount_minor bigint) RETURNS ledger_part[]
LANGUAGE plpgsql AS $$
DECLARE
    v_source record;
    v_ids text[] := '{}';
    v_drawn bigint[] := '{}';
    v_place integer;
    v_gives bigint;
    v_left bigint := p_amount_minor;
    v_shut text;
BEGIN
    FOR v_source IN
        SELECT a.id, s.at_most_minor, a.blocked_at IS NOT NULL OR a.closed_at IS NOT NULL AS shut,
            a.available + CASE a.class WHEN 'open' THEN coalesce(s.credit_minor, 0) ELSE -a.floor END AS room_minor
        FROM unnest(p_sources) WITH ORDINALITY AS s JOIN account AS a ON a.id = s.account_id ORDER BY s.ordinality
    LOOP
        v_place := array_position(v_ids, v_source.id);
        v_gives := least(v_left, v_source.at_most_minor, v_source.room_minor - coalesce(v_drawn[v_place], 0));
        IF v_gives <= 0 THEN
            CONTINUE;
        ELSIF v_source.shut THEN
            v_shut := coalesce(v_shut, v_source.id);
        ELSIF v_place IS NULL THEN
            v_ids := v_ids || v_source.id;
            v_drawn := v_drawn || v_gives;
            v_left := v_left - v_gives;
        ELSE
            v_drawn[v_place] := v_drawn[v_place] + v_gives;
            v_left := v_left - v_gives;
        END IF;
    END LOOP;
    IF v_left > 0 THEN
        PERFORM ledger_refuse(id, NULL, currency, -1) FROM account WHERE id = v_shut;
        RAISE EXCEPTION USING ERRCODE = 'PS001', MESSAGE = 'the accounts together do not cover it';
    END IF;
    RETURN ARRAY(SELECT ROW(id, drawn)::ledger_part FROM unnest(v_ids, v_drawn) AS parts (id, drawn));
END $$;

-- The parts are frozen in their accounts, and each has its hold; the key's own row, which is there, becomes the first.
CREATE FUNCTION ledger_hold_parts(
    p_biz_type text, p_biz_id text, p_step text, p_parts ledger_part[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE account AS a SET
        available = a.available - p.amount_minor, frozen = a.frozen + p.amount_minor, version = a.version + 1
    FROM unnest(p_parts) AS p WHERE a.id = p.account_id;
    UPDATE hold SET
        account_id = p_parts[1].account_id, amount_minor = p_parts[1].amount_minor, parts = cardinality(p_parts)
    WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = p_step;
    INSERT INTO hold (biz_type, biz_id, step, account_id, currency, amount_minor, state, reason, expires_at)
    SELECT p_biz_type, p_biz_id, p_step || '.' || place, p.account_id, h.currency, p.amount_minor, 'held', h.reason,
        h.expires_at
    FROM unnest(p_parts) WITH ORDINALITY AS p (account_id, amount_minor, place)
    JOIN hold AS h ON h.biz_type = p_biz_type AND h.biz_id = p_biz_id AND h.step = p_step
    WHERE place > 1;
END $$;

-- Nothing when the key holds this amount in this currency. PS004 when it was released, PS005 when it differs.
CREATE FUNCTION ledger_hold_from_again(
    p_biz_type text, p_biz_id text, p_step text, p_amount_minor bigint, p_currency text
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_first hold;
    v_sum_minor bigint;
BEGIN
    SELECT * INTO v_first FROM hold WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = p_step;
    IF v_first.state = 'released' THEN
        RAISE EXCEPTION USING ERRCODE = 'PS004',
            MESSAGE = format('the hold %s %s %s was cancelled', p_biz_type, p_biz_id, p_step);
    END IF;
    SELECT sum(amount_minor) INTO v_sum_minor FROM hold
    WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = ANY (ledger_part_steps(p_step, v_first.parts));
    IF (v_sum_minor, v_first.currency) IS DISTINCT FROM (p_amount_minor, p_currency) THEN
        RAISE EXCEPTION USING ERRCODE = 'PS005',
            MESSAGE = format('the hold %s %s %s differs', p_biz_type, p_biz_id, p_step);
    END IF;
END $$;

-- Try over several sources: answers the holds, the first one first; a repeat answers the same. A null merchant is the
-- operator. PS001 to PS006, PS008.
CREATE FUNCTION ledger_hold_from(
    p_biz_type text, p_biz_id text, p_step text, p_merchant_id text, p_amount_minor bigint, p_currency text,
    p_sources jsonb, p_expires_at timestamptz, p_reason text
) RETURNS TABLE (part_step text, part_account_id text, part_minor bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
    v_sources ledger_source[] := ledger_sources(p_sources);
BEGIN
    INSERT INTO hold (biz_type, biz_id, step, account_id, currency, amount_minor, state, reason, expires_at)
    VALUES (p_biz_type, p_biz_id, p_step, v_sources[1].account_id, p_currency, p_amount_minor, 'held', p_reason,
        p_expires_at)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM ledger_lock_sources(v_sources, p_merchant_id, p_currency);
        PERFORM ledger_hold_parts(p_biz_type, p_biz_id, p_step, ledger_draw(v_sources, p_amount_minor));
    ELSE
        PERFORM ledger_hold_from_again(p_biz_type, p_biz_id, p_step, p_amount_minor, p_currency);
    END IF;
    RETURN QUERY
    SELECT part.step, part.account_id, part.amount_minor
    FROM hold AS first
    CROSS JOIN unnest(ledger_part_steps(p_step, first.parts)) WITH ORDINALITY AS steps (step, place)
    JOIN hold AS part ON part.biz_type = p_biz_type AND part.biz_id = p_biz_id AND part.step = steps.step
    WHERE first.biz_type = p_biz_type AND first.biz_id = p_biz_id AND first.step = p_step
    ORDER BY steps.place;
END $$;
