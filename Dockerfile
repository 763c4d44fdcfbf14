# One image for every part: it fetches the data, builds the index and serves. Neither data nor index is inside; both are
# made at the first start, in the volume /data.
# BASE: a tag moves, and a digest does not; docs/installing.md says how to name one.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS install

# EXTRA, cpu or gpu: which FAISS. TORCH_INDEX: where torch and torchvision come from, if not from the usual registry, whose
# build brings CUDA along, and TORCH_SHA256: the hashes of their files; docs/installing.md.
ARG EXTRA=cpu
ARG TORCH_INDEX=
ARG TORCH_SHA256=

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PATH=/opt/wikiclip/bin:$PATH

WORKDIR /src

# Dependencies first and without the sources, so that a change in the code does not install them again.
COPY docker/install.sh docker/requirements*.txt docker/
RUN python -m venv /opt/wikiclip && sh docker/install.sh "$EXTRA"

COPY pyproject.toml README.md LICENSE NOTICE ./
COPY wikiclip ./wikiclip
COPY indexer ./indexer
COPY training ./training
COPY service ./service
# Built with the setuptools that is locked, too: nothing is fetched any more.
RUN pip install --no-deps --no-index --no-build-isolation .


FROM ${BASE}

COPY --from=install /opt/wikiclip /opt/wikiclip
COPY --chmod=755 docker/entrypoint.sh /usr/local/bin/wikiclip-entrypoint

# A new volume takes the owner of the folder it is mounted over.
RUN useradd --uid 10001 --user-group --create-home wikiclip && \
    install --directory --owner wikiclip --group wikiclip /data

# The codes of a large index are read faster in memory pages of 2 MB, and a thread of OpenMP that waits for the next layer
# is faster if it spins for some microseconds before it sleeps: docs/notebook/serving.md.
ENV PATH=/opt/wikiclip/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONSAFEPATH=1 \
    GLIBC_TUNABLES=glibc.malloc.hugetlb=1 \
    OMP_WAIT_POLICY=ACTIVE \
    GOMP_SPINCOUNT=3000 \
    WIKICLIP_HOME=/data \
    HF_HOME=/data/huggingface

USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000

# The first start fetches 300 MB and embeds the knowledge base before anything can answer; failures of the start period
# do not count, and the first success ends it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20m --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]

ENTRYPOINT ["wikiclip-entrypoint"]
CMD ["serve"]
