-- What a merchant may do. Limits are counted in the transaction of the try, and given back when it is cancelled (law 2).
-- Their rows are taken before any account: the merchant's day first, then the account's.

-- Adds to one day's total and keeps what for; false, and nothing added, when the limit would be passed.
CREATE FUNCTION limit_take(p_use limit_use, p_limit bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF p_limit IS NULL OR p_use.account_id IS NULL THEN
        RETURN true;
    END IF;
    INSERT INTO limit_use (object_id, account_id, merchant_id, operation, currency, day, amount_minor)
    VALUES (p_use.object_id, p_use.account_id, p_use.merchant_id, p_use.operation, p_use.currency, p_use.day,
        p_use.amount_minor);
    INSERT INTO limit_day AS d (merchant_id, operation, currency, account_id, day, used_minor)
    SELECT p_use.merchant_id, p_use.operation, p_use.currency, p_use.account_id, p_use.day, p_use.amount_minor
    WHERE p_use.amount_minor <= p_limit
    ON CONFLICT (merchant_id, operation, currency, account_id, day)
        DO UPDATE SET used_minor = d.used_minor + excluded.used_minor
        WHERE d.used_minor + excluded.used_minor <= p_limit;
    RETURN FOUND;
END
$$;

-- The day's limits have taken the amount, once per object; false, and nothing taken, when one would be passed.
CREATE FUNCTION limit_count(p_use limit_use, p_rule merchant_rule) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    of_merchant limit_use := p_use;
BEGIN
    IF p_rule.daily_minor IS NULL AND p_rule.daily_per_account_minor IS NULL
        OR EXISTS (SELECT FROM limit_use WHERE object_id = p_use.object_id)  -- counted by an earlier run
    THEN
        RETURN true;
    END IF;
    of_merchant.account_id := '';
    IF limit_take(of_merchant, p_rule.daily_minor) AND limit_take(p_use, p_rule.daily_per_account_minor) THEN
        RETURN true;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'PS020';  -- undoes what was taken above
EXCEPTION
    WHEN SQLSTATE 'PS020' THEN
        RETURN false;
    WHEN unique_violation THEN
        RETURN true;  -- counted by a run that committed just now
END
$$;

-- Why the rule refuses the amount or the tools; null when it does not.
CREATE FUNCTION rule_refusal(p_rule merchant_rule, p_amount_minor bigint, p_tools text[]) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN p_amount_minor < p_rule.minimum_minor THEN 'amount_below_minimum'
        WHEN p_amount_minor > p_rule.maximum_minor THEN 'amount_above_maximum'
        WHEN p_rule.tools IS NOT NULL AND NOT (p_rule.tools @> to_jsonb(p_tools)) THEN 'tool_not_allowed'
    END
$$;

-- {"refused": code or null, "rule": the row or null}. The amount is counted unless it is refused. Days are the
-- merchant's own.
CREATE FUNCTION rule_admit(
    p_object_id text, p_merchant_id text, p_operation text, p_currency text, p_amount_minor bigint,
    p_account_id text, p_tools text[]
) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    rule merchant_rule;
    taken limit_use;
    refused text;
BEGIN
    SELECT * INTO rule FROM merchant_rule
    WHERE merchant_id = p_merchant_id AND operation = p_operation AND currency = p_currency;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('refused', NULL, 'rule', NULL);
    END IF;
    refused := rule_refusal(rule, p_amount_minor, p_tools);
    IF refused IS NULL THEN
        SELECT p_object_id, p_account_id, p_merchant_id, p_operation, p_currency,
            (now() AT TIME ZONE time_zone)::date, p_amount_minor
        INTO taken.object_id, taken.account_id, taken.merchant_id, taken.operation, taken.currency,
            taken.day, taken.amount_minor
        FROM merchant WHERE id = p_merchant_id;
        IF NOT limit_count(taken, rule) THEN
            refused := 'daily_limit_exceeded';
        END IF;
    END IF;
    RETURN jsonb_build_object('refused', refused, 'rule', to_jsonb(rule));
END
$$;

-- What the object took of the day's limits is free again, once; the merchant's total first, then the account's.
CREATE FUNCTION rule_give_back(p_object_id text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    taken limit_use;
BEGIN
    FOR taken IN
        SELECT * FROM limit_use WHERE object_id = p_object_id AND given_back_at IS NULL ORDER BY account_id FOR UPDATE
    LOOP
        UPDATE limit_use SET given_back_at = now() WHERE object_id = p_object_id AND account_id = taken.account_id;
        UPDATE limit_day SET used_minor = used_minor - taken.amount_minor
        WHERE (merchant_id, operation, currency, account_id, day)
            = (taken.merchant_id, taken.operation, taken.currency, taken.account_id, taken.day);
    END LOOP;
END
$$;
