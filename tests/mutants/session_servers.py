"""A pytest plugin of the children: the servers that the session has started, without anything else of the suite."""

import pytest

from tests.support.servers import Addresses


@pytest.fixture(scope="session")
def addresses() -> Addresses:
    """Found in the environment."""
    found = Addresses.found()
    assert found is not None
    return found
