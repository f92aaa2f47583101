"""CronJob, Indexed Job and chart: valid for Kubernetes, restricted, and wrong values refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from croniter import croniter  # type: ignore[import-untyped]

from tests.deploy import helm, values

DEPLOY = Path(__file__).parents[2] / "deploy"
REFERENCE = Path(__file__).with_name("reference-cronjob.yaml")
BASE: dict[str, Any] = {
    "clusterName": "prod",
    "prometheus": {"host": "prometheus.monitoring.svc"},
    "sink": {"type": "s3", "s3": {"bucket": "metrics-bucket"}},
}
ROLE = "arn:aws:iam::111122223333:role/promferry"
MATRIX: dict[str, dict[str, Any]] = {
    "defaults": {},
    "token": {"prometheus": {"auth": {"type": "token", "existingSecret": "prom"}}},
    "bearer": {"prometheus": {"auth": {"type": "bearer", "existingSecret": "prom"}}},
    "basic": {"prometheus": {"auth": {"type": "basic", "existingSecret": "prom"}}},
    "service-account": {"prometheus": {"auth": {"type": "service-account", "audience": "prom"}}},
    "irsa": {"serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": ROLE}}},
    "assume-role": {"sink": {"s3": {"roleArn": ROLE, "externalIdSecret": "aws"}}},
    "keys": {"sink": {"s3": {"credentialsSecret": "aws", "endpoint": "https://minio:9000"}}},
    "private-ca": {"prometheus": {"scheme": "https", "tls": {"ca": {"configMap": "ca"}}}},
    "private-ca-secret": {"prometheus": {"scheme": "https", "tls": {"ca": {"secret": "ca"}}}},
    "client-certificate": {"prometheus": {"scheme": "https", "tls": {"clientSecret": "me"}}},
    "new-claim": {"sink": {"type": "local", "local": {"size": "5Gi", "storageClass": "gp3"}}},
    "existing-claim": {"sink": {"type": "local", "local": {"existingClaim": "metrics"}}},
    "shared-store": {
        "prometheus": {
            "tenant": "team-a", "matchers": 'cluster="prod"', "clusterLabel": "cluster",
            "pathPrefix": "/prometheus",
        },
        "shards": 4,
    },
    "queries": {"queries": {"own.yaml": "name: own\nquery: up\n"}},
    "existing-queries": {"existingQueriesConfigMap": "own"},
    "settings": {"settings": {"timeFrame": 7200, "backfillDays": "7d", "queryDelay": "auto"},
                 "pushgatewayUrl": "http://pushgateway:9091"},
    "extras": {
        "extraEnv": [{"name": "TZ", "value": "UTC"}], "timeZone": "Etc/UTC", "suspend": True,
        "tolerations": [{"key": "batch", "operator": "Exists"}], "nodeSelector": {"a": "b"},
        "image": {"digest": "sha256:" + "0" * 64, "pullSecrets": ["registry"]},
        "podLabels": {"team": "a"}, "podAnnotations": {"a": "b"}, "priorityClassName": "low",
    },
}  # fmt: skip
REFUSED: dict[str, dict[str, Any]] = {
    "unknown key": {"clustername": "prod"},
    "unknown nested key": {"prometheus": {"hostname": "x"}},
    "no cluster": {"clusterName": ""},
    "cluster with a slash": {"clusterName": "a/b"},
    "cluster ..": {"clusterName": ".."},
    "host with a scheme": {"prometheus": {"host": "http://prometheus"}},
    "port as text": {"prometheus": {"port": "9090"}},
    "bearer without a secret": {"prometheus": {"auth": {"type": "bearer"}}},
    "secret without a method": {"prometheus": {"auth": {"existingSecret": "prom"}}},
    "secret by value": {"prometheus": {"auth": {"type": "bearer", "token": "abc"}}},
    "two authorities": {"prometheus": {"tls": {"ca": {"configMap": "a", "secret": "b"}}}},
    "no bucket": {"sink": {"s3": {"bucket": ""}}},
    "bucket as address": {"sink": {"s3": {"bucket": "s3://metrics"}}},
    "no role's ARN": {"sink": {"s3": {"roleArn": "promferry"}}},
    "no shard": {"shards": 0},
    "two sources of queries": {"queries": {"a.yaml": "x"}, "existingQueriesConfigMap": "b"},
    "definitions that are no YAML file": {"queries": {"a.txt": "x"}},
    "password in an address": {"pushgatewayUrl": "http://me:secret@gateway:9091"},
    "schedule of four fields": {"schedule": "* * * *"},
}


def merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(base)
    for key, value in more.items():
        nested = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if nested else value
    return result


def rendered(given: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    file = folder / "values.yaml"
    file.write_text(json.dumps(merged(BASE, given)))
    answer = helm.template(file)
    assert answer.returncode == 0, answer.stderr
    return [document for document in yaml.safe_load_all(answer.stdout) if document]


def only(kind: str, documents: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = (document for document in documents if document["kind"] == kind)
    return found


def job_of(document: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = document["spec"]
    return spec["jobTemplate"]["spec"] if document["kind"] == "CronJob" else spec


def environment(document: dict[str, Any]) -> dict[str, Any]:
    (container,) = job_of(document)["template"]["spec"]["containers"]
    names = [entry["name"] for entry in container["env"]]
    assert len(names) == len(set(names))
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}


def check(document: dict[str, Any]) -> None:
    """Hold one document against Kubernetes and the restricted Pod Security Standard."""
    kubernetes_validate.validate(document, "1.34", strict=True)
    assert values.faults(document) == []
    if document["kind"] not in ("CronJob", "Job"):
        return
    if document["kind"] == "CronJob":
        assert croniter.is_valid(document["spec"]["schedule"])
        assert document["spec"]["concurrencyPolicy"] == "Forbid"
        assert document["spec"]["failedJobsHistoryLimit"] <= 1
    job = job_of(document)
    assert job["activeDeadlineSeconds"] > 0
    assert job["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"] == [2]
    pod = job["template"]["spec"]
    assert pod["restartPolicy"] == "Never"  # podFailurePolicy is refused with any other
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    allowed = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
    for volume in pod["volumes"]:
        assert set(volume) - {"name"} <= allowed
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"]
    assert container["resources"]["limits"]["memory"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {
        volume["name"] for volume in pod["volumes"]
    }


@pytest.mark.parametrize("name", ["cronjob.yaml", "indexed-job.yaml"])
def test_a_manifest_to_paste_is_valid_and_restricted(name: str) -> None:
    check(yaml.safe_load((DEPLOY / name).read_text()))


def test_the_cronjob_has_the_references_environment() -> None:
    env = environment(yaml.safe_load((DEPLOY / "cronjob.yaml").read_text()))
    assert list(env) == list(environment(yaml.safe_load(REFERENCE.read_text())))
    assert env["PORT"] == "9090"


def test_the_references_cronjob_is_taken_once_its_port_has_quotes() -> None:
    """A bare number is refused by Kubernetes itself; nothing else in it is."""
    pasted = REFERENCE.read_text()
    with pytest.raises(kubernetes_validate.ValidationError, match="9090"):
        kubernetes_validate.validate(yaml.safe_load(pasted), "1.34", strict=True)
    document = yaml.safe_load(pasted.replace("value: 9090", 'value: "9090"'))
    kubernetes_validate.validate(document, "1.34", strict=True)
    assert values.faults(document) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("completionMode: Indexed", "completionMode: Index"),
        ("memory: 128Mi", "memory: 128MiB"),
        ("cpu: 100m", "cpu: 100milli"),
        ("sizeLimit: 1Gi", "sizeLimit: 1GB"),
        ("restartPolicy: Never", "restartPolicy: Always"),
        ("type: RuntimeDefault", "type: runtimeDefault"),
        ("action: FailJob", "action: Fail"),
        ("name: promferry-shards", "name: promferry_shards"),
        ("name: SHARD_INDEX", "name: SHARD INDEX"),
    ],
)
def test_a_value_that_the_schema_leaves_open_is_seen(right: str, wrong: str) -> None:
    text = (DEPLOY / "indexed-job.yaml").read_text()
    assert right in text
    assert len(values.faults(yaml.safe_load(text.replace(right, wrong, 1)))) == 1


@pytest.mark.parametrize("name", MATRIX)
def test_each_feature_of_the_chart_renders_valid_and_restricted(name: str, tmp_path: Path) -> None:
    for document in rendered(MATRIX[name], tmp_path):
        check(document)


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_values_are_refused_by_the_schema(name: str, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(json.dumps(merged(BASE, REFUSED[name])))
    answer = helm.template(file)
    assert answer.returncode != 0
    assert "schema" in answer.stderr


def test_shards_share_by_the_completion_index(tmp_path: Path) -> None:
    document = only("CronJob", rendered(MATRIX["shared-store"], tmp_path))
    job = job_of(document)
    assert (job["completionMode"], job["completions"], job["parallelism"]) == ("Indexed", 4, 4)
    env = environment(document)
    assert env["SHARD"] == "$(SHARD_INDEX)/4"
    assert list(env).index("SHARD_INDEX") < list(env).index("SHARD")
    assert env["MATCHERS"] == 'cluster="prod"'
    assert env["PROMETHEUS_X_SCOPE_ORGID"] == "team-a"


def test_secrets_come_by_reference_only(tmp_path: Path) -> None:
    for name, variable in {
        "token": "PROMETHEUS_AUTH_TOKEN", "bearer": "PROMETHEUS_BEARER_AUTH_TOKEN",
        "basic": "PROMETHEUS_PASSWORD", "assume-role": "ROLE_EXTERNAL_ID",
        "keys": "AWS_SECRET_ACCESS_KEY",
    }.items():  # fmt: skip
        env = environment(only("CronJob", rendered(MATRIX[name], tmp_path)))
        assert env[variable]["secretKeyRef"]["name"], name


def test_own_definitions_reach_the_job(tmp_path: Path) -> None:
    documents = rendered(MATRIX["queries"], tmp_path)
    assert yaml.safe_load(only("ConfigMap", documents)["data"]["own.yaml"])["query"] == "up"
    cronjob = only("CronJob", documents)
    volumes = job_of(cronjob)["template"]["spec"]["volumes"]
    assert {"name": "queries", "configMap": {"name": "nightly-promferry-queries"}} in volumes
    assert environment(cronjob)["QUERIES_DIR"] == "/etc/promferry/queries"
