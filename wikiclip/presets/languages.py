"""Which languages a preset's text encoder reads, and how much of a text."""

from dataclasses import dataclass

from wikiclip.presets import TOWER, Preset

ENGLISH = frozenset({"en"})
LLAMA = frozenset({"en", "de", "fr", "it", "pt", "hi", "es", "th"})
MANY = None  # some dozens or more, as what trained it says
# Of an encoder by a part of its name, in small letters; the first that fits counts. One that fits none is unknown.
KNOWN: tuple[tuple[str, frozenset[str] | None, int | None], ...] = (
    ("qwen3-vl-embedding", MANY, None),
    ("siglip2", MANY, 64),
    ("mobileclip", ENGLISH, 77),
    ("llama-3.2", LLAMA, None),
    ("multilingual", MANY, None),
    ("bge-m3", MANY, None),
    ("labse", MANY, None),
    ("all-minilm", ENGLISH, None),
    ("bge-small-en", ENGLISH, None),
    ("bge-base-en", ENGLISH, None),
)


@dataclass(frozen=True)
class Reading:
    """What a text encoder was trained to read.

    Attributes:
        languages: the first parts of their BCP 47 tags; None for many.
        tokens: of a text that it reads at most; the rest is cut off.
    """

    languages: frozenset[str] | None
    tokens: int

    def reads(self, language: str) -> bool:
        """Whether it reads a language, by the first part of its tag."""
        return self.languages is None or language in self.languages

    def __str__(self) -> str:
        told = "many languages" if self.languages is None else f"{', '.join(sorted(self.languages))} alone"
        return f"{told}, {self.tokens} tokens of a text"


def reading_of(preset: Preset) -> Reading | None:
    """What is known of a preset's text encoder; None where nothing is."""
    of_tower = preset.text.model == TOWER
    name = (f"{preset.vision.architecture} {preset.vision.weights}" if of_tower else preset.text.model).lower()
    most = preset.vision.joint.max_tokens if preset.vision.joint is not None else preset.text.max_tokens
    for part, languages, context in KNOWN:
        if part in name:
            return Reading(languages, min(most, context or most))
    return None
