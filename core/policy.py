"""The AWS policies of whoever writes and of whoever reads the data, as plain documents.

Each function returns what `json.dumps` prints as an IAM policy. Nothing here talks to AWS.
"""

from __future__ import annotations

import re
from typing import Any, Final

from .errors import ConfigurationError

Document = dict[str, Any]

WRITER_ACTIONS: Final = ("s3:PutObject", "s3:GetObject", "s3:DeleteObject")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ROLE = re.compile(r"arn:(aws[a-z-]*):iam::(\d{12}):(root|role/[\w+=,.@/-]+|user/[\w+=,.@/-]+)")
_PROVIDER = re.compile(r"(?:https://)?([A-Za-z0-9.-]+(?:/[A-Za-z0-9._/-]+)?)")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_PARTITION = re.compile(r"aws(-[a-z]+)*")


def writer(bucket: str, prefix: str = "", *, partition: str = "aws") -> Document:
    """Return what the job needs: list the layout level by level; put, get and delete below it."""
    arn, below = _place(bucket, prefix, partition)
    return _document(
        _listing(arn, below, {"StringEquals": {"s3:delimiter": "/"}}),
        {
            "Sid": "PromferryObjects",
            "Effect": "Allow",
            "Action": list(WRITER_ACTIONS),
            "Resource": f"{arn}/{_objects(below)}",
        },
    )


def reader(bucket: str, prefix: str = "", *, partition: str = "aws") -> Document:
    """Return what a consumer needs: list below the prefix (with or without delimiter), and get."""
    arn, below = _place(bucket, prefix, partition)
    return _document(
        {
            "Sid": "PromferryLocation",
            "Effect": "Allow",
            "Action": "s3:GetBucketLocation",
            "Resource": arn,
        },
        _listing(arn, below, {}),
        {
            "Sid": "PromferryObjects",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": f"{arn}/{_objects(below)}",
        },
    )


def trust_irsa(
    account: str, provider: str, namespace: str, service_account: str, *, partition: str = "aws"
) -> Document:
    """Return the trust of a role that one Kubernetes service account takes on (EKS, IRSA)."""
    issuer = _PROVIDER.fullmatch(provider.strip().rstrip("/"))
    if not issuer:
        raise ConfigurationError(
            f"provider {provider!r} is wrong; accepted: the cluster's OIDC issuer, as"
            " `aws eks describe-cluster --query cluster.identity.oidc.issuer` prints it"
        )
    for what, name in (("namespace", namespace), ("service account", service_account)):
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"{what} {name!r} is wrong; accepted: a Kubernetes name, no wildcard"
            )
    _check_account(account)
    host = issuer[1]
    return _document(
        {
            "Sid": "PromferryServiceAccount",
            "Effect": "Allow",
            "Principal": {
                "Federated": f"arn:{_partition(partition)}:iam::{account}:oidc-provider/{host}"
            },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    f"{host}:aud": "sts.amazonaws.com",
                    f"{host}:sub": f"system:serviceaccount:{namespace}:{service_account}",
                }
            },
        }
    )


def trust_role(principal: str, external_id: str | None = None) -> Document:
    """Return the trust of a role that a principal of another account assumes."""
    if not _ROLE.fullmatch(principal):
        raise ConfigurationError(
            f"principal {principal!r} is wrong; accepted: the ARN of a role, of a user, or"
            " arn:aws:iam::<ACCOUNT>:root for a whole account"
        )
    statement: Document = {
        "Sid": "PromferryAssume",
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": "sts:AssumeRole",
    }
    if external_id is not None:
        if not re.fullmatch(r"[\w+=,.@:/-]{2,1224}", external_id):
            raise ConfigurationError(
                "the external id is wrong; accepted: 2 to 1,224 letters, digits and _+=,.@:/-"
            )
        statement["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
    return _document(statement)


def assume(role: str) -> Document:
    """Return what the job's own identity needs to assume `role` (see `ROLE_ARN`)."""
    match = _ROLE.fullmatch(role)
    if not match or not match[3].startswith("role/"):
        raise ConfigurationError(f"role {role!r} is wrong; accepted: the ARN of a role")
    return _document(
        {
            "Sid": "PromferryAssume",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": role,
        }
    )


def _document(*statements: Document) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _listing(arn: str, below: str, conditions: Document) -> Document:
    if below:
        conditions = {**conditions, "StringLike": {"s3:prefix": f"{below}*"}}
    statement: Document = {
        "Sid": "PromferryList",
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": arn,
    }
    if conditions:
        statement["Condition"] = conditions
    return statement


def _objects(below: str) -> str:
    return f"{below}/*" if below else "*"


def _place(bucket: str, prefix: str, partition: str) -> tuple[str, str]:
    if not _BUCKET.fullmatch(bucket):
        raise ConfigurationError(
            f"S3_BUCKET={bucket!r} is wrong; accepted: a bucket's name, without s3:// and path"
        )
    below = prefix.strip("/")
    if any(char in below for char in "*?$") or not below.isprintable():
        # Each of these means something else in a policy than in a key.
        raise ConfigurationError(
            f"S3_PREFIX={prefix!r} is wrong; accepted: a key prefix without *, ? and $"
        )
    return f"arn:{_partition(partition)}:s3:::{bucket}", below


def _partition(partition: str) -> str:
    if not _PARTITION.fullmatch(partition):
        raise ConfigurationError(
            f"partition {partition!r} is wrong; accepted: aws, aws-cn or aws-us-gov"
        )
    return partition


def _check_account(account: str) -> None:
    if not re.fullmatch(r"\d{12}", account):
        raise ConfigurationError(f"account {account!r} is wrong; accepted: 12 digits")
