"""What Kubernetes' published schema leaves open and its API server refuses.

Enumerations, quantities and names are plain strings in the schema. This is the second check of a
manifest, beside the one against the schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_SIGNED = r"[+-]?(\d+(\.\d*)?|\.\d+)"
_QUANTITY = re.compile(rf"{_SIGNED}([KMGTPE]i|[numkMGTPE]|[eE]{_SIGNED})?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
CLOSED = {
    "concurrencyPolicy": {"Allow", "Forbid", "Replace"},
    "completionMode": {"Indexed", "NonIndexed"},
    "restartPolicy": {"Never", "OnFailure"},  # of a Job's pods
    "imagePullPolicy": {"Always", "IfNotPresent", "Never"},
    "seccompProfile/type": {"Localhost", "RuntimeDefault", "Unconfined"},
    "onExitCodes/operator": {"In", "NotIn"},
    "onPodConditions/status": {"False", "True", "Unknown"},
    "rules/action": {"Count", "FailIndex", "FailJob", "Ignore"},
    "tolerations/operator": {"Equal", "Exists"},
    "accessModes": {"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"},
}
_PATTERNS = {
    "requests/": _QUANTITY, "limits/": _QUANTITY, "sizeLimit": _QUANTITY,
    "metadata/name": _NAME, "containers/name": _NAME, "volumes/name": _NAME,
    "volumeMounts/name": _NAME, "secretKeyRef/name": _NAME, "configMap/name": _NAME,
    "env/name": _VARIABLE, "labels/": _LABEL,
}  # fmt: skip


def faults(document: dict[str, Any]) -> list[str]:
    """Return what the API server would refuse: the place and the value."""
    return [
        f"{path}: {value!r}"
        for path, value in _leaves(document, "")
        if any(_is(path, key) and value not in taken for key, taken in CLOSED.items())
        or any(
            _is(path, key) and not pattern.fullmatch(str(value))
            for key, pattern in _PATTERNS.items()
        )
    ]


def _is(path: str, key: str) -> bool:
    """Whether a path ends in a key; a key that ends in a slash means everything below it."""
    if key.endswith("/"):
        return f"/{key}" in path
    return path.endswith(f"/{key}")


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield every plain value with its path; an item of a list has the path of the list."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, f"{path}/{key}")
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each, path)
    else:
        yield path, value
