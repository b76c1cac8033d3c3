"""What the peer's processes call the same things: its database, its queues, its workflows, and what they tell."""

from sqlalchemy.engine import make_url

DATABASE = "paysaga_dbos"
APPLICATION = "paysaga-peer"
#: Workflows of a killed process are recovered by a process of the same name alone.
WORKER, API = "worker-1", "api-1"
#: The option of both programs: payments run inside the API's process instead of the worker's.
INLINE = "--inline"

PAYMENTS = "payments"
DELIVERIES = "deliveries"
PAYMENT = "Payment"
DELIVERY = "delivery"
ANSWER = "answer"
CALLBACK = "callback"

#: A queue is polled; a POST waits for half of this on average. The library's own default is a second.
POLL_EVERY_S = 0.05


def system_database_url(database_url: str) -> str:
    """The engine's own database, on the server of the payments' (`postgresql+asyncpg://…`), for its own driver."""
    url = make_url(database_url).set(drivername="postgresql", database=DATABASE)
    return url.render_as_string(hide_password=False)
