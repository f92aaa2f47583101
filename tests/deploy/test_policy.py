"""`promferry policy`: the reference's policy, all that the job needs, and nothing more."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from click.testing import CliRunner

from examples.demo.cluster import Cluster
from promferry.core import policy
from promferry.core.commands.policy import command
from promferry.core.errors import ConfigurationError
from promferry.core.setup import Setup
from tests.faults import proof
from tests.servers.prometheus import Prometheus
from tests.servers.s3 import Credentials, LikeAws, Ministack

AWS = Path(__file__).parents[2] / "deploy/aws"
BUCKET = "metrics-bucket"
PREFIX = "k8s/prometheus"
REFERENCE = [
    {
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": "arn:aws:s3:::metrics-bucket",
        "Condition": {
            "StringEquals": {"s3:delimiter": "/"},
            "StringLike": {"s3:prefix": "k8s/prometheus*"},
        },
    },
    {
        "Effect": "Allow",
        "Action": ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"],
        "Resource": "arn:aws:s3:::metrics-bucket/k8s/prometheus/*",
    },
]


def printed(*arguments: str, **environ: str) -> Any:
    result = CliRunner().invoke(command, arguments, obj=Setup(environ), catch_exceptions=False)
    return json.loads(result.stdout)


def test_the_writer_policy_is_the_references_in_meaning() -> None:
    document = printed("writer", S3_BUCKET=BUCKET, S3_PREFIX=PREFIX)
    for statement in document["Statement"]:
        statement.pop("Sid")
    assert document["Statement"] == REFERENCE


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("writer-policy", ["writer", "--bucket", "example-bucket", "--prefix", PREFIX]),
        ("reader-policy", ["reader", "--bucket", "example-bucket", "--prefix", PREFIX]),
        ("writer-trust-irsa", [
            "trust-irsa", "--account", "111122223333", "--namespace", "monitoring",
            "--provider", "https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE"]),
        ("writer-trust-cross-account", [
            "trust-role", "--principal", "arn:aws:iam::111122223333:role/promferry",
            "--external-id", "example-id"]),
        ("reader-trust", ["trust-role", "--principal", "arn:aws:iam::444455556666:root",
                          "--external-id", "example-id"]),
        ("assume-policy", ["assume", "--role", "arn:aws:iam::444455556666:role/metrics-writer"]),
    ],
)  # fmt: skip
def test_the_files_to_paste_are_what_the_command_prints(name: str, arguments: list[str]) -> None:
    assert printed(*arguments) == json.loads((AWS / f"{name}.json").read_text())


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: policy.writer("s3://bucket"),
        lambda: policy.writer(BUCKET, "k8s/*"),
        lambda: policy.writer(BUCKET, "${aws:username}"),
        lambda: policy.trust_irsa("1", "oidc.example", "a", "b"),
        lambda: policy.trust_irsa("111122223333", "oidc.example", "*", "b"),
        lambda: policy.trust_role("*"),
        lambda: policy.assume("arn:aws:iam::111122223333:root"),
    ],
)
def test_what_would_widen_a_policy_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError, match="accepted"):
        wrong()


OTHER = "secret/a"
OBJECT = f"{PREFIX}/prod/a"
WRITES_OF_ONE_OBJECT = {
    "CompleteMultipartUpload", "CopyObject", "CreateMultipartUpload", "DeleteObject",
    "DeleteObjects", "PutObject", "UploadPart", "UploadPartCopy",
}  # fmt: skip
"""What the SDK calls the forms of `s3:PutObject` and `s3:DeleteObject`."""
MORE_OF_ONE_OBJECT = {
    "AbortMultipartUpload", "DeleteObjectTagging", "GetObjectAcl", "GetObjectLegalHold",
    "GetObjectRetention", "GetObjectTagging", "ListParts", "PutObjectAcl", "PutObjectLegalHold",
    "PutObjectRetention", "PutObjectTagging", "RestoreObject",
}  # fmt: skip
ELSEWHERE = {"CreateSession", "ListDirectoryBuckets", "WriteGetObjectResponse"}
"""Calls that go to another address than the bucket's."""


