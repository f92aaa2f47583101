-- The samples of files: one row each, the labels that the report knows as columns.
CREATE MACRO samples(files, cluster_label) AS TABLE
SELECT
    * EXCLUDE (sample),
    CAST(sample[1] AS DOUBLE) AS moment,
    TRY_CAST(sample[2] AS DOUBLE) AS amount
FROM (
    SELECT
        coalesce(metric->>cluster_label, '') AS cluster,
        coalesce(metric->>'namespace', '') AS namespace,
        coalesce(metric->>'pod', '') AS pod,
        coalesce(metric->>'uid', '') AS uid,
        coalesce(metric->>'container', '') AS container,
        coalesce(metric->>'node', '') AS node,
        coalesce(metric->>'phase', '') AS phase,
        unnest("values") AS sample
    FROM read_json(
        files, format = 'newline_delimited', compression = 'gzip', hive_partitioning = false,
        columns = {'metric': 'JSON', 'values': 'VARCHAR[][]'}
    )
);

-- The series of files: who owns whom.
CREATE MACRO owned(files, cluster_label, name_label) AS TABLE
SELECT DISTINCT
    coalesce(metric->>cluster_label, '') AS cluster,
    coalesce(metric->>'namespace', '') AS namespace,
    coalesce(metric->>name_label, '') AS name,
    coalesce(metric->>'owner_kind', '') AS owner_kind,
    coalesce(metric->>'owner_name', '') AS owner_name
FROM read_json(
    files, format = 'newline_delimited', compression = 'gzip', hive_partitioning = false,
    columns = {'metric': 'JSON'}
);

-- What is left of a day: a row for each pod and resource, in units and hours.
CREATE TABLE pods (
    resource VARCHAR, cluster VARCHAR, namespace VARCHAR, pod VARCHAR,
    requested DOUBLE, used DOUBLE, billed DOUBLE, wasted DOUBLE
);

-- Hours in which a resource has samples of requests, of usage, of both.
CREATE TABLE hours (
    resource VARCHAR, cluster VARCHAR, hour BIGINT, has_requests BOOLEAN, has_usage BOOLEAN
);

CREATE TABLE owners (
    day BIGINT, kind VARCHAR, cluster VARCHAR, namespace VARCHAR, name VARCHAR,
    owner_kind VARCHAR, owner_name VARCHAR
);

-- Made anew for each day.
CREATE TABLE idle (cluster VARCHAR, namespace VARCHAR, pod VARCHAR, uid VARCHAR, moment DOUBLE,
    waits BOOLEAN);
CREATE TABLE requests (
    cluster VARCHAR, namespace VARCHAR, pod VARCHAR, hour BIGINT, amount DOUBLE);
CREATE TABLE usage (
    cluster VARCHAR, namespace VARCHAR, pod VARCHAR, hour BIGINT, amount DOUBLE);
