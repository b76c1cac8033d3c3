-- A posting's legs as they arrive (a JSON array), and what they do to each account together.

CREATE TYPE ledger_leg AS (
    n integer,
    account_id text,
    account_kind text,  -- kind and owner are given for accounts that a posting may open
    owner text,
    merchant_id text,
    currency text,
    amount_minor bigint,
    kind text,
    object_id text,
    hold_biz_type text,  -- the legs that name one hold consume exactly it, together
    hold_biz_id text,
    hold_step text
);

CREATE TYPE ledger_move AS (
    account_id text,
    currency text,
    class text,
    n integer,
    free_minor bigint,  -- added to the available part, or put into the inbox
    held_minor bigint   -- taken from the frozen part
);

CREATE FUNCTION ledger_legs(p_legs jsonb) RETURNS ledger_leg[] LANGUAGE sql AS $$
    SELECT array_agg(ROW(
        place, leg ->> 'account_id', leg ->> 'account_kind', leg ->> 'owner', leg ->> 'merchant_id',
        leg ->> 'currency', (leg ->> 'amount_minor')::bigint, leg ->> 'kind', leg ->> 'object_id',
        leg #>> '{hold,biz_type}', leg #>> '{hold,biz_id}', leg #>> '{hold,step}'
    )::ledger_leg ORDER BY place)
    FROM jsonb_array_elements(p_legs) WITH ORDINALITY AS legs (leg, place)
$$;

-- Raises PS007 unless there are two legs or more, none of them empty, that sum to zero in each currency.
CREATE FUNCTION ledger_require_balanced(p_legs ledger_leg[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM unnest(p_legs) GROUP BY currency
    HAVING sum(amount_minor) <> 0 OR bool_or(coalesce(amount_minor, 0) = 0) OR count(*) < 2;
    IF FOUND OR coalesce(cardinality(p_legs), 0) < 2 THEN
        RAISE EXCEPTION USING ERRCODE = 'PS007', MESSAGE = 'the legs do not sum to zero per currency, or one is empty';
    END IF;
END $$;

-- What the legs do to each account, in the order of locks: deferred and system accounts, then strict ones, by id.
-- The class is null where there is no such account in that currency.
CREATE FUNCTION ledger_moves(p_legs ledger_leg[]) RETURNS ledger_move[] LANGUAGE sql AS $$
    SELECT array_agg(
        ROW(account_id, currency, class, n, free_minor, held_minor)::ledger_move ORDER BY class = 'strict', account_id
    )
    FROM (
        SELECT account_id, currency, min(n) AS n,
            coalesce(sum(amount_minor) FILTER (WHERE hold_biz_type IS NULL), 0)::bigint AS free_minor,
            coalesce(-sum(amount_minor) FILTER (WHERE hold_biz_type IS NOT NULL), 0)::bigint AS held_minor
        FROM unnest(p_legs) GROUP BY account_id, currency
    ) AS moved
    LEFT JOIN LATERAL (
        SELECT class FROM account WHERE id = moved.account_id AND currency = moved.currency
    ) AS found ON true
$$;

-- Every account that the legs name exists in its currency: system accounts are opened here, in the order of ids.
-- PS006 for an account that only its owner can open, PS008 for one in another currency.
CREATE FUNCTION ledger_require_accounts(p_legs ledger_leg[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_missing record;
BEGIN
    INSERT INTO account (id, kind, owner, merchant_id, currency, class)
    SELECT DISTINCT ON (l.account_id) l.account_id, l.account_kind, l.owner, l.merchant_id, l.currency, c.class
    FROM unnest(p_legs) AS l JOIN ledger_chart AS c ON c.kind = l.account_kind AND c.opened_by = 'posting'
    WHERE l.owner IS NOT NULL AND NOT EXISTS (SELECT FROM account WHERE id = l.account_id)
    ORDER BY l.account_id
    ON CONFLICT DO NOTHING;
    FOR v_missing IN
        SELECT l.account_id, l.currency FROM unnest(p_legs) AS l
        WHERE NOT EXISTS (SELECT FROM account WHERE id = l.account_id AND currency = l.currency)
    LOOP
        PERFORM ledger_refuse(v_missing.account_id, NULL, v_missing.currency, 0);
    END LOOP;
END $$;
