"""The paths by which the service is looked after: whether it lives and is ready, its metrics, another index."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from indexer.reranking import Reranker
from service.engine.runtime import Runtime
from service.errors import Cause
from service.http.access import key_of
from service.http.key_ring import KeyRing, Role
from service.routes.dependencies import runtime_of
from service.routes.openapi import documented
from service.routes.together import Together
from service.schemas import Health, Readiness, RefusedOut, RefusedWhyOut, Reloaded, RerankerOut
from service.telemetry.metrics import CONTENT_TYPE
from wikiclip.base.devices import described

router = APIRouter()
OPEN = ("/healthz", "/readyz")  # they say nothing that is secret, and no balancer has a key


@router.get("/healthz", responses=documented(), summary="Is the process alive?")
async def healthz() -> Health:
    """Says nothing about model and index: see `/readyz`."""
    return Health(status="alive")


@router.get(
    "/readyz",
    responses=documented(Cause.NOT_READY, Cause.INDEX_DAMAGED, Cause.SEARCH_FAILED),
    summary="Can it link?",
)
async def readyz(request: Request, runtime: Annotated[Runtime, Depends(runtime_of)]) -> Readiness:
    """Model and index are loaded, the index's files are whole, and a search, tried every few seconds, finds what it
    should. An admin's key is told of the keys, too."""
    if (problem := runtime.why_not_ready()) is not None:
        raise problem
    keys: KeyRing | None = request.app.state.keys
    asks = key_of(request.headers, keys)
    linker = runtime.serving.linker
    refused = runtime.follower.refused
    model, index = linker.model, linker.index
    return Readiness(
        status="ready",
        model=model.name,
        fingerprint=model.fingerprint,
        index_version=index.version,
        knowledge_base=index.manifest.knowledge_base,
        entities=len(index),
        pictured=index.pictured,
        sure=runtime.settings.sure,
        encode=linker.where,
        search=index.where,
        reranker=_shown(runtime.reranker),
        refused=None if refused is None else RefusedOut(index_version=refused.version),
        keys=keys.fault if keys is not None and asks is not None and asks.role is Role.ADMIN else None,
    )


def _shown(reranker: Reranker | None) -> RerankerOut | None:
    if reranker is None:
        return None
    scorer = reranker.scorer
    return RerankerOut(
        model=scorer.name,
        revision=scorer.revision,
        sha256=scorer.sha256,
        k=reranker.k,
        where=described([scorer.device]),
    )


@router.post(
    "/admin/reload",
    responses=documented(Cause.FORBIDDEN, Cause.FOREIGN_ORIGIN, Cause.NOT_READY),
    summary="Look for a newly published index now",
)
def reload(runtime: Annotated[Runtime, Depends(runtime_of)]) -> Reloaded:
    """Tries the version that is current, also one that was refused before. The service follows it by itself, too."""
    follower = runtime.follower
    version, refused = follower.look(again=True), follower.refused
    why = None if refused is None else RefusedWhyOut(index_version=refused.version, why=refused.why)
    return Reloaded(index_version=version, refused=why)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {CONTENT_TYPE: {}}}, **documented(Cause.FORBIDDEN)},
    summary="Prometheus metrics",
)
async def metrics(request: Request) -> Response:
    """Time, queue and batches of each stage; pictures decoded lately; requests; the index version that answers."""
    texts: Together[bytes] = request.app.state.metrics
    return Response(await texts.done(), media_type=CONTENT_TYPE)
