"""One PostgreSQL and one Temporal server for the session; each test is a merchant of its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import SQLModel
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

import store.tables
from devstack.ports import free_port
from devstack.postgres import APP_ROLE, OWNER_ROLE, EmbeddedPostgres
from devstack.temporal import TemporalServer
from domain.ids import new_id
from store.database import Database
from store.schema import default_partitions
from store.secrets import SecretBox
from tests.activities.business import Business
from tests.activities.receiver import Receiver, receiving

assert store.tables.__all__  # importing it registers the tables


@pytest.fixture(scope="session")
def event_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    with server:
        yield server
        server.destroy()


@pytest.fixture
async def event_url(event_postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    name = new_id("events")
    event_postgres.create_database(name)
    owner = create_async_engine(event_postgres.url(OWNER_ROLE, name))
    async with owner.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
        for statement in default_partitions(SQLModel.metadata.sorted_tables):
            await connection.execute(text(statement))
        await connection.execute(
            text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APP_ROLE}")
        )
    await owner.dispose()
    yield event_postgres.url(APP_ROLE, name)
    event_postgres.drop_database(name)


@pytest.fixture
async def event_database(event_url: str) -> AsyncIterator[Database]:
    database = Database.connect(event_url, pool_size=30)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def event_temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    with TemporalServer(Path(tmp_path_factory.mktemp("temporal")), free_port()) as server:
        yield server


@pytest.fixture
async def event_client(event_temporal: TemporalServer) -> Client:
    return await Client.connect(event_temporal.address, data_converter=pydantic_data_converter)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def business(event_database: Database, receiver: Receiver) -> Business:
    business = Business(event_database, SecretBox(Fernet.generate_key().decode()))
    await business.sign_up()
    await business.listen(receiver.url)
    return business
