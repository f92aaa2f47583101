"""What a cluster is made of: nodes, pods, containers, volumes. Sizes in cores and bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import attrs

GIB = 2**30
MIB = 2**20


def uid(*parts: str) -> str:
    """Return a UUID that depends on nothing but the parts."""
    digest = hashlib.sha256("/".join(parts).encode()).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))


def hex_id(*parts: str) -> str:
    """Return a container id that depends on nothing but the parts."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()


@attrs.frozen
class Node:
    """A machine. `extended` are resources such as nvidia_com_gpu, as kube-state-metrics spells it.

    `shows_node` and `instance` are how its kubelet is scraped: with a `node` label or without,
    and under which `instance`.
    """

    name: str
    ip: str
    cores: int
    memory: int
    provider_id: str
    instance: str
    shows_node: bool
    labels: Mapping[str, str]
    extended: Mapping[str, int] = attrs.field(factory=dict)

    @property
    def system_uuid(self) -> str:
        """The machine's own UUID, which some clouds put on the bill."""
        return uid("machine", self.name)


@attrs.frozen
class Container:
    """A container's requests and limits, and what it really uses on average.

    `restarts` are the times at which it is started again under a new id; `resets` those at which
    its counters begin anew under the same id.
    """

    name: str
    image: str
    cpu: float
    memory: int
    used_cpu: float
    used_memory: int
    cpu_limit: float | None = None
    memory_limit: int | None = None
    extended: Mapping[str, int] = attrs.field(factory=dict)
    restarts: tuple[float, ...] = ()
    resets: tuple[float, ...] = ()


@attrs.frozen
class Pod:
    """A pod from `start` to `end` (Unix seconds); where it moved there is another with its name.

    `ends_as` is its phase for the rest of `lingers` seconds that the object outlives its
    containers. `claims` are its volumes, by claim name.
    """

    namespace: str
    name: str
    node: Node
    start: float
    end: float
    containers: tuple[Container, ...]
    owner: tuple[str, str]
    init: tuple[Container, ...] = ()
    labels: Mapping[str, str] = attrs.field(factory=dict)
    claims: tuple[str, ...] = ()
    host_network: bool = False
    priority_class: str = ""
    ends_as: str = "Running"
    lingers: float = 0.0
    pending: float = 0.0
    traffic: float = 20_000.0

    @property
    def uid(self) -> str:
        """The object's uid: another one after a move."""
        return uid("pod", self.namespace, self.name, str(self.start))

    @property
    def ip(self) -> str:
        """The address of the pod; its node's where it is on the host's network."""
        if self.host_network:
            return self.node.ip
        number = int(self.uid[:4], 16)
        return f"10.42.{number // 250 % 250}.{number % 250 + 1}"


@attrs.frozen
class Volume:
    """A claim and the volume bound to it; `source` are the labels that lead to the bill."""

    namespace: str
    claim: str
    volume: str
    size: int
    used: int
    node: Node
    storage_class: str
    source: Mapping[str, str]


@attrs.frozen
class LoadBalancer:
    """A Service of type LoadBalancer and its address."""

    namespace: str
    name: str
    ip: str = ""
    hostname: str = ""


@attrs.frozen
class Gpu:
    """A GPU (or a slice of one) and the pod that has it; `profiled` has the newer metrics."""

    node: Node
    number: str
    uuid: str
    model: str
    pod: Pod | None
    profiled: bool
    profile: str = ""
