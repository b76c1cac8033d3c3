"""What the person at the terminal reads when the stack is up."""

from collections.abc import Sequence
from typing import Any

from devstack.showcase import Outcome, sellable
from devstack.terminal import table

#: The list without the runs of the watch and the sweeper.
PAYMENTS_ONLY = "?query=WorkflowType%3D%22Payment%22"
HEAD = ("", "what was done", "end", "branches", "stock", "book", "took")


def outcomes_table(outcomes: Sequence[Outcome]) -> str:
    """The showcase, one line a payment."""
    return table(HEAD, [(str(number), *_row(outcome)) for number, outcome in enumerate(outcomes, 1)])


def links(outcomes: Sequence[Outcome], demo: dict[str, Any]) -> str:
    """Where each saga of the showcase can be read step by step."""
    where = [
        f"{_ui(demo)}/{outcome.payment['id']}" if demo["temporal_ui"] else outcome.payment["id"] for outcome in outcomes
    ]
    return "\n".join(f"{number}  {place}" for number, place in enumerate(where, 1))


def wallet_line(before: dict[str, Any], after: dict[str, Any]) -> str:
    """What the showcase did to the payer's wallet."""
    return f"payer's wallet: before {_wallet(before)}; after {_wallet(after)}"


def banner(demo: dict[str, Any], state: str) -> str:
    """Addresses, keys, and commands to copy."""
    lines = [
        ("API", f"{demo['api']}  (documentation {demo['api']}/docs)"),
        ("Temporal UI", f"{_ui(demo)}{PAYMENTS_ONLY}"),
        ("channel simulator", f"{demo['simulator']}  (pay, break, heal by hand)"),
        ("webhook sink", f"{demo['sink']}  (what the business was told)"),
        ("merchant's key", demo["api_key"]),
        ("operator's key", demo["operator_key"]),
        ("all of it", f"{state}/demo.json"),
    ]
    rows = "\n".join(f"  {name:<18} {value}" for name, value in lines)
    return f"\npaysaga is up. Ctrl-C stops it; the data stay.\n\n{rows}\n\n{_curl(demo)}\n"


def _row(outcome: Outcome) -> tuple[str, ...]:
    payment = outcome.payment
    failure = payment.get("failure") or {}
    end = f"{payment['state']} ({failure['code']})" if failure else payment["state"]
    took = f"{outcome.took_s:.1f} s"
    return (outcome.case.story, end, _branches(outcome.saga), _stock(outcome), _book(payment), took)


def _branches(saga: dict[str, Any]) -> str:
    """Each participant of the saga and where it ended."""
    return ", ".join(f"{branch['name']} {branch['state']}" for branch in saga["branches"])


def _stock(outcome: Outcome) -> str:
    before, after = outcome.stock_before, outcome.stock_after
    return f"{sellable(before)} -> {sellable(after)}, reserved {after['reserved']}"


def _book(payment: dict[str, Any]) -> str:
    if payment["state"] != "succeeded":
        return "nothing posted"
    return f"merchant +{money(payment['net_minor'])}, fee {money(payment['fee_minor'])}"


def _wallet(account: dict[str, Any]) -> str:
    return f"available {money(account['available_minor'])}, frozen {money(account['frozen_minor'])}"


def money(amount_minor: int) -> str:
    """Minor units of a currency with two decimals, for reading."""
    return f"{amount_minor // 100}.{amount_minor % 100:02d}"


def _ui(demo: dict[str, Any]) -> str:
    if not demo["temporal_ui"]:
        return f"of the server at {demo['temporal']}"
    return f"{demo['temporal_ui']}/namespaces/{demo['temporal_namespace']}/workflows"


def _curl(demo: dict[str, Any]) -> str:
    body = (
        '{"order_no":"order-\'$(date +%s)\'","amount_minor":2000,"currency":"CNY","subject":"Tea","channel":"sim",'
        f'"invoke":"qr","lines":[{{"sku":"{demo["sku"]}","quantity":1,"unit_price_minor":2000}}]}}'
    )
    return (
        "A payment, and then its payer (put the answer's out_no into the second):\n\n"
        f"  curl -sS {demo['api']}/v1/payments -H 'Authorization: Bearer {demo['api_key']}' \\\n"
        f"    -H 'Content-Type: application/json' -d '{body}'\n\n"
        f'  curl -sS {demo["simulator"]}/_sim/pay -d \'{{"out_no":"..."}}\''
    )
