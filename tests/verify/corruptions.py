"""What breaks each invariant of everything outside the book, and nothing else."""

#: What was booked today was booked yesterday, which is sealed; and a seal that hides what was changed since.
SEAL = (
    "DELETE FROM day_balance; DELETE FROM sealed_day;"
    " UPDATE posting SET booked_on = booked_on - 1 WHERE booked_on = ledger_day(now());"
    " SELECT ledger_seal_day(ledger_day(now()) - 1);"
)
SEAL_AGAIN = "UPDATE sealed_day SET digest = ledger_day_digest(day, previous_digest) WHERE day = ledger_day(now()) - 1"
#: For each invariant: what breaks it and nothing else. A comment names the arm of the query where it has several.
CORRUPTIONS = {
    "10_open_objects_are_owned": [
        (
            "UPDATE payment SET updated_at = now() - interval '3 days', expires_at = now() - interval '2 days'"
            " WHERE id = '{waiting}'"
        ),
        (
            "ALTER TABLE payment DROP CONSTRAINT attention_has_owner;"
            " UPDATE payment SET needs_attention = true WHERE id = '{waiting}'"
        ),
    ],
    "11_succeeded_payment_is_paid_once": [
        "UPDATE attempt SET received_minor = received_minor - 1 WHERE out_no = '{paid_out_no}'",
        "UPDATE payment SET captured_minor = 0 WHERE id = '{paid}'",
        "UPDATE attempt SET state = 'paid' WHERE payment_id = '{closed}'",
    ],
    "13_what_was_received_is_posted_once": [
        "UPDATE payment SET coupon_minor = 1 WHERE id = '{paid}'",
        "UPDATE attempt SET state = 'waiting' WHERE out_no = '{late_out_no}'",
    ],
    "14_refunds_within_what_was_paid": [
        (
            "ALTER TABLE payment DROP CONSTRAINT refunds_within_captured;"
            " INSERT INTO refund (id, merchant_id, payment_id, origin, out_refund_no, amount_minor, channel_minor,"
            " currency, reason, send_before)"
            " VALUES ('ref_x', '{merchant}', '{given}', 'merchant', 'x', 999999, 999999, 'CNY', 'x', now());"
            " UPDATE payment SET refunding_minor = 999999 WHERE id = '{given}'"
        ),
        (
            "INSERT INTO refund (id, merchant_id, payment_id, origin, out_no, out_refund_no, amount_minor,"
            " channel_minor, currency, reason, send_before)"
            " SELECT 'ref_x', '{merchant}', payment_id, 'bounce', out_no, 'x', 1, 1, 'CNY', 'x', now()"
            " FROM attempt WHERE out_no = '{late_out_no}'"
        ),
    ],
    "16_refund_is_posted_once": [
        (
            "UPDATE refund SET state = 'bounced' WHERE id = '{refund}';"
            " SELECT event_append('{merchant}', 'refund.bounced', '{refund}', 99, '{{}}')"
        ),
        "UPDATE refund SET fee_minor = fee_minor + 1 WHERE id = '{given_back}'",
        "UPDATE refund SET coupon_minor = coupon_minor + 1 WHERE id = '{given_back}'",
    ],
    "18_payout_in_flight_holds_its_money": [
        (
            "INSERT INTO payout (id, merchant_id, payout_no, account_id, amount_minor, currency, channel,"
            " channel_account_id, out_no) VALUES"
            " ('po_x', '{merchant}', '1', '{wallet}', 5, 'CNY', 'sim', '{channel_account}', 'x')"
        ),
    ],
    "19_nothing_is_held_for_an_ended_object": [
        (
            "UPDATE reservation SET state = 'held', ended_at = NULL WHERE payment_id = '{paid}';"
            " UPDATE stock SET reserved = reserved + 2, sold = sold - 2 WHERE merchant_id = '{merchant}'"
        ),
        (
            "UPDATE hold SET state = 'held', ended_at = NULL WHERE biz_id = '{paid}';"
            " UPDATE account SET available = available - 1000, frozen = frozen + 1000 WHERE id = '{wallet}'"
        ),
    ],
    "20_holds_ended_as_their_object_did": [
        "UPDATE hold SET state = 'released' WHERE biz_id = '{paid}'",
        "UPDATE hold SET state = 'confirmed' WHERE biz_id = '{closed}'",
        "DELETE FROM hold WHERE biz_id = '{paid}'",
        "DELETE FROM hold WHERE biz_id = '{payout}'",
        "DELETE FROM hold WHERE biz_id = '{given_back}'",
        "DELETE FROM hold WHERE biz_id = '{refund}'",
    ],
    "21_stock_is_what_was_reserved": ["UPDATE stock SET sold = sold + 1 WHERE merchant_id = '{merchant}'"],
    "22_idempotency_key_has_its_object": [
        (
            "INSERT INTO idempotency_key (merchant_id, route, key, request_hash, object_id, created_at)"
            " VALUES ('{merchant}', 'payments', 'k', '', 'pay_none', now() - interval '3 hours')"
        ),
    ],
    "23_one_event_for_each_end": [
        "DELETE FROM event WHERE object_id = '{paid}' AND type = 'payment.succeeded'",
        "SELECT event_append('{merchant}', 'payment.failed', '{paid}', 99, '{{}}')",
        (
            "INSERT INTO event (id, merchant_id, type, object_id, object_version)"
            " VALUES ('evt_0', '{merchant}', 'payment.awaiting_payer', '{paid}', 99)"
        ),
    ],
    "24_audit_chain_is_unbroken": [
        "ALTER TABLE operator_action DISABLE TRIGGER USER; UPDATE operator_action SET reason = 'another' WHERE seq = 1",
        "ALTER TABLE operator_action DISABLE TRIGGER USER; DELETE FROM operator_action WHERE seq = 1",
        "ALTER TABLE audit_block DISABLE TRIGGER USER; UPDATE audit_block SET sealed_at = now() WHERE n = 1",
        (
            "INSERT INTO operator_action (id, actor, action, object_id, created_at)"
            " VALUES ('opa_x', 'x', 'x', 'x', now() - interval '2 days')"
        ),
    ],
    "26_suspense_and_unapplied_are_itemised": [
        (
            "INSERT INTO suspense_item (id, merchant_id, object_id, out_no, channel_account_id, amount_minor, currency,"
            " owner, reason) VALUES ('sus_x', '{merchant}', 'x', 'x', '{channel_account}', 5, 'CNY', 'operations', 'x')"
        ),
        (
            "INSERT INTO suspense_item (id, merchant_id, object_id, out_no, channel_account_id, amount_minor, currency,"
            " owner, reason, state, resolution, resolution_id, ended_at) VALUES ('sus_x', '{merchant}', 'x', 'x',"
            " '{channel_account}', 5, 'CNY', 'operations', 'x', 'ended', 'refund', 'ref_none', now())"
        ),
    ],
    "31_sealed_days_are_unchanged": [
        "{seal} UPDATE sealed_day SET digest = '' WHERE day = ledger_day(now()) - 1",
        # Of an account that moved again: its last balance is right.
        (
            "UPDATE posting SET booked_on = booked_on - 2 WHERE id = (SELECT id FROM posting ORDER BY id LIMIT 1);"
            " {seal} UPDATE day_balance SET balance_minor = balance_minor + 1 WHERE day = ledger_day(now()) - 2"
            " AND account_id = '{wallet}'"
        ),
    ],
    "32_sealed_balances_are_sums_of_entries": [
        "{seal} UPDATE day_balance SET balance_minor = 1 WHERE account_id = '{wallet}'; {seal_again}",
        "{seal} DELETE FROM day_balance WHERE account_id = '{wallet}'; {seal_again}",
    ],
    "33_payment_counts_its_refunds": [
        "UPDATE payment SET refunded_minor = refunded_minor - 1 WHERE id = '{given}'",
        "UPDATE payment SET refunding_minor = 1 WHERE id = '{given}'",
    ],
    "34_payout_and_transfer_are_posted_once": [
        "UPDATE payout SET fee_minor = fee_minor + 1 WHERE id = '{payout}'",
        (
            "UPDATE posting SET biz_id = 'x' WHERE biz_id = '{payout}' AND step = 'payout_sent';"
            " UPDATE ledger_step SET biz_id = 'x' WHERE biz_id = '{payout}' AND step = 'payout_sent'"
        ),
        (
            "UPDATE posting SET biz_id = 'x' WHERE biz_id = '{payout}' AND step = 'payout_done';"
            " UPDATE ledger_step SET biz_id = 'x' WHERE biz_id = '{payout}' AND step = 'payout_done'"
        ),
        (
            "UPDATE posting SET biz_id = 'x' WHERE biz_id = '{payout}' AND step = 'payout_returned';"
            " UPDATE ledger_step SET biz_id = 'x' WHERE biz_id = '{payout}' AND step = 'payout_returned'"
        ),
        "UPDATE transfer SET amount_minor = amount_minor + 1 WHERE id = '{transfer}'",
        (
            "UPDATE posting SET biz_id = 'x' WHERE biz_id = '{transfer}';"
            " UPDATE ledger_step SET biz_id = 'x' WHERE biz_id = '{transfer}'"
        ),
    ],
    "35_limit_is_the_sum_of_its_uses": [
        "UPDATE limit_day SET used_minor = used_minor + 1 WHERE merchant_id = '{merchant}'",
        "UPDATE limit_use SET given_back_at = now() WHERE object_id = '{transfer}'",
        "DELETE FROM limit_day WHERE merchant_id = '{merchant}'",
    ],
    "36_every_row_lies_in_its_partition": [
        "INSERT INTO delivery_attempt (delivery_id, number, duration_ms) VALUES ('dlv_z', 1, 1)",
    ],
}
