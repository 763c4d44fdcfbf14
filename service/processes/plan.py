"""How many processes there are, and what each may take of what the settings give to all of them."""

from dataclasses import dataclass

from service.settings import Settings
from wikiclip.base.machine import cores

CORES_OF_ENGINE = 8  # that one interpreter keeps busy with encoding
CORES_OF_FRONT = 4  # and one that decodes, where encoders share the cores
CORES_OF_FRONT_BESIDE_GPU = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """Fronts, and engines by the GPU that each has, None for the processor. No engines: one process does everything."""

    fronts: int
    engines: tuple[int | None, ...]

    def of_front(self, settings: Settings) -> Settings:
        """What one front may take."""
        return settings.model_copy(
            update={
                "decoders": _share(settings.decoders, self.fronts),
                "picture_cache_bytes": settings.picture_cache_bytes // self.fronts,
                "max_connections_per_address": _share(settings.max_connections_per_address, self.fronts),
            }
        )

    def of_engine(self, settings: Settings) -> Settings:
        """What one engine may take."""
        engines = len(self.engines)
        on_gpu = self.engines[0] is not None
        return settings.model_copy(
            update={
                "threads": _share(settings.threads, engines),
                "search_threads": _share(settings.search_threads, engines),
                "encoders": settings.encoders if on_gpu else _share(settings.encoders, engines),
                "decoders": 1,  # of pictures to outline and to explain alone
                "picture_cache_bytes": 0,
                # Fronts keep to it; here it bounds nothing, since what was given up is on its way out for a moment.
                "queue": 2 * settings.queue + self.fronts,
            }
        )


def plan(settings: Settings) -> Plan:
    """The plan for these settings on this machine."""
    from wikiclip.base.devices import visible_devices  # which imports torch

    devices = [] if settings.device == "cpu" else visible_devices()
    gpus = [device.index for device in devices if device.type != "cpu"]
    if settings.processes == "auto":
        fronts = cores() // (CORES_OF_FRONT_BESIDE_GPU if gpus else CORES_OF_FRONT)
    else:
        fronts = settings.processes
    if fronts < 2 and len(gpus) < 2:
        return Plan(1, ())
    engines = tuple(gpus) or (None,) * max(1, cores() // CORES_OF_ENGINE)
    return Plan(max(1, fronts), engines)


def _share(of: int, among: int) -> int:
    """Rounded up, so that none gets nothing; 0, which bounds nothing, stays."""
    return -(-of // among)