@contextmanager
def clients(store: Ministack, keys: Credentials) -> Iterator[Callable[[str], Any]]:
    """Give clients of a store with somebody's keys; close them."""
    made: list[Any] = []

    def client(service: str = "s3") -> Any:
        made.append(store.client(service, keys))
        return made[-1]

    try:
        yield client
    finally:
        for each in made:
            each.close()


def denied(call: Callable[..., Any], **arguments: Any) -> bool:
    """Return whether a call is forbidden; that something is missing is another answer."""
    try:
        call(**arguments)
    except ClientError as error:
        return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] == 403)
    return False


def filled(shape: Any, known: Mapping[str, str], name: str = "") -> Any:
    """Return an argument of that shape, with no more in it than it has to have."""
    if shape.type_name == "structure":
        members = list(shape.required_members)
        if getattr(shape, "is_tagged_union", False):
            members = list(shape.members)[:1]
        return {each: filled(shape.members[each], known, each) for each in members}
    if shape.type_name == "list":
        return [filled(shape.member, known)]
    if shape.type_name == "string":
        shortest = "x" * shape.metadata.get("min", 1)
        return known.get(name) or (shape.enum[0] if shape.enum else shortest)
    return {"map": {}, "boolean": True, "blob": b"x", "timestamp": "2026-01-01"}.get(
        shape.type_name, 1
    )


def allowed(
    s3: Any, bucket: str, key: str, only: Callable[[str], bool] = lambda _: True
) -> set[str]:
    """Try every operation that the SDK knows and return those that were not forbidden."""
    known = {"Bucket": bucket, "Key": key, "CopySource": f"{bucket}/{key}"}
    found = set()
    for name in s3.meta.service_model.operation_names:
        if name in ELSEWHERE or not only(name):
            continue
        shape = s3.meta.service_model.operation_model(name).input_shape
        arguments = filled(shape, known) if shape else {}
        if not denied(getattr(s3, xform_name(name)), **arguments):
            found.add(name)
    return found


def is_about_the_bucket(s3: Any) -> Callable[[str], bool]:
    model = s3.meta.service_model
    return lambda name: "{Key" not in model.operation_model(name).http["requestUri"]


def test_an_enforcing_store_denies_the_writer_everything_else(ministack: Ministack) -> None:
    """Every operation of the SDK on another key, on the bucket and on another bucket."""
    bucket, other = ministack.make_bucket(), ministack.make_bucket()
    keys = ministack.make_user(printed("writer", "--bucket", bucket, "--prefix", PREFIX))
    with clients(ministack, ministack.root) as root, clients(ministack, keys) as own:
        for key in (OBJECT, OTHER, f"{PREFIX}-other/a"):
            root("s3").put_object(Bucket=bucket, Key=key, Body=b"x")
        root("s3").put_object(Bucket=other, Key=OBJECT, Body=b"x")
        s3 = own("s3")
        assert allowed(s3, bucket, OTHER) == set()
        assert allowed(s3, bucket, f"{PREFIX}-other/a") == set()
        assert allowed(s3, other, OBJECT) == set()
        assert allowed(s3, bucket, OBJECT, is_about_the_bucket(s3)) <= WRITES_OF_ONE_OBJECT
        assert allowed(s3, bucket, OBJECT, MORE_OF_ONE_OBJECT.__contains__) == set()

        listing = {"Bucket": bucket, "Delimiter": "/", "Prefix": f"{PREFIX}/"}
        assert not denied(s3.list_objects_v2, **listing)
        for change in ({"Prefix": ""}, {"Prefix": "k8s/"}, {"Prefix": "secret/"},
                       {"Delimiter": ""}, {"Delimiter": "a"}, {"Bucket": other}):  # fmt: skip
            assert denied(s3.list_objects_v2, **{**listing, **change}), change
        assert denied(s3.copy_object, Bucket=bucket, Key=OBJECT, CopySource=f"{bucket}/{OTHER}")
        assert denied(own("iam").list_users)
        assert denied(own("iam").create_access_key)


