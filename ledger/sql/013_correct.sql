-- Corrections: what is posted stays, and is undone by the opposite posting, which names it; once.

-- Raises PS005 unless there is such a posting, it corrects nothing itself, and nothing has corrected it. Whoever asks
-- first has it until it commits.
CREATE FUNCTION ledger_require_uncorrected(p_corrects uuid, p_posting_id uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM posting WHERE id = p_corrects AND corrects IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'PS005',
            MESSAGE = format('there is no posting %s, or it is a correction itself', p_corrects);
    END IF;
    INSERT INTO ledger_correction (corrects, posting_id) VALUES (p_corrects, p_posting_id) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'PS005', MESSAGE = format('the posting %s was corrected already', p_corrects);
    END IF;
END $$;

-- Posts the opposite of a posting and names it. A null merchant is the operator. PS001 to PS003, PS005.
CREATE FUNCTION ledger_correct(
    p_biz_type text, p_biz_id text, p_step text, p_merchant_id text, p_event_at timestamptz,
    p_memo text, p_corrects uuid, OUT posted uuid, OUT replayed boolean
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
    v_legs jsonb;
BEGIN
    SELECT jsonb_agg(jsonb_build_object(
        'account_id', account_id, 'currency', currency, 'amount_minor', -amount_minor, 'kind', kind,
        'object_id', object_id
    ) ORDER BY n) INTO v_legs FROM entry WHERE posting_id = p_corrects;
    IF v_legs IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'PS005', MESSAGE = format('there is no posting %s', p_corrects);
    END IF;
    SELECT made.posted, made.replayed INTO posted, replayed FROM ledger_post(
        p_biz_type, p_biz_id, p_step, p_merchant_id, p_event_at, p_memo, v_legs, p_corrects
    ) AS made;
END $$;
