"""A day of history of a made-up cluster, and what an undisturbed export of it holds."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest

from tests.faults.chaos import staged
from tests.servers.prometheus import Prometheus


@attrs.frozen
class Undisturbed:
    """The server, and every object of its export by key."""

    server: Prometheus
    reference: dict[str, bytes]


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Undisturbed]:
    """Give it; write nothing into the server."""
    with staged(tmp_path_factory.mktemp("undisturbed")) as (server, reference):
        yield Undisturbed(server, reference)
