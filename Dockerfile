# The repository with all that it needs, as constraints.txt pins it. Untested where no engine was at hand (docs/running.md).
#
#   docker build -t wsss .                                                              # CPU, and GPUs with torch's own CUDA
#   docker build -t wsss --build-arg BASE=nvidia/cuda:12.6.3-runtime-ubuntu24.04 .      # on the system's CUDA
#   docker run --rm -it --shm-size=8g -v "$PWD/data:/wsss/data" wsss dvc repro          # with GPUs: --gpus all
ARG BASE=python:3.12-slim-bookworm
FROM ${BASE}

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# g++ compiles the dense CRF; versions of Debian's packages are those of the base.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ git make python3 python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /wsss
COPY setup.cfg constraints.txt pyproject.toml Makefile README.md ./
COPY .dvc .dvc
COPY wsss_core wsss_core
COPY stages stages
COPY presets presets
ENV PIP_NO_CACHE_DIR=1
RUN make setup

COPY . .
RUN touch .venv/.complete
ENV PATH=/wsss/.venv/bin:${PATH}
CMD ["make", "demo"]
