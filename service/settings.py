"""What an operator can set, as environment variables with the prefix `WIKICLIP_`, read when the app is made."""

import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from indexer.kinds.milvus.server import SECONDS, MilvusServer
from wikiclip.base.errors import WikiClipError
from wikiclip.base.machine import DeviceChoice, cores
from wikiclip.base.paths import index_home
from wikiclip.picture_files.reading import FILE_FORMATS, FileFormat
from wikiclip.pictures import PictureLimits

MIB = 1024 * 1024


def _split(value: object) -> object:
    """Words with commas between, as an environment variable holds them."""
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


Words = BeforeValidator(_split)


def _encoders(settings: dict[str, Any]) -> int:
    """On the processor one a core; on a GPU one that computes and one whose pixels are on their way."""
    return cores() if _on_processor(settings) else 2


def _batch(settings: dict[str, Any]) -> int:
    """On the processor more gain nothing, and answer those who came first as late as the last."""
    return 8 if _on_processor(settings) else 16


def _search_threads(settings: dict[str, Any]) -> int:
    """One beside an encoder that takes the cores; all where a GPU encodes."""
    return 1 if _on_processor(settings) else cores()


def _on_processor(settings: dict[str, Any]) -> bool:
    if settings.get("device") == "cpu":
        return True
    from wikiclip.base.devices import best_device  # which imports torch

    return best_device().type == "cpu"


class Settings(BaseSettings):
    """Where model and index are, who may call, and how much the service takes on."""

    model_config = SettingsConfigDict(env_prefix="WIKICLIP_", env_ignore_empty=True, frozen=True)

    model: Annotated[str, Field(description="The name of a checkpoint, or its folder.")] = "tiny"
    index: Annotated[Path, Field(description="The folder that keeps index versions.")] = Field(
        default_factory=index_home
    )
    milvus_uri: Annotated[
        str, Field(description="Where Milvus is, for an index that has its vectors there: http://host:19530.")
    ] = ""
    milvus_token: Annotated[SecretStr, Field(description="What Milvus asks for: user:password, or a key.")] = SecretStr(
        ""
    )
    milvus_timeout_s: Annotated[PositiveFloat, Field(description="Seconds a search in Milvus may take.")] = SECONDS
    follow_s: Annotated[
        float, Field(ge=0, description="Seconds between looks for a newly published index; 0 never looks.")
    ] = 2.0
    pull_from: Annotated[
        str, Field(description="A folder or store to pull the index and its checkpoint from; empty: none.")
    ] = ""
    pull_key: Annotated[Path | None, Field(description="The public key that what is pulled must be signed with.")] = (
        None
    )
    pull_s: Annotated[PositiveFloat, Field(description="Seconds between looks for another version there.")] = 30.0
    pull_bytes_per_s: Annotated[
        NonNegativeInt, Field(description="Bytes a second that a pull may take; 0 for any number.")
    ] = 0
    pull_pictures: Annotated[
        Path | None, Field(description="The folder that a pulled index's pictures are named from.")
    ] = None
    probe_s: Annotated[
        float, Field(ge=0, description="Seconds between searches that the service tries itself with; 0 never tries.")
    ] = 10.0
    device: Annotated[
        DeviceChoice, Field(description="Where to encode and search: cpu, gpu, or auto, GPUs where there are some.")
    ] = "auto"

    segmenter: Annotated[
        str,
        Field(
            min_length=1,
            description="What outlines things: tower, grabcut, or a SAM (2) checkpoint's folder or name.",
        ),
    ] = "tower"

    reranker: Annotated[
        str,
        Field(
            description="A cross-encoder that orders the first candidates anew: hf-hub:OWNER/NAME, at @REVISION, or"
            " local-dir:PATH; empty: none."
        ),
    ] = ""
    rerank_k: Annotated[int, Field(ge=2, le=100, description="Candidates of a mention that it looks at.")] = 20
    sure: Annotated[
        float, Field(ge=0, le=1, description="The confidence from which the page says that it knows what a thing is.")
    ] = 0.5

    threads: Annotated[PositiveInt, Field(description="Cores that encoding may take.")] = Field(default_factory=cores)
    search_threads: Annotated[
        PositiveInt, Field(description="Cores that a batch of searches may take; one query takes one.")
    ] = Field(default_factory=_search_threads)
    decoders: Annotated[PositiveInt, Field(description="Pictures that are decoded at once.")] = Field(
        default_factory=cores
    )
    encoders: Annotated[PositiveInt, Field(description="Batches that are encoded at once.")] = Field(
        default_factory=_encoders
    )
    batch: Annotated[
        PositiveInt, Field(description="Mentions encoded together at most; one request is never split.")
    ] = Field(default_factory=_batch)
    search_batch: Annotated[PositiveInt, Field(description="Mentions searched for together at most.")] = 64
    queue: Annotated[PositiveInt, Field(description="Requests that are taken on at once.")] = 64
    processes: Annotated[
        PositiveInt | Literal["auto"],
        Field(description="That take connections and read, beside engines; 1 does everything in one; auto by cores."),
    ] = 1
    silence_s: Annotated[
        float,
        Field(ge=0, description="Seconds without a sign of life after which a process is replaced; 0 waits for ever."),
    ] = 60.0
    picture_cache_bytes: Annotated[
        NonNegativeInt, Field(description="Memory for decoded pictures that may be sent again.")
    ] = 128 * MIB

    deadline_s: Annotated[PositiveFloat, Field(description="Seconds a request may wait and be worked on.")] = 30.0
    body_s: Annotated[PositiveFloat, Field(description="Seconds a body may take to come.")] = 30.0
    head_s: Annotated[
        PositiveFloat,
        Field(description="Seconds a head, or the rest of a body, may take to come, and an answer may find no reader."),
    ] = 10.0
    keep_alive_s: Annotated[
        PositiveInt,
        Field(description="Seconds a connection may idle; more than a load balancer in front keeps its own."),
    ] = 75
    max_body_bytes: Annotated[PositiveInt, Field(description="Bytes of a whole request.")] = 32 * MIB
    max_held_bytes: Annotated[PositiveInt, Field(description="Bytes of all bodies that are held at once.")] = 256 * MIB
    max_image_bytes: Annotated[PositiveInt, Field(description="Bytes of the picture as it is encoded.")] = 20 * MIB
    max_pixels: Annotated[PositiveInt, Field(description="Pixels a picture's header may promise.")] = 50_000_000
    max_regions: Annotated[PositiveInt, Field(description="Regions of one request.")] = 64
    max_mask_pixels: Annotated[
        PositiveInt, Field(description="Pixels of all masks of a request together; one mask is always accepted.")
    ] = 256_000_000
    max_connections: Annotated[PositiveInt, Field(description="Connections that are open at once.")] = 1024
    max_connections_per_address: Annotated[
        NonNegativeInt, Field(description="Of them from one address that is no proxy; 0 for any number.")
    ] = 512
    formats: Annotated[
        tuple[FileFormat, ...], Words, NoDecode, Field(min_length=1, description="Formats of pictures that are read.")
    ] = FILE_FORMATS

    changes_waiting: Annotated[
        PositiveInt, Field(description="Changes over HTTP that wait at most; they are taken with an admin's key alone.")
    ] = 1000
    changes_nice: Annotated[
        int, Field(ge=0, le=19, description="How far the process that applies them gives way to all others.")
    ] = 10
    feedback: Annotated[
        Path | None, Field(description="The folder that `POST /feedback` keeps labels in; none are taken without it.")
    ] = None
    feedback_bytes: Annotated[PositiveInt, Field(description="Bytes of all that is in that folder.")] = 1024 * MIB
    free_bytes: Annotated[
        NonNegativeInt, Field(description="Bytes of the disk that changes and feedback leave free.")
    ] = 1024 * MIB

    keys: Annotated[Path | None, Field(description="The file of API keys; see `python -m service.keys`.")] = None
    allow_anyone: Annotated[
        bool, Field(description="Whether callers need no key where others than this machine can reach the service.")
    ] = False
    rate: Annotated[str, Field(description="How often a key may ask, as 10/second or 1000/hour; empty: any.")] = ""
    region_rate: Annotated[
        str, Field(description="About how many regions a key may ask, as 600/minute; empty: any.")
    ] = ""
    hosts: Annotated[
        tuple[str, ...],
        Words,
        NoDecode,
        Field(description="Names the service answers to, beside localhost and addresses."),
    ] = ()
    origins: Annotated[
        tuple[str, ...], Words, NoDecode, Field(description="Other sites whose pages may ask, as https://example.org.")
    ] = ()
    proxies: Annotated[
        tuple[str, ...], Words, NoDecode, Field(description="Addresses of proxies whose X-Forwarded-For is believed.")
    ] = ()
    log_format: Annotated[Literal["text", "json"], Field(description="How log lines are written.")] = "text"

    @property
    def milvus(self) -> MilvusServer | None:
        """The server that may have the index's vectors; None where none is named."""
        if not self.milvus_uri:
            return None
        return MilvusServer(self.milvus_uri, self.milvus_token.get_secret_value(), self.milvus_timeout_s)

    @property
    def picture_limits(self) -> PictureLimits:
        return PictureLimits(formats=self.formats, max_pixels=self.max_pixels, max_bytes=self.max_image_bytes)


