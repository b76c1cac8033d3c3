-- What the scheduled watch must look at, as its items: at most a batch of each kind, oldest first.

-- Callbacks that waited for so long that they were lost on the way to whoever should have acted on them.
CREATE FUNCTION watch_callbacks(p_grace interval, p_batch int) RETURNS SETOF jsonb
LANGUAGE sql STABLE AS $$
    (SELECT jsonb_build_object(
        'kind', 'payment', 'callback_id', c.id, 'object_id', p.id, 'merchant_id', p.merchant_id, 'out_no', a.out_no,
        'channel', a.channel, 'channel_account_id', a.channel_account_id, 'call_timeout_s', a.call_timeout_s,
        'ended', p.state IN ('succeeded', 'closed', 'failed'))
    FROM callback c JOIN attempt a ON a.out_no = c.out_no JOIN payment p ON p.id = a.payment_id
    WHERE c.applied_at IS NULL AND c.kind = 'payment' AND c.verdict <> 'unknown_order'
        AND c.received_at <= now() - p_grace
    ORDER BY c.received_at LIMIT p_batch)
    UNION ALL
    (SELECT jsonb_build_object(
        'kind', 'refund', 'callback_id', c.id, 'object_id', r.id, 'merchant_id', r.merchant_id,
        'out_no', r.out_refund_no, 'channel', r.channel, 'channel_account_id', r.channel_account_id,
        'ended', r.state IN ('succeeded', 'failed', 'bounced'))
    FROM callback c JOIN refund r ON r.out_refund_no = c.out_refund_no
    WHERE c.applied_at IS NULL AND c.kind = 'refund' AND c.verdict <> 'unknown_order'
        AND c.received_at <= now() - p_grace
    ORDER BY c.received_at LIMIT p_batch)
    UNION ALL
    (SELECT jsonb_build_object(
        'kind', 'payout', 'callback_id', c.id, 'object_id', p.id, 'merchant_id', p.merchant_id, 'out_no', p.out_no,
        'channel', p.channel, 'channel_account_id', p.channel_account_id,
        'ended', p.state IN ('succeeded', 'failed', 'rejected', 'expired', 'returned'))
    FROM callback c JOIN payout p ON p.out_no = c.out_no
    WHERE c.applied_at IS NULL AND c.kind = 'transfer' AND c.verdict <> 'unknown_order'
        AND c.received_at <= now() - p_grace
    ORDER BY c.received_at LIMIT p_batch)
$$;

-- What has ended and may still change: unproven attempts, refunds that may bounce, payouts that may come back.
CREATE FUNCTION watch_due(p_batch int) RETURNS SETOF jsonb
LANGUAGE sql STABLE AS $$
    (SELECT jsonb_build_object(
        'kind', 'payment', 'object_id', payment_id, 'out_no', out_no, 'channel', channel,
        'channel_account_id', channel_account_id, 'call_timeout_s', call_timeout_s)
    FROM attempt WHERE watch_until IS NOT NULL AND next_check_at <= now() ORDER BY next_check_at LIMIT p_batch)
    UNION ALL
    (SELECT jsonb_build_object(
        'kind', 'refund', 'object_id', id, 'merchant_id', merchant_id, 'out_no', out_refund_no, 'channel', channel,
        'channel_account_id', channel_account_id)
    FROM refund WHERE watch_until IS NOT NULL AND next_check_at <= now() AND channel IS NOT NULL
    ORDER BY next_check_at LIMIT p_batch)
    UNION ALL
    (SELECT jsonb_build_object(
        'kind', 'payout', 'object_id', id, 'merchant_id', merchant_id, 'out_no', out_no, 'channel', channel,
        'channel_account_id', channel_account_id)
    FROM payout WHERE watch_until IS NOT NULL AND next_check_at <= now() ORDER BY next_check_at LIMIT p_batch)
$$;
