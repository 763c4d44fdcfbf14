"""What an operator can set, as environment variables with the prefix `WIKICLIP_`, read when the app is made."""

from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field, PositiveInt, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from indexer.kinds.placement import Wanted
from indexer.paths import index_home
from wikiclip.errors import WikiClipError
from wikiclip.images import ImageLimits

MIB = 1024 * 1024


class Settings(BaseSettings):
    """Where model and index are, and how much the service takes on."""

    model_config = SettingsConfigDict(env_prefix="WIKICLIP_", env_ignore_empty=True, frozen=True)

    model: Annotated[str, Field(description="A preset with a committed checkpoint, or a checkpoint's folder.")] = "tiny"
    index: Annotated[Path, Field(description="The folder that keeps index versions.")] = Field(
        default_factory=index_home
    )
    threads: Annotated[PositiveInt, Field(description="Threads that encode, and threads that search.")] = Field(
        default_factory=torch.get_num_threads  # one a core, or what OMP_NUM_THREADS says
    )
    device: Annotated[Wanted, Field(description="Where to search: cpu, gpu, or auto, GPUs where there are some.")] = (
        "auto"
    )

    max_body_bytes: Annotated[PositiveInt, Field(description="Bytes of a whole request.")] = 32 * MIB
    max_image_bytes: Annotated[PositiveInt, Field(description="Bytes of the picture as it is encoded.")] = 20 * MIB
    max_pixels: Annotated[PositiveInt, Field(description="Pixels a picture's header may promise.")] = 50_000_000
    max_regions: Annotated[PositiveInt, Field(description="Regions of one request.")] = 64

    decoders: Annotated[PositiveInt, Field(description="Threads that decode pictures and regions.")] = 2
    queue: Annotated[PositiveInt, Field(description="Requests that may wait for each stage.")] = 64
    batch: Annotated[
        PositiveInt, Field(description="Mentions encoded together at most; one request is never split.")
    ] = 32

    @property
    def image_limits(self) -> ImageLimits:
        return ImageLimits(max_pixels=self.max_pixels, max_bytes=self.max_image_bytes)


def read_settings() -> Settings:
    """The settings of the environment. Raises WikiClipError where one of them is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        names = ["_".join(["WIKICLIP", *(str(part).upper() for part in detail["loc"])]) for detail in error.errors()]
        reasons = [f"{name}: {detail['msg']}." for name, detail in zip(names, error.errors(), strict=True)]
        raise WikiClipError(" ".join(reasons)) from error
