"""What each merchant's money at the channel amounts to."""

from simulator.database import Database


class Balances:
    """One balance per app and currency: paid in, less refunds and transfers, less what was withdrawn."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, app_id: str, currency: str, amount_minor: int) -> None:
        """Change a balance inside the caller's transaction; a negative amount takes away."""
        self._database.execute(
            "INSERT INTO balances VALUES (?, ?, ?) "
            "ON CONFLICT (app_id, currency) DO UPDATE SET amount_minor = amount_minor + excluded.amount_minor",
            app_id,
            currency,
            amount_minor,
        )

    def of(self, app_id: str, currency: str) -> int:
        """Give one balance in minor units, 0 when nothing was ever paid."""
        row = self._database.one(
            "SELECT amount_minor FROM balances WHERE app_id = ? AND currency = ?", app_id, currency
        )
        return 0 if row is None else int(row["amount_minor"])

    def total(self) -> int:
        """Give the sum of all balances in minor units."""
        row = self._database.one("SELECT coalesce(sum(amount_minor), 0) AS total FROM balances")
        return 0 if row is None else int(row["total"])
