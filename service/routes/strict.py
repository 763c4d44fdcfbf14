"""What the POST routes' models have in common."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Nothing is converted, and nothing passed over."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)
