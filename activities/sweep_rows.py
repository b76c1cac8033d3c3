"""What the sweeper reads of the rows: objects that have not ended, objects that have, and claims of what never was."""

from dataclasses import dataclass

from sqlalchemy import text


@dataclass(frozen=True)
class SweptObject:
    """One row, and what its workflow is started again with."""

    kind: str
    id: str
    merchant_id: str
    order_no: str
    needs_attention: bool


_PAYMENT = (
    "SELECT CASE purpose WHEN 'top_up' THEN 'TopUp' ELSE 'Payment' END AS kind,"
    " id, merchant_id, order_no, needs_attention FROM payment"
)
_REFUND = (
    "SELECT 'Refund' AS kind, id, merchant_id, coalesce(refund_no, out_refund_no) AS order_no, needs_attention"
    " FROM refund"
)
_PAYOUT = "SELECT 'Payout' AS kind, id, merchant_id, payout_no AS order_no, needs_attention FROM payout"
_TRANSFER = (
    "SELECT 'Transfer' AS kind, id, merchant_id, transfer_no AS order_no, false AS needs_attention FROM transfer"
)
_ENDS = {
    _REFUND: "('succeeded', 'failed', 'bounced')",
    _PAYOUT: "('succeeded', 'failed', 'rejected', 'expired', 'returned')",
    _PAYMENT: "('closed', 'failed', 'succeeded')",
}
#: A transfer's row is written when it has ended, so there is none that is open.
_ENDS_OF_ALL = {**_ENDS, _TRANSFER: "('succeeded', 'failed')"}
_BEFORE = "updated_at < :before"

#: Those that have not ended, a batch at a time; one query for each kind.
OPEN = tuple(
    text(f"{rows} WHERE state NOT IN {ends} AND {_BEFORE} AND id > :after ORDER BY id LIMIT :batch")
    for rows, ends in _ENDS.items()
)
#: Those of the given ids that have ended.
ENDED = text(
    " UNION ALL ".join(
        f"{rows} WHERE id = ANY(:ids) AND state IN {ends} AND {_BEFORE}" for rows, ends in _ENDS_OF_ALL.items()
    )
)
LOST_OPERATIONS = text(
    "SELECT object_id FROM operation_request WHERE created_at BETWEEN :since AND :before"
    " AND NOT operation_exists(object_id) ORDER BY created_at LIMIT :batch"
)
LOST_CLAIMS = text(
    "SELECT r.payment_id FROM payment_request r LEFT JOIN payment p ON p.id = r.payment_id"
    " WHERE p.id IS NULL AND r.created_at < :before ORDER BY r.created_at LIMIT :batch"
)
