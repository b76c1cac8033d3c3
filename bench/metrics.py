"""Counters of a Prometheus page."""

import asyncio
import re
import urllib.request
from collections import Counter

_LINE = re.compile(r"^(?P<name>\w+)\{(?P<labels>[^}]*)\} (?P<value>\S+)", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_TIMEOUT_S = 10


async def read_page(url: str) -> str:
    """The page, asked of the server itself whatever proxies the environment names."""
    return await asyncio.to_thread(_read, url)


def count_by(page: str, name: str, label: str, **only: str) -> Counter[str]:
    """The counter's values by one label, summed over the others; `only` keeps series with these labels."""
    counted: Counter[str] = Counter()
    for line in _LINE.finditer(page):
        labels = dict(_LABEL.findall(line["labels"]))
        if line["name"] == name and only.items() <= labels.items():
            counted[labels[label]] += int(float(line["value"]))
    return counted


def _read(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=_TIMEOUT_S) as answer:
        return str(answer.read().decode())
