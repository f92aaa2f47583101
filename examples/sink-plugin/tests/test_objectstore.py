"""The sink through promferry's test kit, on stores that need no cloud."""

from __future__ import annotations

from pathlib import Path

import pytest
from promferry_objectstore.settings import ObjectstoreSettings
from promferry_objectstore.sink import ObjectstoreSink

from promferry.core.environ import read
from promferry.core.errors import ConfigurationError
from promferry.core.testing import MakeSink, SinkPromises


class TestInMemory(SinkPromises):
    """A store with every condition, as Azure and Google have them."""

    @pytest.fixture
    def make_sink(self) -> MakeSink:
        """Give sinks that share one store."""
        first = ObjectstoreSink.at("memory:///")
        return lambda: ObjectstoreSink(first._store, "memory:///")  # noqa: SLF001


class TestInAFolder(SinkPromises):
    """A store that can't put on the condition of a version."""

    conditional = False

    @pytest.fixture
    def make_sink(self, tmp_path: Path) -> MakeSink:
        """Give sinks on one folder."""
        return lambda: ObjectstoreSink.at(f"file://{tmp_path}/deeper")


@pytest.mark.parametrize("url", ["ftp://x/y", "az://", "az:///path", "s3://b/p?x=1", "x"])
def test_an_address_that_is_none_is_refused_with_what_is_accepted(url: str) -> None:
    """Before anything is opened, together with all other problems of the settings."""
    with pytest.raises(ConfigurationError, match=r"OBJECTSTORE_URL.*accepted: an address such as"):
        read(ObjectstoreSettings, {"OBJECTSTORE_URL": url})


def test_a_store_that_can_not_be_opened_is_a_line_that_names_the_variable() -> None:
    """Here a path below a file."""
    with pytest.raises(ConfigurationError, match="OBJECTSTORE_URL='file:///dev/null/x'"):
        ObjectstoreSink.at("file:///dev/null/x")
