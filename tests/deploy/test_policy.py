"""`promferry policy`: the reference's policy, and nothing more than the job needs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from promferry.core import policy
from promferry.core.commands.policy import command
from promferry.core.errors import ConfigurationError
from promferry.core.setup import Setup
from tests.servers.process import Process, program

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


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    def environ(port: int) -> dict[str, str]:
        return {
            "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "MINISTACK_HOST": "127.0.0.1",
            "AUTH": "true", "SERVICES": "s3,iam,sts",
            "AWS_ACCESS_KEY_ID": "rootak", "AWS_SECRET_ACCESS_KEY": "rootsecret",
        }  # fmt: skip

    server = Process(
        "ministack", lambda _: [_ministack()], folder=tmp_path_factory.mktemp("ministack"),
        ready="/_ministack/health", environ=environ,
    )  # fmt: skip
    server.start()
    yield server
    server.stop()


def _ministack() -> str:
    beside = Path(sys.executable).with_name("ministack")
    return str(beside) if beside.exists() else program("ministack")


def client(store: Process, service: str, key: str = "rootak", secret: str = "rootsecret") -> Any:
    return boto3.client(
        service, endpoint_url=store.url, region_name="us-east-1",
        aws_access_key_id=key, aws_secret_access_key=secret,
    )  # fmt: skip


def user(store: Process, name: str, document: policy.Document) -> Any:
    iam = client(store, "iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return client(store, "s3", key["AccessKeyId"], key["SecretAccessKey"])


def denied(call: Callable[..., Any], **arguments: Any) -> bool:
    try:
        call(**arguments)
    except ClientError as error:
        return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] == 403)
    return False


def test_an_enforcing_store_lets_the_writer_do_its_work_and_nothing_else(store: Process) -> None:
    root = client(store, "s3")
    root.create_bucket(Bucket=BUCKET)
    root.create_bucket(Bucket="other-bucket")
    root.put_object(Bucket=BUCKET, Key="secret/a", Body=b"x")
    root.put_object(Bucket=BUCKET, Key="k8s/prometheus-other/a", Body=b"x")
    s3 = user(store, "writer", policy.writer(BUCKET, PREFIX))
    key = f"{PREFIX}/prod/_state.json"

    s3.put_object(Bucket=BUCKET, Key=key, Body=b"{}")
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"{}"
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{PREFIX}/prod/", Delimiter="/")
    assert [entry["Key"] for entry in listed["Contents"]] == [key]
    s3.delete_object(Bucket=BUCKET, Key=key)

    assert denied(s3.list_objects_v2, Bucket=BUCKET)
    assert denied(s3.list_objects_v2, Bucket=BUCKET, Prefix=f"{PREFIX}/")
    assert denied(s3.list_objects_v2, Bucket=BUCKET, Prefix="secret/", Delimiter="/")
    assert denied(s3.head_bucket, Bucket=BUCKET)
    for outside in ("secret/a", "k8s/prometheus-other/a"):
        assert denied(s3.get_object, Bucket=BUCKET, Key=outside), outside
        assert denied(s3.put_object, Bucket=BUCKET, Key=outside, Body=b""), outside
        assert denied(s3.delete_object, Bucket=BUCKET, Key=outside), outside
    assert denied(s3.put_object, Bucket="other-bucket", Key=key, Body=b"")
    assert denied(s3.delete_bucket, Bucket=BUCKET)
    assert denied(s3.list_buckets)
    assert denied(s3.get_bucket_policy, Bucket=BUCKET)


def test_an_enforcing_store_lets_the_reader_read_and_change_nothing(store: Process) -> None:
    root = client(store, "s3")
    root.create_bucket(Bucket="read-bucket")
    root.put_object(Bucket="read-bucket", Key=f"{PREFIX}/prod/a", Body=b"x")
    s3 = user(store, "reader", policy.reader("read-bucket", PREFIX))
    assert s3.get_object(Bucket="read-bucket", Key=f"{PREFIX}/prod/a")["Body"].read() == b"x"
    assert s3.list_objects_v2(Bucket="read-bucket", Prefix=f"{PREFIX}/")["KeyCount"] == 1
    assert denied(s3.put_object, Bucket="read-bucket", Key=f"{PREFIX}/prod/a", Body=b"")
    assert denied(s3.delete_object, Bucket="read-bucket", Key=f"{PREFIX}/prod/a")
