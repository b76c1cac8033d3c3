"""Rows beside the book, made in sets: those of one payment that really ran, under the numbers of many others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

#: Digits at the end of a number that tell the clones of one row apart; the rest stays, and with it the time in it.
DIGITS = 8
#: The schema in which the template's rows lie while clones are made.
ASIDE = "seeding"


@dataclass(frozen=True)
class Table:
    """A table with rows of every payment: which of them are the template's, and what is another's in a clone.

    `of` is a condition on the row `t`; `other` names columns and gives expressions over `t` and the clone's `s`.
    """

    name: str
    of: str
    other: Mapping[str, str]


def renumbered(column: str) -> str:
    """The expression of a number that is this clone's: the template's, but for the last digits."""
    return f"left(t.{column}, -{DIGITS}) || lpad(s.n::text, {DIGITS}, '0')"


_PAYMENT_ID = {"payment_id": renumbered("payment_id")}
_OF_ATTEMPT = "t.out_no IN (SELECT out_no FROM attempt WHERE payment_id = '{payment_id}')"
_OF_CALLBACK = f"t.callback_id IN (SELECT t.id FROM callback t WHERE {_OF_ATTEMPT})"  # noqa: S608 - our own words
_DEDUPE_KEY = "t.dedupe_key || '-' || s.n"
_OF_EVENT = "t.event_id IN (SELECT id FROM event WHERE object_id = '{payment_id}')"
_OF_DELIVERY = (
    "t.delivery_id IN (SELECT d.id FROM delivery d JOIN event e ON e.id = d.event_id"
    " WHERE e.object_id = '{payment_id}')"
)

#: Everything that a mixed payment leaves behind, apart from the book, in the order in which rows may refer to others.
TABLES = (
    Table("payment_request", "t.payment_id = '{payment_id}'", _PAYMENT_ID),
    Table("order_claim", "t.payment_id = '{payment_id}'", {**_PAYMENT_ID, "order_no": "s.order_no"}),
    Table(
        "payment",
        "t.id = '{payment_id}'",
        {
            "id": renumbered("id"),
            "order_no": "s.order_no",
            "payer_account_id": "s.wallet_id",
            "payer": "jsonb_set(t.payer, '{account_id}', to_jsonb(s.wallet_id))",
        },
    ),
    Table("payment_line", "t.payment_id = '{payment_id}'", {**_PAYMENT_ID, "sku": "s.sku"}),
    Table(
        "attempt",
        "t.payment_id = '{payment_id}'",
        {**_PAYMENT_ID, "out_no": renumbered("out_no"), "channel_no": renumbered("channel_no")},
    ),
    Table("evidence", _OF_ATTEMPT, {"out_no": renumbered("out_no")}),
    Table(
        "callback",
        _OF_ATTEMPT,
        {"id": renumbered("id"), "out_no": renumbered("out_no"), "dedupe_key": _DEDUPE_KEY},
    ),
    Table("callback_once", _OF_CALLBACK, {"dedupe_key": _DEDUPE_KEY, "callback_id": renumbered("callback_id")}),
    Table("reservation", "t.payment_id = '{payment_id}'", _PAYMENT_ID),
    Table("reservation_line", "t.payment_id = '{payment_id}'", {**_PAYMENT_ID, "sku": "s.sku"}),
    Table(
        "event",
        "t.object_id = '{payment_id}'",
        {
            "id": renumbered("id"),
            "object_id": renumbered("object_id"),
            "feed_no": "s.first_feed_no + row_number() OVER (PARTITION BY s.n ORDER BY t.id)",
        },
    ),
    Table(
        "event_once",
        "t.object_id = '{payment_id}'",
        {"object_id": renumbered("object_id"), "event_id": renumbered("event_id")},
    ),
    Table("delivery", _OF_EVENT, {"id": renumbered("id"), "event_id": renumbered("event_id")}),
    Table("delivery_attempt", _OF_DELIVERY, {"delivery_id": renumbered("delivery_id")}),
)


def template(table: Table, payment_id: str) -> str:
    """The statement that puts the rows of one payment aside: looked for once, however many there are by then."""
    of = table.of.format(payment_id=payment_id)
    return f"CREATE TABLE {ASIDE}.{table.name} AS SELECT t.* FROM {table.name} t WHERE {of};"  # noqa: S608 - our words


def insert(table: Table, columns: Iterable[str]) -> str:
    """The statement that makes the clones' rows of one table; columns that the server fills are not among `columns`."""
    names = list(columns)
    chosen = ", ".join(table.other.get(name, f't."{name}"') for name in names)
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"INSERT INTO {table.name} ({quoted}) SELECT {chosen} FROM {ASIDE}.{table.name} t CROSS JOIN seed s;"  # noqa: S608
