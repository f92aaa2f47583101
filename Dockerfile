# The image of promferry. Build it with `make image`; docs/kubernetes.md says how it is run.
ARG BASE=python:3.12-slim

FROM ${BASE} AS build
WORKDIR /build
COPY deploy/image/build.lock requirements.lock ./
# Tools that build the wheel and list what is inside; none of them reaches the image.
RUN python -m venv /tools \
 && /tools/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
      --require-hashes --only-binary :all: -r build.lock
RUN python -m venv --without-pip /opt/promferry \
 && /tools/bin/python -m pip --python /opt/promferry/bin/python install --no-cache-dir \
      --disable-pip-version-check --no-compile --require-hashes --only-binary :all: \
      -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY core core
COPY plugins plugins
COPY queries queries
RUN /tools/bin/python -m hatchling build -t wheel -d /wheels \
 && /tools/bin/python -m pip --python /opt/promferry/bin/python install --no-cache-dir \
      --disable-pip-version-check --no-compile --no-deps --no-index /wheels/*.whl
# The AWS services that promferry and the SDK's credential providers call; `all` keeps every one.
ARG AWS_SERVICES="s3 sts sso sso-oidc signin"
COPY deploy/image/finish.py ./
RUN mkdir -p /sbom \
 && /tools/bin/cyclonedx-py environment --output-reproducible --of JSON \
      -o /sbom/promferry.cdx.json /opt/promferry/bin/python
# Byte code is made here, once: the root file system is read-only where the image runs.
RUN /opt/promferry/bin/python finish.py ${AWS_SERVICES} \
 && /opt/promferry/bin/python -m compileall -q --invalidation-mode unchecked-hash \
      /opt/promferry/lib

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="promferry" \
      org.opencontainers.image.description="Ferries Kubernetes metrics out of Prometheus, window by window, into object storage." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/promferry/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp
COPY --from=build /opt/promferry /opt/promferry
COPY --from=build /sbom /usr/share/sbom
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["promferry"]
CMD ["run"]
