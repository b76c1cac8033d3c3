"""What is known when a seed has ended: what we wrote, what the channel wrote, and what reached the business."""

from typing import Any

from pydantic import BaseModel

from chaos.answers import Answer
from chaos.shops import Shop

Rows = list[dict[str, Any]]

#: Tables whose rows belong to a merchant, and are judged.
TABLES = ("payment", "attempt", "refund", "payout", "transfer", "event", "delivery")
ENDS = {
    "payment": frozenset({"succeeded", "closed", "failed"}),
    "refund": frozenset({"succeeded", "failed", "bounced"}),
    "payout": frozenset({"succeeded", "failed", "rejected", "expired", "returned"}),
    "transfer": frozenset({"succeeded", "failed"}),
}
NUMBERS = {
    "payments": ("payment", "order_no"),
    "top_ups": ("payment", "order_no"),
    "refunds": ("refund", "refund_no"),
    "payouts": ("payout", "payout_no"),
    "transfers": ("transfer", "transfer_no"),
}


class Webhook(BaseModel):
    """One webhook that a business received; `verified` says whether its signature is the merchant's."""

    merchant_id: str
    event_id: str
    body: str
    verified: bool


class Truth(BaseModel):
    """What the judge looks at; nothing in it is asked again."""

    shops: list[Shop]
    answers: list[Answer]
    rows: dict[str, Rows]
    book: dict[str, Rows]
    clearing: dict[str, int]
    frozen: Rows
    holds: Rows
    feeds: dict[str, Rows]
    webhooks: list[Webhook]
    invariants: dict[str, Rows]
    workflows: dict[str, str]
    leaks: list[str]
    believed: list[str] = []

    def objects(self) -> dict[str, dict[str, Any]]:
        """The rows of everything that runs as a saga, by id; `table` names theirs."""
        return {row["id"]: {**row, "table": table} for table in ENDS for row in self.rows[table]}

    def waits_for_proof(self, row: dict[str, Any]) -> bool:
        """True for a sending whose outcome is unknown, and that is asked about at a known time.

        What a channel says of one of several sends of a payout or refund is no proof, nor that it does not find an
        order that is to be closed: the question comes again on a schedule of minutes, and until the order's expiry.
        """
        asked = row.get("certainty") == "unknown" and row.get("next_check_at") is not None
        unproven = row.get("sends", 0) > 1 or row["state"] == "closing"
        return asked and unproven and self.workflows.get(row["id"]) == "running"

    def by_number(self, kind: str, merchant: int, number: str) -> Rows:
        """The rows that have this number of the business."""
        table, column = NUMBERS[kind]
        owner = self.shops[merchant].merchant_id
        return [row for row in self.rows[table] if row[column] == number and row["merchant_id"] == owner]
