-- Everything that runs as a saga, in one shape: what the invariants ask of every kind. A new kind is one arm.
--
-- `ended`: nothing moves it any more. `holds_end`: how its holds and its reservation end with it, confirmed for money
-- that moved and released for money that did not. `due_at`: when it should have ended. `endings`: the types of the
-- events that tell its end, one each.

CREATE VIEW saga_object AS
SELECT 'payment' AS biz_type, id, merchant_id, state, created_at, updated_at, needs_attention, attention_owner,
    state IN ('succeeded', 'closed', 'failed') AS ended,
    CASE state WHEN 'succeeded' THEN 'confirmed' WHEN 'closed' THEN 'released' WHEN 'failed' THEN 'released' END
        AS holds_end,
    greatest(updated_at, expires_at) AS due_at,
    CASE WHEN state IN ('succeeded', 'closed', 'failed') THEN ARRAY[purpose || '.' || state] ELSE '{}' END AS endings
FROM payment
UNION ALL
SELECT 'refund', id, merchant_id, state, created_at, updated_at, needs_attention, attention_owner,
    state IN ('succeeded', 'failed', 'bounced'),
    CASE state WHEN 'succeeded' THEN 'confirmed' WHEN 'bounced' THEN 'confirmed' WHEN 'failed' THEN 'released' END,
    greatest(updated_at, approval_expires_at),
    CASE
        WHEN state = 'failed' THEN ARRAY['refund.failed']
        WHEN state IN ('succeeded', 'bounced') THEN
            ARRAY[CASE WHEN origin IN ('merchant', 'bounce') THEN 'refund.succeeded' ELSE 'late_payment.refunded' END]
            || CASE WHEN state = 'bounced' THEN ARRAY['refund.bounced'] ELSE '{}' END
        ELSE '{}'
    END
FROM refund
UNION ALL
SELECT 'payout', id, merchant_id, state, created_at, updated_at, needs_attention, attention_owner,
    state IN ('succeeded', 'failed', 'rejected', 'expired', 'returned'),
    CASE
        WHEN state IN ('succeeded', 'returned') THEN 'confirmed'
        WHEN state IN ('failed', 'rejected', 'expired') THEN 'released'
    END,
    greatest(updated_at, approval_expires_at),
    CASE
        WHEN state = 'returned' THEN ARRAY['payout.succeeded', 'payout.returned']
        WHEN state = 'succeeded' THEN ARRAY['payout.succeeded']
        WHEN state IN ('failed', 'rejected', 'expired') THEN ARRAY['payout.failed']
        ELSE '{}'
    END
FROM payout
UNION ALL
SELECT 'transfer', id, merchant_id, state, created_at, updated_at, false, NULL,
    state IN ('succeeded', 'failed'),
    CASE state WHEN 'succeeded' THEN 'confirmed' WHEN 'failed' THEN 'released' END,
    updated_at,
    CASE WHEN state IN ('succeeded', 'failed') THEN ARRAY['transfer.' || state] ELSE '{}' END
FROM transfer;

GRANT SELECT ON saga_object TO paysaga_app;
