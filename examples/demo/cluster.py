"""A small cluster with everything in it that has ever made a cost report wrong."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from .objects import GIB, MIB, Container, Gpu, LoadBalancer, Node, Pod, Volume, hex_id

HOUR = 3600.0
MADE_UP = (
    '},{"metric":{"x":"y"},"values":[[1,"2"]]}',
    'say "cheese"',
    r"C:\temp\n",
    "two\nlines",
    "Größe 東京 🚢",
    "<a&b>",
)
"""Label values that a careless writer or reader of JSON trips over."""

_WORKERS = (
    Node(
        "worker-1", "10.0.1.11", 4, 16 * GIB, "aws:///eu-central-1a/i-0a1b2c3d4e5f60001",
        instance="10.0.1.11:10250", shows_node=True,
        labels={"label_topology_kubernetes_io_zone": "eu-central-1a",
                "label_node_kubernetes_io_instance_type": "m6i.xlarge"},
    ),
    Node(
        "worker-2", "10.0.2.12", 8, 32 * GIB, "aws:///eu-central-1b/i-0a1b2c3d4e5f60002",
        instance="worker-2", shows_node=False,
        labels={"label_topology_kubernetes_io_zone": "eu-central-1b",
                "label_node_kubernetes_io_instance_type": "m6i.2xlarge"},
    ),
    Node(
        "worker-3", "10.0.3.13", 12, 96 * GIB, "aws:///eu-central-1c/i-0a1b2c3d4e5f60003",
        instance="10.0.3.13:10250", shows_node=False,
        labels={"label_topology_kubernetes_io_zone": "eu-central-1c",
                "label_node_kubernetes_io_instance_type": "p4d.24xlarge"},
        extended={"nvidia_com_gpu": 2, "nvidia_com_mig_1g_5gb": 7},
    ),
)  # fmt: skip


@attrs.frozen
class Cluster:
    """Nodes and pods between `start` and `end`, Unix seconds; the same for the same arguments.

    What is special about it has a name: `moved` (a StatefulSet's pod that changed its node),
    `short` (a pod that lived two minutes, between two steps), `restarted` (a container under a new
    id), `reset` (counters that begin anew under the same id). At `restarts_at`
    kube-state-metrics itself came back as another pod; a second one ran during `doubled`.
    """

    start: int
    end: int
    scrape_interval: int = 60
    seed: int = 7

    def __attrs_post_init__(self) -> None:
        if self.end - self.start < HOUR:
            raise ValueError("a cluster needs at least an hour to show what can happen in it")

    def at(self, share: float) -> float:
        """Return the scrape nearest below that share of the whole time."""
        offset = (self.end - self.start) * share
        return self.start + offset // self.scrape_interval * self.scrape_interval

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The three nodes: `node` label, `instance` that is a name, `instance` with a port."""
        return _WORKERS

    @property
    def restarts_at(self) -> float:
        """When kube-state-metrics came back as another pod."""
        return self.at(0.5)

    @property
    def doubled(self) -> tuple[float, float]:
        """From when to when a second kube-state-metrics was scraped too."""
        return self.at(0.3), self.at(0.6)

    @property
    def moved(self) -> tuple[Pod, Pod]:
        """The StatefulSet's pod before and after it changed its node."""
        when = self.at(0.45)
        before = self._database(0, _WORKERS[0], self.start, when)
        return before, self._database(0, _WORKERS[1], when + 60, self.end)

    @property
    def short(self) -> Pod:
        """The pod that lived two minutes and a bit, away from every fifth minute."""
        fifth = self.at(0.55) // 300 * 300
        return Pod(
            "batch", "short-lived", _WORKERS[1], fifth + 65, fifth + 205,
            (Container("task", "registry.example/task:1", 1.5, GIB, 1.2, 700 * MIB),),
            ("Job", "one-off"), ends_as="Succeeded",
        )  # fmt: skip

    @property
    def restarted(self) -> Pod:
        """The pod with a container that restarted twice and another one that did not."""
        times = (self.at(0.25), self.at(0.7))
        return Pod(
            "shop", "crashing-7c9d6b5f4-x2x4z", _WORKERS[0], self.start, self.end,
            (
                Container("app", "registry.example/app:2", 0.25, 256 * MIB, 0.31, 300 * MIB,
                          cpu_limit=0.5, memory_limit=512 * MIB, restarts=times),
                Container("proxy", "registry.example/proxy:1", 0.1, 64 * MIB, 0.02, 40 * MIB),
            ),
            ("ReplicaSet", "crashing-7c9d6b5f4"), labels={"label_app": "crashing"},
        )  # fmt: skip

    @property
    def reset(self) -> Pod:
        """The pod whose container's counters begin anew under the same id."""
        return Pod(
            "shop", "cache-0", _WORKERS[2], self.start, self.end,
            (
                Container("redis", "registry.example/redis:7", 0.5, 2 * GIB, 0.15, int(1.4 * GIB),
                          resets=(self.at(0.4),)),
            ),
            ("StatefulSet", "cache"), labels={"label_app": "cache"}, claims=("data-cache-0",),
        )  # fmt: skip

    @property
    def pods(self) -> tuple[Pod, ...]:
        """Every pod that ever ran."""
        return (
            *self.moved, self._database(1, _WORKERS[1], self.start, self.end),
            self.short, self.restarted, self.reset,
            *self._web(), *self._host_pods(), *self._backups(), *self._gpu_pods(), self._waiting(),
        )  # fmt: skip

    @property
    def replicasets(self) -> dict[tuple[str, str], str]:
        """Deployment by (namespace, ReplicaSet)."""
        pods = (pod for pod in self.pods if pod.owner[0] == "ReplicaSet")
        return {(p.namespace, p.owner[1]): p.owner[1].rpartition("-")[0] for p in pods}

    @property
    def jobs(self) -> dict[tuple[str, str], str]:
        """CronJob by (namespace, Job); "" where a person made the job."""
        pods = (pod for pod in self.pods if pod.owner[0] == "Job")
        return {
            (p.namespace, p.owner[1]): "backup" if p.owner[1].startswith("backup-") else ""
            for p in pods
        }

    @property
    def namespaces(self) -> dict[str, dict[str, str]]:
        """Labels by namespace; those of `shop` are the ones that readers trip over."""
        names = sorted({pod.namespace for pod in self.pods})
        found = {name: {"label_kubernetes_io_metadata_name": name} for name in names}
        found["shop"] |= {f"label_note_{n}": value for n, value in enumerate(MADE_UP)}
        return found

    @property
    def volumes(self) -> tuple[Volume, ...]:
        """Claims of the database and the cache, each with a volume of another kind."""
        ebs = {"csi_driver": "ebs.csi.aws.com", "csi_volume_handle": "vol-0123456789abcdef0"}
        other = {"csi_driver": "ebs.csi.aws.com", "csi_volume_handle": "vol-0123456789abcdef1"}
        old = {"ebs_volume_id": "aws://eu-central-1c/vol-0123456789abcdef2"}
        return (
            Volume("data", "data-db-0", "pvc-1", 50 * GIB, 31 * GIB, _WORKERS[1], "gp3", ebs),
            Volume("data", "data-db-1", "pvc-2", 50 * GIB, 12 * GIB, _WORKERS[1], "gp3", other),
            Volume("shop", "data-cache-0", "pvc-3", 10 * GIB, 2 * GIB, _WORKERS[2], "gp2", old),
        )

    @property
    def load_balancers(self) -> tuple[LoadBalancer, ...]:
        """One with a host name, one with an address."""
        return (
            LoadBalancer("shop", "web", hostname="a1b2.eu-central-1.elb.amazonaws.com"),
            LoadBalancer("data", "db-public", ip="203.0.113.7"),
        )

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        """A whole GPU in use, one that only has the older metrics, and a slice."""
        train, infer = self._gpu_pods()
        model = "NVIDIA A100-SXM4-40GB"
        node = _WORKERS[2]
        ids = [f"GPU-{hex_id('gpu', str(number))[:32]}" for number in range(3)]
        return (
            Gpu(node, "0", ids[0], model, train, profiled=True),
            Gpu(node, "1", ids[1], "Tesla T4", None, profiled=False),
            Gpu(node, "2", ids[2], model, infer, profiled=True, profile="1g.5gb"),
        )

    def _database(self, number: int, node: Node, start: float, end: float) -> Pod:
        return Pod(
            "data", f"db-{number}", node, start, end,
            (
                Container("postgres", "registry.example/postgres:16", 1.0, 4 * GIB,
                          0.6, 3 * GIB, memory_limit=6 * GIB),
                Container("exporter", "registry.example/pg-exporter:1", 0.05, 64 * MIB,
                          0.01, 30 * MIB),
            ),
            ("StatefulSet", "db"), labels={"label_app": "db"}, claims=(f"data-db-{number}",),
            priority_class="important", pending=30, traffic=90_000,
        )  # fmt: skip

    def _web(self) -> Iterator[Pod]:
        """Yield a Deployment that was rolled out anew; its pods have an init container."""
        rollout = self.at(0.65)
        for generation, (start, end) in enumerate(((self.start, rollout), (rollout, self.end))):
            replicaset = ("web-6f7d8c9b5", "web-84c5d6f7b")[generation]
            for number, suffix in enumerate(("aaaaa", "bbbbb", "ccccc", "ddddd")):
                yield Pod(
                    "shop", f"{replicaset}-{suffix}", _WORKERS[number % 3], start, end,
                    (
                        Container("web", f"registry.example/web:{generation + 1}", 0.5, 512 * MIB,
                                  0.2 + 0.05 * number, 400 * MIB, cpu_limit=1.0,
                                  memory_limit=GIB),
                        Container("sidecar", "registry.example/mesh:1", 0.1, 128 * MIB,
                                  0.03, 90 * MIB),
                    ),
                    ("ReplicaSet", replicaset),
                    init=(Container("migrate", "registry.example/web:1", 1.0, GIB, 0.0, 0),),
                    labels={"label_app": "web", "label_team": MADE_UP[number]},
                    traffic=200_000,
                )  # fmt: skip

    def _host_pods(self) -> Iterator[Pod]:
        """Yield a DaemonSet's pods on the hosts' network, without any request."""
        for node in _WORKERS:
            yield Pod(
                "kube-system", f"agent-{node.name}", node, self.start, self.end,
                (Container("agent", "registry.example/agent:3", 0.0, 0, 0.04, 80 * MIB),),
                ("DaemonSet", "agent"), host_network=True, traffic=400_000,
                priority_class="system-node-critical",
            )  # fmt: skip

    def _backups(self) -> Iterator[Pod]:
        """Yield a CronJob's pods: every six hours, each for twelve minutes."""
        period = 6 * HOUR
        start = self.start // period * period + period
        while start < self.end - HOUR / 2:
            job = f"backup-{int(start // 60)}"
            yield Pod(
                "batch", f"{job}-pqrst", _WORKERS[0], start, start + 720,
                (Container("backup", "registry.example/backup:1", 0.2, 256 * MIB,
                           0.8, 200 * MIB),),
                ("Job", job), ends_as="Succeeded", lingers=1800, traffic=1_000_000,
            )  # fmt: skip
            start += period

    def _gpu_pods(self) -> tuple[Pod, Pod]:
        train = Pod(
            "ml", "train-0", _WORKERS[2], self.at(0.1), self.at(0.9),
            (Container("train", "registry.example/train:1", 4.0, 32 * GIB, 3.1, 20 * GIB,
                       extended={"nvidia_com_gpu": 1}),),
            ("Job", "train"), ends_as="Failed", lingers=600,
        )  # fmt: skip
        infer = Pod(
            "ml", "infer-5d4c3b2a1-abcde", _WORKERS[2], self.start, self.end,
            (Container("server", "registry.example/infer:1", 1.0, 8 * GIB, 0.4, 6 * GIB,
                       extended={"nvidia_com_mig_1g_5gb": 1}),),
            ("ReplicaSet", "infer-5d4c3b2a1"),
        )  # fmt: skip
        return train, infer

    def _waiting(self) -> Pod:
        """Return a pod that no node has room for: it requests, and never runs."""
        nowhere = Node("", "", 0, 0, "", instance="", shows_node=False, labels={})
        return Pod(
            "ml", "too-big", nowhere, self.at(0.8), self.end,
            (Container("train", "registry.example/train:1", 64.0, 512 * GIB, 0.0, 0),),
            ("Job", "too-big"), pending=float("inf"),
        )  # fmt: skip
