"""S3 over HTTP: moto for everyday work, ministack where rights have to be enforced."""

from __future__ import annotations

import json
import os
import socket
import uuid
from pathlib import Path
from typing import Any

import attrs
import boto3

from .process import Process, Server, program
from .relay import Answer, Relay, Request, header, send

REGION = "us-east-1"


@attrs.frozen
class Credentials:
    """AWS keys that were made up for a test."""

    access_key: str
    secret_key: str
    session_token: str = ""

    def environ(self, endpoint: str) -> dict[str, str]:
        """Return the AWS SDK's variables for these keys and this endpoint."""
        found = {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_SESSION_TOKEN": self.session_token,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        return {name: value for name, value in found.items() if value}


@attrs.frozen
class Role:
    """A role, and the user who may assume it and nothing else."""

    arn: str
    external_id: str
    caller: Credentials


class Store(Server):
    """An S3 server with an administrator's clients."""

    root = Credentials("rootak", "rootsecret")

    def client(
        self, service: str = "s3", keys: Credentials | None = None, endpoint: str = ""
    ) -> Any:
        """Return a boto3 client of this server, by default the administrator's; close it."""
        keys = keys or self.root
        return boto3.client(
            service,  # type: ignore[call-overload,unused-ignore]
            endpoint_url=endpoint or self.url,
            region_name=REGION,
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            aws_session_token=keys.session_token or None,
        )

    def make_bucket(self, name: str = "") -> str:
        """Create a bucket and return its name, by default one that nobody else has."""
        name = name or f"bucket-{uuid.uuid4().hex[:12]}"
        s3 = self.client()
        s3.create_bucket(Bucket=name)
        s3.close()
        return name

    def objects(self, bucket: str, prefix: str = "") -> dict[str, bytes]:
        """Return every object below a prefix, key and bytes, with the administrator's rights."""
        s3 = self.client()
        found = {}
        for key in self.sizes(bucket, prefix):
            with s3.get_object(Bucket=bucket, Key=key)["Body"] as body:
                found[key] = body.read()
        s3.close()
        return found

    def sizes(self, bucket: str, prefix: str = "") -> dict[str, int]:
        """Return the key of every object below a prefix, and its bytes, as a listing tells them."""
        s3 = self.client()
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        found = {
            entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", [])
        }
        s3.close()
        return found


class Moto(Store):
    """moto: quick, and takes any credentials for anything."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.process = Process(
            "moto",
            lambda port: [program("moto_server"), "-H", "127.0.0.1", "-p", str(port)],
            folder=folder,
            ready="/moto-api/",
            environ=lambda _: {"PYTHONWARNINGS": "ignore"},
        )


class Ministack(Store):
    """ministack with S3, IAM and STS: enforces policies with their conditions, and external ids."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.process = Process(
            "ministack",
            lambda _: [program("ministack")],
            folder=folder,
            ready="/_ministack/health",
            environ=lambda port: {
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
                "MINISTACK_HOST": "127.0.0.1",
                "AUTH": "true",
                "SERVICES": "s3,iam,sts",
                "AWS_ACCESS_KEY_ID": self.root.access_key,
                "AWS_SECRET_ACCESS_KEY": self.root.secret_key,
                "LOG_LEVEL": "WARNING",
                "TMPDIR": str(folder),
                "PYTHONWARNINGS": "ignore",
            },
        )

    def make_writer(self, bucket: str, prefix: str = "k8s/prometheus") -> Credentials:
        """Create a user whose rights are exactly the writer's policy, and return the keys."""
        return self.make_user(writer_policy(bucket, prefix))

    def make_role(
        self, bucket: str, prefix: str = "k8s/prometheus", external_id: str = "our-external-id"
    ) -> Role:
        """Create a role with the writer's policy, for a caller with the right external id only."""
        name = f"role-{uuid.uuid4().hex[:8]}"
        iam = self.client("iam")
        trust: dict[str, Any] = {
            "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole",
        }  # fmt: skip
        if external_id:
            trust["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
        arn = iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps(_policy(trust))
        )["Role"]["Arn"]  # fmt: skip
        iam.put_role_policy(
            RoleName=name, PolicyName="writer",
            PolicyDocument=json.dumps(writer_policy(bucket, prefix)),
        )  # fmt: skip
        iam.close()
        may_assume = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arn}
        return Role(arn, external_id, self.make_user(_policy(may_assume)))

    def make_user(self, policy: dict[str, Any]) -> Credentials:
        """Create a user with these rights and no other, and return the keys."""
        name = f"user-{uuid.uuid4().hex[:8]}"
        iam = self.client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        iam.close()
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"])


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def writer_policy(bucket: str, prefix: str) -> dict[str, Any]:
    """Return the policy that deployments give the job: to list one level, and three actions."""
    return _policy(
        {
            "Sid": "FinoutBucketPermissions",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": f"arn:aws:s3:::{bucket}",
            "Condition": {
                "StringEquals": {"s3:delimiter": "/"},
                "StringLike": {"s3:prefix": f"{prefix}*"},
            },
        },
        {
            "Sid": "FinoutMetricFilesPermissions",
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"],
            "Resource": f"arn:aws:s3:::{bucket}/{prefix}/*",
        },
    )


