"""What the sink is told."""

from __future__ import annotations

from urllib.parse import urlsplit

import attrs

from promferry.core.environ import var

SCHEMES = ("az", "abfs", "abfss", "gs", "s3", "file", "memory")


def _url(text: str) -> str:
    found = urlsplit(text)
    if found.scheme not in SCHEMES or found.query or found.fragment:
        raise ValueError
    if found.scheme not in ("file", "memory") and not found.netloc:
        raise ValueError("the container or bucket is missing")
    return text.rstrip("/") if found.path.strip("/") else text


@attrs.frozen
class ObjectstoreSettings:
    """Where the objects go."""

    url: str = var(
        "OBJECTSTORE_URL", _url, accepts="an address such as az://CONTAINER/PREFIX",
        help="The store and the prefix: az://, gs://, s3://, file:// or memory://.",
    )  # fmt: skip
