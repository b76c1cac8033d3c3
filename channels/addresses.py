"""Which addresses a channel account may name."""

from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx


def require_safe_url(url: str) -> str:
    """The URL without a trailing slash: https, or http on loopback; ValueError that does not repeat it."""
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("the URL must have no user, query or fragment")
    if not parts.hostname:
        raise ValueError("the URL must be absolute")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        raise ValueError("the URL must be https (http only on loopback)")
    try:
        httpx.URL(url)
    except httpx.InvalidURL:
        raise ValueError("the URL is not valid") from None
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