def is_alone() -> bool:
    """Whether one process shall do everything. Reads no other setting: defaults of some take torch to be imported."""
    return os.environ.get("WIKICLIP_PROCESSES", "").strip() in ("", "1")


INSTEAD = {f"WIKICLIP_{name}": f"`python -m service --{name.lower()}` is the way" for name in ("HOST", "PORT")}
# What other commands, `make` and docker-compose.yml read.
OTHERS = ("CPUS", "HOME", "KEY", "MEMORY", "MILVUS_ALIAS", "PRESET", "PYTHON")


def _of_kubernetes(name: str, value: str) -> bool:
    """Whether Kubernetes tells so of a service that is called `wikiclip` or begins so."""
    return bool(re.search(r"_SERVICE_(HOST|PORT)|_PORT_\d+_(TCP|UDP)", name)) or (
        name.endswith("_PORT") and value.startswith(("tcp://", "udp://"))
    )


def unknown_settings() -> list[str]:
    """A sentence for each variable of the environment that looks like a setting and is none."""
    names = [f"WIKICLIP_{name.upper()}" for name in (*Settings.model_fields, *OTHERS)]
    said = []
    for name, value in sorted(os.environ.items()):
        if name.upper().startswith("WIKICLIP_") and name.upper() not in names and not _of_kubernetes(name, value):
            near = get_close_matches(name.upper(), names, n=1)
            instead = INSTEAD.get(name.upper()) or (f"{near[0]} is one" if near else "docs/service.md lists all")
            said.append(f"{name} is no setting, and does nothing: {instead}.")
    return said


def read_settings() -> Settings:
    """The settings of the environment. Raises WikiClipError where one of them is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        faults: dict[str, list[str]] = {}
        for detail in error.errors():
            faults.setdefault(f"WIKICLIP_{str(detail['loc'][0]).upper()}", []).append(detail["msg"])
        # Where a setting may be one thing or another, there is a sentence on each.
        raise WikiClipError(" ".join(f"{name}: {'; or: '.join(said)}." for name, said in faults.items())) from error
