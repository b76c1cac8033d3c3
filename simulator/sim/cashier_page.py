"""The page behind a QR code or a redirect: a person looks at the order and pays or declines."""

from html import escape
from pathlib import Path
from string import Template

import orjson
from starlette.responses import HTMLResponse

from simulator.orders import Order

PAGE = Template((Path(__file__).parent.parent / "pages" / "cashier.html").read_text())


def cashier_page(order: Order) -> HTMLResponse:
    """Show one order."""
    terms = orjson.loads(order.terms)
    return HTMLResponse(
        PAGE.substitute(
            out_no=escape(order.out_no),
            subject=escape(terms["subject"]),
            amount_minor=f"{order.amount_minor:,}",
            currency=escape(order.currency),
            state=order.state,
            return_url=escape(terms["return_url"] or ""),
        )
    )
