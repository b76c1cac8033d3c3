-- The chart of accounts. Strict accounts change in place, guarded both ways; deferred ones take credits through the
-- inbox and guard debits; open ones are appended in both directions and never locked by a payment.

INSERT INTO ledger_chart (kind, class, normal_sign, opened_by) VALUES
    ('wallet', 'strict', 1, 'owner'),
    ('merchant_available', 'strict', 1, 'posting'),
    ('merchant_reserve', 'strict', 1, 'posting'),
    ('unapplied', 'strict', 1, 'posting'),
    ('merchant_pending', 'deferred', 1, 'posting'),
    ('channel_clearing', 'open', -1, 'posting'),
    ('bank', 'open', -1, 'posting'),
    ('merchant_direct', 'open', 1, 'posting'),
    ('merchant_fee_receivable', 'open', -1, 'posting'),
    ('merchant_debt', 'open', -1, 'posting'),
    ('payout_in_transit', 'open', 1, 'posting'),
    ('platform_fee', 'open', 1, 'posting'),
    ('channel_fee', 'open', -1, 'posting'),
    ('channel_discount', 'open', -1, 'posting'),
    ('coupon_cost', 'open', -1, 'posting'),
    ('fee_difference', 'open', 0, 'posting'),
    ('suspense', 'open', 0, 'posting'),
    ('loss', 'open', -1, 'posting'),
    ('opening', 'open', 0, 'posting');
