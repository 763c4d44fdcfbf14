"""What the process that applies changes is told by the service that starts it."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from service.settings import Settings
from service.telemetry.logs import LogLevel
from wikiclip.base.machine import DeviceChoice


class Work(BaseModel):
    """Its settings, as JSON on its standard input, which ends when the service does.

    Attributes:
        model, index, device: the service's.
        milvus_uri, milvus_token, milvus_timeout_s: the service's.
        most: changes that are joined at most.
        give_up: whether the oldest change that waits has ended this process again and again, and is given up.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    index: Path
    device: DeviceChoice
    milvus_uri: str
    milvus_token: str
    milvus_timeout_s: float
    most: int
    give_up: bool = False
    log_level: LogLevel = "warning"
    log_format: Literal["text", "json"] = "text"

    @classmethod
    def of(cls, settings: Settings, *, most: int, give_up: bool) -> "Work":
        """What a service of these settings tells."""
        return cls(
            model=settings.model,
            index=settings.index.absolute(),
            device=settings.device,
            milvus_uri=settings.milvus_uri,
            milvus_token=settings.milvus_token.get_secret_value(),
            milvus_timeout_s=settings.milvus_timeout_s,
            most=most,
            give_up=give_up,
            log_format=settings.log_format,
        )
