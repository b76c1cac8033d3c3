-- Everything that runs as a saga, in one shape: what the audit of the book asks of every kind. A new kind is one arm.

CREATE VIEW saga_object AS
SELECT 'payment' AS kind, id, merchant_id, state, version,
    state IN ('succeeded', 'closed', 'failed') AS ended,
    -- How its hold and its reservation end with it: kept for the money that moved, let go for the rest.
    CASE WHEN state = 'succeeded' THEN 'confirmed' WHEN state IN ('closed', 'failed') THEN 'released' END AS holds_end,
    needs_attention, attention_owner, updated_at, greatest(updated_at, expires_at) AS due_at,
    CASE WHEN state IN ('succeeded', 'closed', 'failed') THEN 'payment.' || state END AS ending
FROM payment
UNION ALL
SELECT 'refund', id, merchant_id, state, version,
    state IN ('succeeded', 'failed', 'bounced'),
    CASE WHEN state IN ('succeeded', 'bounced') THEN 'confirmed' WHEN state = 'failed' THEN 'released' END,
    needs_attention, attention_owner, updated_at, updated_at,
    CASE WHEN state = 'failed' THEN 'refund.failed'
        WHEN state = 'bounced' THEN 'refund.bounced'
        WHEN state = 'succeeded' AND origin = 'merchant' THEN 'refund.succeeded'
        WHEN state = 'succeeded' THEN 'late_payment.refunded' END
FROM refund;

GRANT SELECT ON saga_object TO paysaga_app;
