# syntax=docker/dockerfile:1
# The server, the one-off registration of deployments, and workers of the pool `cpu`. Built from the repository's root:
#   docker build -f docker/cpu.Dockerfile -t limo-curation:cpu .
FROM python:3.11-slim

ENV DO_NOT_TRACK=1 \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /app

# torch first and alone: it is the largest layer and the one that changes least; without a GPU the CPU build will do
COPY constraints.txt ./
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --extra-index-url "$TORCH_INDEX" -c constraints.txt torch

COPY . .
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install -e ".[flows,local]" -c constraints.txt

# a volume that is mounted over runs/ takes over this owner
RUN useradd --create-home --uid 10001 limo && mkdir runs && chown limo:limo runs
USER limo

ENV LIMO_POOL=cpu
CMD ["sh", "docker/worker.sh"]