_DENIED = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code>'
    b"<Message>Access Denied</Message><RequestId>0</RequestId></Error>"
)
_MISSING = 404


class LikeAws(Relay):
    """Stands before an S3 server and answers as AWS does under the writer's policy.

    AWS says 403, not 404, of a missing object to someone who may not list the bucket freely.
    `actions` is the set of (IAM action, call) that were asked for: {("s3:GetObject", "GetObject")};
    requests of other services are not counted.
    """

    def __init__(self, upstream: str, *, hide_missing: bool = True) -> None:
        super().__init__(upstream)
        self._hide_missing = hide_missing
        self.actions: set[tuple[str, str]] = set()

    def handle(self, connection: socket.socket, request: Request) -> bool:
        """Pass on; make a missing object a forbidden one."""
        call = call_of(request)
        if call is not None:
            with self.lock:
                self.actions.add(call)
        answer = self.forward(request)
        about_object = call is not None and call[0] == "s3:GetObject"
        if self._hide_missing and answer.status == _MISSING and about_object:
            bucket_is_missing = b"NoSuchBucket" in answer.body
            if not bucket_is_missing:
                headers = [("Content-Type", "application/xml"), ("x-amz-request-id", "0")]
                answer = Answer(403, "Forbidden", headers, _DENIED)
        send(connection, answer, request)
        return True


_OBJECT = {
    "GET": ("s3:GetObject", "GetObject"),
    "HEAD": ("s3:GetObject", "HeadObject"),
    "PUT": ("s3:PutObject", "PutObject"),
    "DELETE": ("s3:DeleteObject", "DeleteObject"),
}
_BUCKET = {
    "GET": ("s3:ListBucket", "ListObjectsV2"),
    "HEAD": ("s3:ListBucket", "HeadBucket"),
    "PUT": ("s3:CreateBucket", "CreateBucket"),
    "DELETE": ("s3:DeleteBucket", "DeleteBucket"),
}
_SUBRESOURCES = {
    ("GET", "acl"): ("s3:GetObjectAcl", "GetObjectAcl"),
    ("PUT", "acl"): ("s3:PutObjectAcl", "PutObjectAcl"),
    ("GET", "tagging"): ("s3:GetObjectTagging", "GetObjectTagging"),
    ("PUT", "tagging"): ("s3:PutObjectTagging", "PutObjectTagging"),
    ("GET", "location"): ("s3:GetBucketLocation", "GetBucketLocation"),
    ("GET", "versioning"): ("s3:GetBucketVersioning", "GetBucketVersioning"),
    ("GET", "versions"): ("s3:ListBucketVersions", "ListObjectVersions"),
    ("POST", "delete"): ("s3:DeleteObject", "DeleteObjects"),
    ("POST", "uploads"): ("s3:PutObject", "CreateMultipartUpload"),
    ("PUT", "uploadId"): ("s3:PutObject", "UploadPart"),
    ("POST", "uploadId"): ("s3:PutObject", "CompleteMultipartUpload"),
    ("DELETE", "uploadId"): ("s3:AbortMultipartUpload", "AbortMultipartUpload"),
}


def call_of(request: Request) -> tuple[str, str] | None:
    """Return the IAM action and the S3 call of a path-style request; None where it is not S3."""
    if "/s3/" not in header(request.headers, "authorization"):
        return None
    for (method, parameter), call in _SUBRESOURCES.items():
        if method == request.method and parameter in request.query:
            return call
    if not request.path.strip("/"):
        return ("s3:ListAllMyBuckets", "ListBuckets")
    _, _, key = request.path.lstrip("/").partition("/")
    if key:
        return _OBJECT[request.method]
    return _BUCKET[request.method]


def plain_environ() -> dict[str, str]:
    """Return this process' environment without anything that the AWS SDK or promferry reads."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH")
    return {name: os.environ[name] for name in kept if name in os.environ}
