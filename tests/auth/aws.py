"""AWS as a job sees it: an STS whose sessions end, and the ways a pod comes by an identity."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import socket
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.servers.relay import Answer, Relay, Request, header, send
from tests.servers.s3 import Credentials, LikeAws, Ministack

ISSUER = "oidc.eks.example.com/id/ABC"
_EXPIRED = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>ExpiredToken</Code>'
    b"<Message>The provided token has expired.</Message></Error>"
)


class Timeline:
    """A clock that moves only when somebody waits."""

    def __init__(self, moment: float) -> None:
        self.begin = moment
        self.moment = moment

    def now(self) -> float:
        """Return the moment."""
        return self.moment

    def monotonic(self) -> float:
        """Return the machine's monotonic time."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let that much time pass at once."""
        self.moment += seconds


class Aws(LikeAws):
    """Stands before ministack, and counts a session's time by the clock of the test.

    An STS session lasts `lasts` seconds, and S3 refuses it afterwards. `assumed` holds the
    parameters of each call that asked for one, `tokens` the sessions that came of it with their
    ends, `issued` their keys by access key, `used` the session token of each request to S3 (""
    where there was none).
    """

    def __init__(self, upstream: str, clock: Timeline | None = None, lasts: int = 900) -> None:
        super().__init__(upstream)
        self.assumed: list[dict[str, str]] = []
        self.tokens: dict[str, float] = {}
        self.issued: dict[str, Credentials] = {}
        self.used: list[str] = []
        self._clock = clock
        self._lasts = lasts

    def handle(self, connection: socket.socket, request: Request) -> bool:
        """Pass on what is of STS with another end, and of S3 what is not over."""
        form = {key: values[0] for key, values in parse_qs(request.body.decode("latin-1")).items()}
        if request.method == "POST" and form.get("Action", "").startswith("AssumeRole"):
            self.assumed.append(form)
            answer = self.forward(request)
            send(connection, self._timed(answer), request)
            return True
        token = header(request.headers, "x-amz-security-token")
        if "/s3/" in header(request.headers, "authorization"):
            self.used.append(token)
        if self._clock is not None and self._clock.now() > self.tokens.get(token, float("inf")):
            headers = [("Content-Type", "application/xml")]
            send(connection, Answer(400, "Bad Request", headers, _EXPIRED), request)
            return True
        return super().handle(connection, request)

    def _timed(self, answer: Answer) -> Answer:
        text = answer.body.decode()
        found = re.search(
            r"<AccessKeyId>(.*)</AccessKeyId>\s*<SecretAccessKey>(.*)</SecretAccessKey>\s*"
            r"<SessionToken>(.*)</SessionToken>",
            text,
        )
        if not found:
            return answer
        self.issued[found[1]] = Credentials(*found.groups())
        end = (self._clock.now() if self._clock is not None else time.time()) + self._lasts
        self.tokens[found[3]] = end
        stamp = dt.datetime.fromtimestamp(end, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        text = re.sub(r"<Expiration>.*</Expiration>", f"<Expiration>{stamp}</Expiration>", text)
        return Answer(answer.status, answer.reason, answer.headers, text.encode())


class PodIdentity(Relay):
    """Gives credentials as the agent of EKS Pod Identity and as a node's metadata service do."""

    def __init__(self, keys: Credentials, token: str) -> None:
        super().__init__("http://127.0.0.1:1")
        self._keys = keys
        self._token = token

    def handle(self, connection: socket.socket, request: Request) -> bool:
        """Answer who shows the token, which a node gives to everyone who asks for it."""
        body: Any = {}
        shown = header(request.headers, "authorization") or header(
            request.headers, "x-aws-ec2-metadata-token"
        )
        status = 200
        if request.method == "PUT":
            body = self._token
        elif shown != self._token:
            status = 401
        elif request.path.endswith("/security-credentials/"):
            body = "node-role"
        else:
            body = {
                "Code": "Success",
                "AccessKeyId": self._keys.access_key,
                "SecretAccessKey": self._keys.secret_key,
                "Token": self._keys.session_token,
                "Expiration": "2099-01-01T00:00:00Z",
            }
        text = body if isinstance(body, str) else json.dumps(body)
        send(connection, Answer(status, "OK", [], text.encode()), request)
        return True


def web_token(subject: str, issuer: str = ISSUER) -> str:
    """Return a service account's token, unsigned: ministack looks at what it says."""
    said = {"iss": f"https://{issuer}", "sub": subject, "aud": "sts.amazonaws.com"}
    parts = ({"alg": "RS256"}, said, "signature")
    return ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    )


def make_web_role(server: Ministack, subject: str, policy: dict[str, Any]) -> str:
    """Create a role for one service account of one cluster; return its ARN."""
    name = f"irsa-{uuid.uuid4().hex[:8]}"
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::000000000000:oidc-provider/{ISSUER}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {f"{ISSUER}:sub": subject, f"{ISSUER}:aud": "sts.amazonaws.com"}
        },
    }
    iam = server.client("iam")
    document = {"Version": "2012-10-17", "Statement": [trust]}
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))
    iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=json.dumps(policy))
    iam.close()
    arn: str = made["Role"]["Arn"]
    return arn


def may_assume(arn: str) -> dict[str, Any]:
    """Return a policy that allows to assume a role, and nothing else."""
    allowed = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arn}
    return {"Version": "2012-10-17", "Statement": [allowed]}


def temporary(server: Ministack, keys: Credentials) -> Credentials:
    """Return temporary keys of the same identity."""
    sts = server.client("sts", keys)
    made = sts.get_session_token()["Credentials"]
    sts.close()
    return Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])


def write(file: Path, text: str) -> str:
    """Write a file; return its path."""
    file.write_text(text, encoding="utf-8")
    return str(file)


def be(sdk: pytest.MonkeyPatch, keys: Credentials, endpoint: str) -> None:
    """Let the SDK find these keys."""
    for name, value in keys.environ(endpoint).items():
        sdk.setenv(name, value)
