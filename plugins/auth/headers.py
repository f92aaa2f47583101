"""A header that carries a credential."""

from __future__ import annotations

from collections.abc import Callable

from requests import PreparedRequest
from requests.auth import AuthBase


class Headers(AuthBase):
    """Sets headers on each request; their values are made anew each time."""

    def __init__(self, make: Callable[[], dict[str, bytes]]) -> None:
        self._make = make

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Set them."""
        for name, value in self._make().items():
            request.headers[name] = value  # type: ignore[assignment]  # bytes are sent as they are
        return request
