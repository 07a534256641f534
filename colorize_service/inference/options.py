"""What can be said about how a photo is colorized, by the operator and by a request."""

from dataclasses import dataclass, fields

from colorize_service.inference.hints import Hint


@dataclass(frozen=True)
class Setup:
    """How a model is run; what the settings of the same names say. None: as the model or its preset has it."""

    device: str = "auto"
    threads: int = 1
    preset: str = "reference"
    guidance_interval: tuple[float, float] | None = None
    max_batch: int | None = None


@dataclass(frozen=True)
class Options:
    """What a request may say about its photo; each kind of model knows some of it. None: the model's default."""

    hints: tuple[Hint, ...] | None = None
    prompt: str | None = None
    negative_prompt: str | None = None
    seed: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None

    def or_else(self, defaults: "Options") -> "Options":
        """These options, and where they are None, the defaults."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return Options(**{name: getattr(defaults, name) if value is None else value for name, value in values.items()})
