"""`promferry policy`: prints the AWS policies for a bucket and prefix."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from .. import policy
from ..errors import ConfigurationError
from ..exits import Exit
from ..setup import Setup


@click.group("policy")
def command() -> None:
    """Print the AWS policies that the job and the readers of its data need, as JSON.

    Bucket and prefix come from the options or from S3_BUCKET and S3_PREFIX. Nothing is sent to AWS.
    """


def _place(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--partition", default="aws", show_default=True, help="aws-cn, aws-us-gov"),
        click.option("--prefix", help="The key prefix; S3_PREFIX if not given."),
        click.option("--bucket", help="The bucket; S3_BUCKET if not given."),
    ):
        function = option(function)
    return function


def _chosen(setup: Setup, bucket: str | None, prefix: str | None) -> tuple[str, str]:
    bucket = bucket or setup.environ.get("S3_BUCKET", "").strip()
    if not bucket:
        raise ConfigurationError("no bucket: give --bucket or set S3_BUCKET")
    if prefix is None:
        prefix = setup.environ.get("S3_PREFIX", "").strip()
    return bucket, prefix


def _print(document: policy.Document) -> int:
    click.echo(json.dumps(document, indent=2))
    return Exit.DONE


@command.command("writer")
@_place
@click.pass_obj
def writer(setup: Setup, bucket: str | None, prefix: str | None, partition: str) -> int:
    """Print what the job itself needs: attach it to the role that its pod runs under."""
    place = _chosen(setup, bucket, prefix)
    return _print(policy.writer(*place, partition=partition))


@command.command("reader")
@_place
@click.pass_obj
def reader(setup: Setup, bucket: str | None, prefix: str | None, partition: str) -> int:
    """Print what a consumer of the data needs: list and get, nothing that changes anything."""
    place = _chosen(setup, bucket, prefix)
    return _print(policy.reader(*place, partition=partition))


@command.command("trust-irsa")
@click.option("--account", required=True, help="The AWS account of the OIDC provider, 12 digits.")
@click.option("--provider", required=True, help="The EKS cluster's OIDC issuer.")
@click.option("--namespace", required=True, help="The namespace that the job runs in.")
@click.option("--service-account", default="promferry", show_default=True)
@click.option("--partition", default="aws", show_default=True, help="aws-cn, aws-us-gov")
def trust_irsa(
    account: str, provider: str, namespace: str, service_account: str, partition: str
) -> int:
    """Print the trust policy of a role that one service account of one cluster takes on."""
    return _print(
        policy.trust_irsa(account, provider, namespace, service_account, partition=partition)
    )


@command.command("trust-role")
@click.option("--principal", required=True, help="ARN of the role or account that may assume it.")
@click.option("--external-id", help="The id that the assuming side has to give.")
def trust_role(principal: str, external_id: str | None) -> int:
    """Print the trust policy of a role that another account assumes: the job, or a reader."""
    return _print(policy.trust_role(principal, external_id))


@command.command("assume")
@click.option("--role", help="ARN of the role to assume; ROLE_ARN if not given.")
@click.pass_obj
def assume(setup: Setup, role: str | None) -> int:
    """Print what the job's own identity needs to assume ROLE_ARN, where one is set."""
    role = role or setup.environ.get("ROLE_ARN", "").strip()
    if not role:
        raise ConfigurationError("no role: give --role or set ROLE_ARN")
    return _print(policy.assume(role))
