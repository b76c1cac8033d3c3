"""The composition root: one book, one clock, both sides of the outside, and the channels that share them."""

import asyncio
from pathlib import Path

from simulator.balances import Balances
from simulator.cashier import Cashier
from simulator.channel import Channel
from simulator.clock import Clock
from simulator.database import Database
from simulator.dials import Dials
from simulator.faults import FaultTable
from simulator.journal import Journal
from simulator.notifier import Notifier
from simulator.orders import Orders
from simulator.payee import Payee
from simulator.refunds import Refunds
from simulator.timetable import Timetable
from simulator.transfers import Transfers


class World:
    """Everything behind the ports. It is made inside the event loop that serves it."""

    def __init__(self, home: Path, public_url: str) -> None:
        self.public_url = public_url
        self.stopping = asyncio.Event()
        self.database = Database(home)
        self.clock = Clock()
        self.dials = Dials(self.database)
        self.faults = FaultTable()
        self.journal = Journal(self.database)
        self.balances = Balances(self.database)
        self.orders = Orders(self.database, self.clock, self.balances)
        self.refunds = Refunds(self.database, self.clock, self.balances)
        self.transfers = Transfers(self.database, self.clock, self.balances)
        self.notifier = Notifier(self.database, self.clock, faults=self.faults, journal=self.journal)
        timetable = Timetable(self.database)
        self.cashier = Cashier(self.dials, timetable, orders=self.orders, refunds=self.refunds, notifier=self.notifier)
        self.payee = Payee(self.dials, transfers=self.transfers, notifier=self.notifier, timetable=timetable)
        self.channels: dict[str, Channel] = {}

    def start(self, *channels: Channel) -> None:
        """Let the channels in and take up what an earlier run left undone."""
        self.channels.update({channel.name: channel for channel in channels})
        self.notifier.start(self.channels)
        self.cashier.start()
        self.payee.start()

    async def close(self) -> None:
        """Let go of clients, timers and the book."""
        await self.notifier.close()
        self.database.close()
