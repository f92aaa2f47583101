"""Fetching a token, and fetching another one in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote_plus

import requests
from promferry.core.errors import ConfigurationError, UnavailableError
from requests.auth import AuthBase, HTTPBasicAuth

from .settings import OAuth2Settings

_TIMEOUT: Final = 10  # seconds
_UNSTATED: Final = 300  # seconds that a token is used whose end the server does not say
_RENEW_AT: Final = 0.9  # of its time


class TokenSource:
    """Gives a token that is good now. `now` tells the time, Unix seconds."""

    def __init__(self, settings: OAuth2Settings, now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        self._token = ""
        self._until = 0.0

    def token(self) -> str:
        """Return the token, a new one where the old one is about to end."""
        now = self._now()
        if now >= self._until:
            found = self._fetch()
            try:
                lasts = float(found.get("expires_in", _UNSTATED))
            except (TypeError, ValueError):
                lasts = _UNSTATED
            self._token, self._until = str(found["access_token"]), now + lasts * _RENEW_AT
        return self._token

    def _fetch(self) -> dict[str, Any]:
        settings = self._settings
        secret = settings.client_secret.reveal()  # read anew: it may have been rotated
        form = {"grant_type": "client_credentials"}
        if settings.scope:
            form["scope"] = settings.scope
        try:
            answer = requests.post(
                settings.token_url,
                data=form,
                auth=HTTPBasicAuth(quote_plus(settings.client_id), quote_plus(secret)),
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise UnavailableError(
                f"{settings.token_url} gives no token: {type(error).__name__}; check"
                " OAUTH2_TOKEN_URL"
            ) from None
        return self._judged(answer, secret)

    def _judged(self, answer: requests.Response, secret: str) -> dict[str, Any]:
        try:
            found = answer.json()
        except ValueError:
            found = {}
        if not isinstance(found, dict):
            found = {}
        if answer.ok and found.get("access_token"):
            return found
        said = f"{found.get('error', '')} {found.get('error_description', '')}".strip()
        said = " ".join(said.replace(secret, "***").split())[:200]
        line = f"{self._settings.token_url} gives no token: HTTP {answer.status_code}"
        line += f" ({said})" if said else ""
        if answer.status_code >= 500 or answer.status_code == 429:  # noqa: PLR2004
            raise UnavailableError(line)
        raise ConfigurationError(
            f"{line}; check OAUTH2_TOKEN_URL, OAUTH2_CLIENT_ID and"
            f" {self._settings.client_secret.variable}"
        )


class OAuth2(AuthBase):
    """Sends the token of the moment."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the header; promferry calls this for every request."""
        request.headers["Authorization"] = f"Bearer {self._source.token()}"
        return request
