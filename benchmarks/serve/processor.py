"""Processor time of a server's processes, by what each of them is."""

import os
import re
from collections import Counter
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
STAT = re.compile(r"(?P<pid>\d+) \((?P<title>.*)\) . (?P<parent>\d+) (?:\S+ ){9}(?P<user>\d+) (?P<system>\d+) ")
KINDS = {"wikiclip-front": "front", "wikiclip-engine": "engine"}
OTHER = "other"  # one process that does everything, or the supervisor and what forks for it


def processor_ms(pid: int) -> Counter[str]:
    """Milliseconds that a process and all under it have computed so far, by kind."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            match = STAT.match(path.read_text())
        except OSError:  # it has just ended
            continue
        assert match is not None
        found[int(match["pid"])] = match
    spent = Counter[str]()
    for one, match in found.items():
        above = one
        while above != pid and above in found:
            above = int(found[above]["parent"])
        if above == pid:
            spent[KINDS.get(match["title"], OTHER)] += (int(match["user"]) + int(match["system"])) * 1000 // TICKS
    return spent
