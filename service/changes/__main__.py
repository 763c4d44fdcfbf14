"""The process that applies changes beside a service, which starts it; it ends when the service does, however."""

import logging
import os
import signal
import sys
import threading
from contextlib import suppress

NICE = "WIKICLIP_CHANGES_NICE"  # in the environment, since it holds from before anything heavy is imported


def main() -> None:
    """Reads what is to be done from the standard input, and does it until nothing more comes.

    At the lowest of all priorities nothing would be applied for as long as callers keep all cores busy: the default
    takes a little from them.
    """
    with suppress(OSError, AttributeError):
        os.nice(int(os.environ[NICE]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, with which this ends
    line = sys.stdin.buffer.readline()
    # At once, in the middle of whatever it does: an update may be killed at any moment.
    threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()

    import torch

    from service.changes.applier import Applier
    from service.changes.work import Work
    from service.telemetry import logs

    work = Work.model_validate_json(line)
    logs.configure(work.log_level, work.log_format)
    torch.set_num_threads(1)
    Applier(work).run()
    logging.shutdown()
    os._exit(0)  # the thread that reads cannot be ended, and Python would wait for its lock


if __name__ == "__main__":
    main()
