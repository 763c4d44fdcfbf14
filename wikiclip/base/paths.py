"""Where fetched and made things are kept: one folder, `var` beside the caller unless WIKICLIP_HOME names another."""

import os
from pathlib import Path


def home() -> Path:
    """The folder for everything that can be fetched or made again. Read at each call, so a test can move it."""
    return Path(os.environ.get("WIKICLIP_HOME", "var"))


def debian_root() -> Path:
    """Where the Debian packages of the default data are unpacked, as if it were `/`."""
    return home() / "debian" / "root"


def articles_root() -> Path:
    """Where the package of Wikipedia's articles is unpacked."""
    return home() / "wikipedia" / "root"


def checkpoints_home() -> Path:
    """The folder of checkpoints that were made here, by name."""
    return home() / "checkpoints"


def index_home() -> Path:
    """The folder that keeps index versions."""
    return home() / "index"


def features_home() -> Path:
    """The folder that keeps frozen features between training runs."""
    return home() / "features"
