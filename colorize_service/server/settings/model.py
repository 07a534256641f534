"""The model, where it runs, and how ColorizeNet samples."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, field_validator
from pydantic_settings import NoDecode

from colorize_service import EMBEDDED_BUNDLE
from colorize_service.inference.model import GPU_BATCH
from colorize_service.options import MOST_STEPS

Share = Annotated[float, Field(ge=0, le=1)]


def _interval(value: object) -> object:
    if not isinstance(value, str):
        return value
    ends = [end.strip() for end in value.split("-")]
    if len(ends) != 2:
        raise ValueError("takes two shares of 1 with a dash between them")
    return ends


class ModelSettings(BaseModel):
    """The bundle, the device, and what holds for each photo that a model works on."""

    model_bundle: Path = Field(
        default=EMBEDDED_BUNDLE, description="Folder of the model bundle; unset: the embedded model."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="`cuda` demands a GPU, `auto` takes one if it works, `cpu` takes none."
    )

    preset: Literal["reference", "fast", "cpu"] = Field(
        default="reference",
        description="How ColorizeNet samples: `reference` as its author does, `fast` in 10 steps, `cpu` "
        "in few steps at 256×256.",
    )
    max_steps: int = Field(
        default=MOST_STEPS, ge=1, le=MOST_STEPS, description="Most `steps` that a request may ask for; above: `400`."
    )
    guidance_interval: Annotated[tuple[Share, Share] | None, NoDecode, BeforeValidator(_interval)] = Field(
        default=None,
        description="From which to which share of ColorizeNet's sampling it is guided, such as `0.2-0.8`; unset: "
        "as the preset has it.",
    )
    max_batch: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description=f"Photos that ColorizeNet works on together if they wait; unset: {GPU_BATCH} on a GPU, 1 on a CPU.",
    )

    @field_validator("guidance_interval")
    @classmethod
    def _rising(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and value[0] >= value[1]:
            raise ValueError("takes the smaller share first")
        return value

    @field_validator("model_bundle")
    @classmethod
    def _absolute_folder(cls, value: Path) -> Path:
        return value.absolute()
