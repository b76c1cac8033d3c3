"""The fault panel: a page that shows the book and breaks things."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

PAGE = (Path(__file__).parent / "pages" / "panel.html").read_text()


async def _show_panel(_request: Request) -> Response:
    return HTMLResponse(PAGE)


def panel_routes() -> list[Route]:
    """Give the page at the root."""
    return [Route("/", _show_panel, methods=["GET"])]
