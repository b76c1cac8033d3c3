"""A session whose textual statements go straight to the driver; table objects take SQLAlchemy's way.

Most steps are a few calls of SQL functions, and what SQLAlchemy does around each of them costs more than the call. So
`text` is compiled once, and run by asyncpg, which prepares it once per connection. A session that is asked for more
(`select`, `add`, `get`) becomes a whole one on the same connection, with a savepoint of its own in the transaction.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

import asyncpg
from sqlalchemy import Connection, Dialect, TextClause, TextualSelect
from sqlalchemy.engine import Result, ScalarResult
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import greenlet_spawn

#: What asyncpg raises for a statement that failed and for a connection that is gone, or about to be.
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class SwallowedFailure(Exception):
    """A statement of the block failed and the block went on: nothing of it was committed."""


@dataclass(frozen=True)
class _Prepared:
    """A statement as the driver takes it: the names of its parameters in their order, and how each is bound.

    `own` are the values that the statement brings itself.
    """

    sql: str
    binds: tuple[tuple[str, Callable[[Any], Any] | None], ...]
    own: dict[str, Any]

    def values(self, arguments: dict[str, Any] | None) -> list[Any]:
        given = {**self.own, **(arguments or {})} if self.own else arguments or {}
        return [given[name] if bind is None else bind(given[name]) for name, bind in self.binds]


_prepared: WeakKeyDictionary[TextClause | TextualSelect, _Prepared] = WeakKeyDictionary()


class Session(AsyncSession):
    """One borrowed connection: `borrow` takes it from the pool, `end` gives it back."""

    def __init__(self, engine: AsyncEngine, connection: Connection) -> None:
        # The parent's own part waits until somebody needs it (`__getattr__`).
        self._engine = engine
        self._connection = connection
        self._driver: asyncpg.Connection = connection.connection.driver_connection
        self.driver_transaction: asyncpg.transaction.Transaction | None = None
        self._ended = False
        self._confused = False
        self._failure: BaseException | None = None

    @classmethod
    async def borrow(cls, engine: AsyncEngine) -> "Session":
        """A session in which each statement stands for itself. SQLAlchemyError when there is no connection.

        A connection that was lost while nobody used it is not given to anybody.
        """
        while True:
            session = cls(engine, await greenlet_spawn(engine.sync_engine.connect))
            if not session._driver.is_closed():
                return session
            await session.end()

    async def start(self) -> None:
        """From here all statements are one transaction."""
        self._confused = True  # the driver takes a BEGIN that failed for one that stands
        with self.as_sqlalchemy("BEGIN"):
            transaction = self._driver.transaction()
            await transaction.start()
        self._confused = False
        self.driver_transaction = transaction

    async def keep(self) -> None:
        """The transaction is committed; SwallowedFailure when a statement of it had failed.

        PostgreSQL answers the COMMIT of a failed transaction with a rollback, which the driver takes for success.
        """
        if self._failure is not None:
            raise SwallowedFailure("a statement of the block had failed") from self._failure
        if self.whole:
            await super().commit()
        if self.driver_transaction is None:
            return
        with self.as_sqlalchemy("COMMIT"):
            await self.driver_transaction.commit()
        self.driver_transaction = None

    async def rollback(self) -> NoReturn:
        """Never: it would undo table objects and leave what text did. An error is the way out of a block."""
        raise RuntimeError("a block of a transaction is undone by an error that leaves it")

    def begin_nested(self) -> NoReturn:
        """Never: textual statements would not be inside of the savepoint."""
        raise RuntimeError("a block of a transaction has no savepoints")

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the parent has
        if name not in {"sync_session", "_proxied", "bind", "binds"}:
            raise AttributeError(name)
        if self.driver_transaction is None:
            self._connection.execution_options(isolation_level="AUTOCOMMIT")
        super().__init__(AsyncConnection(self._engine, sync_connection=self._connection), expire_on_commit=False)
        return getattr(self, name)

    async def scalar(self, statement: Any, params: Any = None, **options: Any) -> Any:  # noqa: ANN401 - as the parent
        """The first column of the first row; None without a row."""
        if options or not isinstance(statement, TextClause | TextualSelect):
            return await super().scalar(statement, params, **options)
        prepared = self._prepare(statement)
        with self.as_sqlalchemy(prepared.sql):
            return await self._driver.fetchval(prepared.sql, *prepared.values(params))

    async def scalars(self, statement: Any, params: Any = None, **options: Any) -> ScalarResult[Any]:  # noqa: ANN401
        """The first column of all rows."""
        return (await self.execute(statement, params, **options)).scalars()

    async def execute(self, statement: Any, params: Any = None, **options: Any) -> Result[Any]:  # noqa: ANN401
        """All rows that the statement answers."""
        if options or not isinstance(statement, TextClause | TextualSelect):
            answered: Result[Any] = await super().execute(statement, params, **options)
            return answered
        prepared = self._prepare(statement)
        with self.as_sqlalchemy(prepared.sql):
            return _result(await self._driver.fetch(prepared.sql, *prepared.values(params)))

    @property
    def whole(self) -> bool:
        """True when it was asked for more than text: then it has a transaction of its own, a savepoint."""
        return "sync_session" in vars(self)

    async def end(self, *, cut: bool = False) -> None:
        """The connection is back in the pool, what was not committed is undone; with `cut` it is closed instead.

        A second call does nothing.
        """
        if self._ended:
            return
        self._ended = True
        self._failure = None
        cut = cut or self._confused
        try:
            if not cut:
                await self._roll_back()
        finally:
            if cut or self._driver.is_closed() or self._driver.is_in_transaction():
                self._connection.invalidate()
            self._connection.close()

    async def _roll_back(self) -> None:
        """A connection that cannot even do that is closed by `end`."""
        with suppress(DBAPIError, *DRIVER_ERRORS):
            if self.whole:
                await super().close()
            if self.driver_transaction is not None:
                await self.driver_transaction.rollback()

    def _prepare(self, statement: TextClause | TextualSelect) -> _Prepared:
        known = _prepared.get(statement)
        if known is None:
            known = _prepared[statement] = _compile(statement, self._engine.dialect)
        return known

    @contextmanager
    def as_sqlalchemy(self, sql: str) -> Iterator[None]:
        """The driver's failures as SQLAlchemy's: callers know one tree of errors, and parameters stay hidden."""
        try:
            yield
        except asyncpg.InternalClientError as error:  # between the server's last word and the end of the connection
            self._confused = True
            self._failure = _lost(self._connection, error, sql)
            raise self._failure from error
        except DRIVER_ERRORS as error:
            self._failure = _translated(self._connection, error, sql)
            raise self._failure from error
        except asyncio.CancelledError as error:  # the server may have ended the transaction with the statement
            self._failure = error
            raise


def _lost(connection: Connection, error: Exception, sql: str) -> BaseException:
    dialect, base = connection.dialect, connection.dialect.loaded_dbapi.Error
    known = connection.dialect.loaded_dbapi.InterfaceError(str(error))
    return DBAPIError.instance(
        sql, None, known, base, hide_parameters=True, connection_invalidated=True, dialect=dialect
    )


def _translated(connection: Connection, error: Exception, sql: str) -> BaseException:
    dialect = connection.dialect
    base = dialect.loaded_dbapi.Error
    adapted: Any = connection.connection.dbapi_connection
    try:
        adapted._handle_exception(error)  # noqa: SLF001 - it always raises, and has no public name
    except base as known:
        lost = adapted.driver_connection.is_closed()
        return DBAPIError.instance(
            sql, None, known, base, hide_parameters=True, connection_invalidated=lost, dialect=dialect
        )
    except DRIVER_ERRORS as unknown:
        return unknown
    raise AssertionError("a failure of the driver is raised again")


def _compile(statement: TextClause | TextualSelect, dialect: Dialect) -> _Prepared:
    compiled = statement.compile(dialect=dialect)
    if not isinstance(compiled, SQLCompiler):
        raise TypeError("a textual statement compiles to SQL")
    binds: dict[str, Any] = dict(compiled._bind_processors)  # noqa: SLF001 - what each parameter passes on its way
    own = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
    return _Prepared(compiled.string, tuple((name, binds.get(name)) for name in compiled.positiontup or ()), own)


def _result(records: Sequence[asyncpg.Record]) -> Result[Any]:
    keys = tuple(records[0].keys()) if records else ("nothing",)
    return IteratorResult(_metadata(keys), iter([tuple(record) for record in records]))


@lru_cache(maxsize=512)
def _metadata(keys: tuple[str, ...]) -> SimpleResultMetaData:
    return SimpleResultMetaData(keys)