def test_an_enforcing_store_lets_the_job_do_everything_that_it_does(
    cluster: Cluster, cluster_prometheus: Prometheus, ministack: Ministack, tmp_path: Path
) -> None:
    """Export, retention, the rebuilding of a damaged state, status: all of the policy is needed."""
    bucket = ministack.make_bucket()
    document = printed("writer", "--bucket", bucket, "--prefix", PREFIX)
    keys = ministack.make_user(document)
    moment = cluster.end - 1750
    local = {"SINK": "local", "LOCAL_DIR": str(tmp_path)}
    settings = proof.environ(cluster_prometheus.port, METRICS="node_info,pod_info")
    assert proof.finished(moment, {**settings, **local})[0] == 0
    expected = proof.contents(proof.local_objects(tmp_path / PREFIX))

    def holds() -> dict[str, bytes]:
        found = proof.contents(ministack.objects(bucket))
        return {key.removeprefix(f"{PREFIX}/"): body for key, body in found.items()}

    with LikeAws(ministack.url) as aws, clients(ministack, ministack.root) as root:
        s3 = {**settings, "S3_BUCKET": bucket, **keys.environ(aws.url)}
        status, said = proof.finished(moment, s3)
        assert status == 0, said
        assert holds() == expected

        top = f"{PREFIX}/demo"
        old = f"{top}/end=20251001/day=1/metric=node_info/1756684800_node_info.json.gz"
        admin = root("s3")
        admin.put_object(Bucket=bucket, Key=old, Body=next(iter(expected.values())))
        admin.put_object(Bucket=bucket, Key=f"{top}/_state.json", Body=b'{"version": 1, "met')
        status, said = proof.finished(moment, s3)
        assert status == 0, said
        assert "rebuilt from the objects" in said
        assert f"deleted s3://{bucket}/{old}" in said
        assert holds() == expected

        status, said = proof.finished(moment, s3, "status")
        assert status == 0, said
        used = {action for action, _ in aws.actions}
    actions = [statement["Action"] for statement in document["Statement"]]
    assert used == {actions[0], *actions[1]}


def test_a_role_with_the_rendered_trust_is_assumed_with_its_external_id_alone(
    cluster: Cluster, cluster_prometheus: Prometheus, ministack: Ministack
) -> None:
    """The job's own identity may assume the role and nothing else; the role may write."""
    bucket, name = ministack.make_bucket(), f"metrics-writer-{uuid.uuid4().hex[:8]}"
    with clients(ministack, ministack.root) as root:
        iam = root("iam")
        # ministack knows users by name; a trust of the whole account covers the one made here.
        trust = printed(
            "trust-role", "--principal", "arn:aws:iam::000000000000:root", "--external-id", "ours"
        )
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        role = made["Role"]["Arn"]
        iam.put_role_policy(
            RoleName=name, PolicyName="write",
            PolicyDocument=json.dumps(printed("writer", "--bucket", bucket, "--prefix", PREFIX)),
        )  # fmt: skip
    keys = ministack.make_user(printed("assume", "--role", role))
    settings = proof.environ(
        cluster_prometheus.port, METRICS="node_info", S3_BUCKET=bucket,
        ROLE_ARN=role, ROLE_EXTERNAL_ID="theirs", **keys.environ(ministack.url),
    )  # fmt: skip
    status, said = proof.finished(cluster.end - 1750, settings)
    assert (status, ministack.objects(bucket)) == (2, {}), said
    status, said = proof.finished(cluster.end - 1750, {**settings, "ROLE_EXTERNAL_ID": "ours"})
    assert status == 0, said
    assert len(proof.contents(ministack.objects(bucket))) == 25


def test_an_enforcing_store_lets_the_reader_read_and_change_nothing(ministack: Ministack) -> None:
    bucket = ministack.make_bucket()
    keys = ministack.make_user(printed("reader", "--bucket", bucket, "--prefix", PREFIX))
    with clients(ministack, ministack.root) as root, clients(ministack, keys) as own:
        root("s3").put_object(Bucket=bucket, Key=OBJECT, Body=b"x")
        s3 = own("s3")
        with s3.get_object(Bucket=bucket, Key=OBJECT)["Body"] as body:
            assert body.read() == b"x"
        assert s3.list_objects_v2(Bucket=bucket, Prefix=f"{PREFIX}/")["KeyCount"] == 1
        assert allowed(s3, bucket, OBJECT, WRITES_OF_ONE_OBJECT.__contains__) == set()
        assert allowed(s3, bucket, OBJECT, MORE_OF_ONE_OBJECT.__contains__) == set()
        about = is_about_the_bucket(s3)
        assert allowed(s3, bucket, OBJECT, about) <= {"GetBucketLocation"}
