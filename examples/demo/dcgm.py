"""What NVIDIA's exporter says of the GPUs, scraped without `honorLabels`."""

from __future__ import annotations

from collections.abc import Iterator

from .cluster import Cluster
from .objects import Gpu
from .series import Labels, Load, Samples, Scrapes, Series

_MIB_USED = 21_000.0


def dcgm(cluster: Cluster) -> Iterator[Series]:
    """Yield the GPUs' series; the pod that has the GPU arrives as `exported_pod` and so on."""
    scrapes = Scrapes(cluster.start, cluster.end, cluster.scrape_interval, 43.0)
    for gpu in cluster.gpus:
        used = (gpu.pod.start, gpu.pod.end) if gpu.pod else (cluster.start, cluster.end)
        times = scrapes.times(*used)
        busy = Load(0.55 if gpu.pod else 0.01, f"{cluster.seed}/{gpu.uuid}").level(times)
        active: Samples = [(t, round(min(1.0, v), 6)) for t, v in zip(times, busy, strict=True)]
        labels = _labels(gpu)
        if gpu.profiled:
            yield Series("DCGM_FI_PROF_GR_ENGINE_ACTIVE", labels, active)
        if not gpu.profile:  # slices have no utilization of the older kind
            percent: Samples = [(t, int(v * 100)) for t, v in active]
            yield Series("DCGM_FI_DEV_GPU_UTIL", labels, percent)
        memory = Load(_MIB_USED if gpu.pod else 3.0, f"{cluster.seed}/{gpu.uuid}/fb")
        yield Series("DCGM_FI_DEV_FB_USED", labels, memory.gauge(times))


def _labels(gpu: Gpu) -> Labels:
    labels = {
        "job": "nvidia-dcgm-exporter", "instance": "10.42.3.30:9400", "endpoint": "gpu-metrics",
        "service": "nvidia-dcgm-exporter", "namespace": "gpu-operator",
        "pod": "nvidia-dcgm-exporter-k9k9k", "container": "nvidia-dcgm-exporter",
        "gpu": gpu.number, "UUID": gpu.uuid, "device": f"nvidia{gpu.number}",
        "modelName": gpu.model, "Hostname": gpu.node.name,
        "DCGM_FI_DRIVER_VERSION": "550.90.07",
    }  # fmt: skip
    if gpu.profile:
        labels |= {"GPU_I_PROFILE": gpu.profile, "GPU_I_ID": "7"}
    if gpu.pod:
        labels |= {
            "exported_namespace": gpu.pod.namespace, "exported_pod": gpu.pod.name,
            "exported_container": gpu.pod.containers[0].name,
        }  # fmt: skip
    return labels
