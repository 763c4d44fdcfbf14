# One image for every part: it fetches the data, builds the index and serves. Neither data nor index is inside; both are
# made at the first start, in the volume /data.
FROM python:3.11-slim-bookworm AS install

# EXTRA, cpu or gpu: which FAISS. TORCH_INDEX: where torch and torchvision come from, if not from the usual registry, whose
# build brings CUDA along; docs/installing.md.
ARG EXTRA=cpu
ARG TORCH_INDEX=

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PATH=/opt/wikiclip/bin:$PATH

WORKDIR /src

# Dependencies first and without the sources, so that a change in the code does not install them again.
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
RUN python -m venv /opt/wikiclip && \
    if [ -n "$TORCH_INDEX" ]; then \
        pip install --constraint constraints.txt --no-deps --index-url "$TORCH_INDEX" torch torchvision; \
    fi && \
    pip install --constraint constraints.txt ".[$EXTRA,tiny]"

COPY wikiclip ./wikiclip
COPY indexer ./indexer
COPY training ./training
COPY service ./service
RUN pip install --no-deps --force-reinstall .


FROM python:3.11-slim-bookworm

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

# The first start fetches 170 MB and embeds the knowledge base before anything can answer; failures of the start period
# do not count, and the first success ends it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20m --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]

ENTRYPOINT ["wikiclip-entrypoint"]
CMD ["serve"]
