# syntax=docker/dockerfile:1
# A worker of the pool `gpu`: one machine, one engine. Built from the repository's root:
#   docker build -f docker/gpu.Dockerfile -t limo-curation:gpu .
#
# Two environments, because Prefect and vLLM ask for versions of fastapi that exclude each other:
#   /opt/limo     the core and Prefect: runs the flows
#   /opt/engine   the core and vLLM: the flows start its OpenAI-compatible server and talk to it over HTTP
ARG BASE=nvidia/cuda:13.0.1-runtime-ubuntu24.04
FROM ${BASE}

ENV DO_NOT_TRACK=1 \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    VLLM_NO_USAGE_STATS=1 \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

# a C compiler and Python's headers: Triton builds its launchers when vLLM starts
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential python3 python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY . .

# vLLM pins what it needs itself; constraints.txt holds the versions of the other environment
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv /opt/engine && /opt/engine/bin/pip install -e ".[vllm]"
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv /opt/limo && /opt/limo/bin/pip install -e ".[flows]" -c constraints.txt

# a volume that is mounted over runs/ takes over this owner; the number is the one of cpu.Dockerfile, since both share it
RUN useradd --create-home --uid 10001 limo && mkdir runs && chown limo:limo runs
USER limo

ENV PATH=/opt/limo/bin:$PATH \
    LIMO_ENGINE_PYTHON=/opt/engine/bin/python \
    LIMO_POOL=gpu
CMD ["sh", "docker/worker.sh"]
