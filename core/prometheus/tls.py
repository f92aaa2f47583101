"""What an error of TLS means, whose certificate it is about, and what to set."""

from __future__ import annotations

import re

import requests

from ..errors import ConfigurationError
from ..settings import ServerSettings
from . import certificate

_UNVERIFIED = re.compile(r"certificate verify failed: ([^(\"']*(?:'[^']*')?)")
_NO_TLS = re.compile(r"WRONG_VERSION|wrong version|record layer|HTTP_REQUEST")
_MISMATCH = re.compile(r"KEY_VALUES_MISMATCH|key values mismatch")
_CLIENT = re.compile(r"alert (certificate required|bad certificate|handshake failure|unknown ca)")
_REASON = re.compile(r"SSLError\(\d+, '(?:\[[^\]]*\] )?(.*?)(?: \(_ssl|')")
_BROKEN_OFF = re.compile(r"EOF occurred|UNEXPECTED_EOF|unexpected eof", re.IGNORECASE)


def is_broken_off(error: requests.exceptions.SSLError) -> bool:
    """Whether the other side just hung up: a restart, say, and nothing that settings cure."""
    return _BROKEN_OFF.search(str(error)) is not None


def tls_error(error: requests.exceptions.SSLError, server: ServerSettings) -> ConfigurationError:
    """Return the error that says it in one line."""
    line = " ".join(str(error).split())
    host = f"{server.hostname}:{server.port}"
    if found := _UNVERIFIED.search(line):
        return _unverified(server, host, found[1].strip().rstrip("."))
    if _NO_TLS.search(line):
        return ConfigurationError(f"{host} does not speak TLS; set SCHEME=http, or another PORT")
    if _MISMATCH.search(line):
        return ConfigurationError(
            f"{str(server.client_key_file or server.client_cert_file)!r} does not hold the key of"
            f" the certificate in {str(server.client_cert_file)!r}; set"
            " PROMETHEUS_CLIENT_KEY_FILE to its key"
        )
    if _CLIENT.search(line):
        given = server.client_cert_file
        does = (
            f"refuses the certificate in {str(given)!r}" if given else "wants a client certificate"
        )
        return ConfigurationError(
            f"{host} {does}; set PROMETHEUS_CLIENT_CERT_FILE and PROMETHEUS_CLIENT_KEY_FILE to one"
            " that it takes"
        )
    reason = _REASON.search(line)
    told = reason[1] if reason else type(error).__name__
    return ConfigurationError(
        f"no TLS connection to {host}: {told}; check SCHEME, PROMETHEUS_CA_FILE,"
        " PROMETHEUS_CLIENT_CERT_FILE and PROMETHEUS_CLIENT_KEY_FILE"
    )


def _unverified(server: ServerSettings, host: str, why: str) -> ConfigurationError:
    if "match" in why.lower():
        named = certificate.names(server.hostname, server.port)
        return ConfigurationError(
            f"the certificate of {host} is not for {server.hostname!r}"
            + (f" but has {named}" if named else "")
            + "; set HOSTNAME to a name that the certificate has"
        )
    if "expired" in why or "not yet valid" in why:
        return ConfigurationError(
            f"the certificate of {host} can't be used now: {why}; renew it, or set the clock"
        )
    return ConfigurationError(
        f"the certificate of {host} is not trusted: {why}; set PROMETHEUS_CA_FILE to the"
        " authority that signed it"
    )
