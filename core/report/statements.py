"""The statements that make a report, each for one day's files of one metric.

Named parameters: `files` (paths), `label` (the cluster label or NULL), `begin` and `end` (Unix
seconds).
"""

from __future__ import annotations

from typing import Final

CLEAR: Final = "TRUNCATE idle"
CLEAR_AMOUNTS: Final = "TRUNCATE requests; TRUNCATE usage"

IDLE: Final = """
-- Pods that hold nothing: they are over, or wait for a node (then their requests show none).
INSERT INTO idle
SELECT cluster, namespace, pod, uid, moment, bool_and(phase = 'Pending') AS waits
FROM samples($files, $label)
WHERE amount = 1
GROUP BY ALL
HAVING bool_and(phase IN ('Succeeded', 'Failed')) OR bool_and(phase = 'Pending')
"""

REQUESTS: Final = """
-- A pod that was made anew has two uids in one step, one that got its node two nodes: the larger
-- counts. Hours without a request that holds anything stay, without an amount: there were samples.
INSERT INTO requests
WITH containers AS (
    SELECT
        cluster, namespace, pod, container, moment,
        max(amount) FILTER (WHERE idle.pod IS NULL OR (idle.waits AND node <> '')) AS amount
    FROM samples($files, $label)
    LEFT JOIN idle USING (cluster, namespace, pod, uid, moment)
    WHERE isfinite(amount) AND moment >= $begin AND moment < $end
    GROUP BY ALL
),
pods_then AS (
    SELECT cluster, namespace, pod, moment, sum(amount) AS amount FROM containers GROUP BY ALL
)
SELECT cluster, namespace, pod, CAST(floor(moment / 3600) AS BIGINT) * 3600, max(amount)
FROM pods_then
GROUP BY ALL
"""

_USAGE = """
INSERT INTO usage
WITH containers AS (
    SELECT cluster, namespace, pod, container, moment, {over_nodes}(amount) AS amount
    FROM samples($files, $label)
    WHERE isfinite(amount) AND moment >= $begin AND moment < $end
    GROUP BY ALL
),
pods_then AS (
    SELECT cluster, namespace, pod, moment, sum(amount) AS amount FROM containers GROUP BY ALL
)
SELECT cluster, namespace, pod, CAST(floor(moment / 3600) AS BIGINT) * 3600, max(amount)
FROM pods_then
GROUP BY ALL
"""

# A pod that moved within a step has a series for each node: of an average over the step each has
# its part, of the largest value the larger is the one.
CPU_USAGE: Final = _USAGE.format(over_nodes="sum")
MEMORY_USAGE: Final = _USAGE.format(over_nodes="max")

HOURS: Final = """
INSERT INTO hours
SELECT
    $resource, cluster, hour, asked.hour IS NOT NULL, used.hour IS NOT NULL
FROM (SELECT DISTINCT cluster, hour FROM requests) AS asked
FULL JOIN (SELECT DISTINCT cluster, hour FROM usage) AS used USING (cluster, hour)
"""

PODS: Final = """
-- An hour in which one of the two was not exported says nothing of waste: it is left out.
INSERT INTO pods
WITH pod_hours AS (
    SELECT
        cluster, namespace, pod, hour,
        coalesce(requests.amount, 0) AS requested, coalesce(usage.amount, 0) AS used
    FROM requests FULL JOIN usage USING (cluster, namespace, pod, hour)
    WHERE requests.amount IS NOT NULL OR usage.amount IS NOT NULL
)
SELECT
    $resource, cluster, namespace, pod,
    fsum(requested), fsum(used), fsum(greatest(requested, used)),
    fsum(greatest(requested - used, 0))
FROM pod_hours
SEMI JOIN (
    SELECT cluster, hour FROM hours WHERE resource = $resource AND has_requests AND has_usage
) USING (cluster, hour)
GROUP BY ALL
"""

OWNERS: Final = """
INSERT INTO owners
SELECT $day, $kind, * FROM owned($files, $label, $name_label)
WHERE owner_kind NOT IN ('', '<none>')
"""

ROWS: Final = """
-- The owner that was known last; a ReplicaSet's and a Job's own owner in its place.
WITH last_owners AS (
    SELECT * FROM owners
    QUALIFY row_number() OVER (
        PARTITION BY kind, cluster, namespace, name ORDER BY day DESC, owner_kind, owner_name
    ) = 1
),
workloads AS (
    SELECT
        pod.cluster, pod.namespace, pod.name AS pod,
        coalesce(above.owner_kind, pod.owner_kind) AS kind,
        coalesce(above.owner_name, pod.owner_name) AS name
    FROM last_owners AS pod
    LEFT JOIN last_owners AS above ON above.kind = pod.owner_kind
        AND above.cluster = pod.cluster AND above.namespace = pod.namespace
        AND above.name = pod.owner_name
    WHERE pod.kind = 'Pod'
)
SELECT
    cluster, namespace,
    CASE WHEN $by_workload THEN coalesce(kind, 'Pod') ELSE '' END AS kind,
    CASE WHEN $by_workload THEN coalesce(name, pod) ELSE '' END AS name,
    count(DISTINCT pod),
    coalesce(fsum(requested) FILTER (WHERE resource = 'cpu'), 0),
    coalesce(fsum(used) FILTER (WHERE resource = 'cpu'), 0),
    coalesce(fsum(billed) FILTER (WHERE resource = 'cpu'), 0),
    coalesce(fsum(wasted) FILTER (WHERE resource = 'cpu'), 0),
    coalesce(fsum(requested) FILTER (WHERE resource = 'memory'), 0),
    coalesce(fsum(used) FILTER (WHERE resource = 'memory'), 0),
    coalesce(fsum(billed) FILTER (WHERE resource = 'memory'), 0),
    coalesce(fsum(wasted) FILTER (WHERE resource = 'memory'), 0)
FROM pods LEFT JOIN workloads USING (cluster, namespace, pod)
GROUP BY 1, 2, 3, 4
"""

MISSING: Final = """
SELECT
    resource, cluster,
    count(*) FILTER (WHERE NOT has_requests), count(*) FILTER (WHERE NOT has_usage),
    count(*) FILTER (WHERE has_requests AND has_usage)
FROM hours GROUP BY ALL ORDER BY ALL
"""

SPAN: Final = """
SELECT min(hour), max(hour) + 3600 FROM hours WHERE has_requests AND has_usage
"""
