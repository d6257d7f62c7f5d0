"""A worker process of Beam's local runner: `--direct_running_mode=multi_processing`.

    python -m pipelines.worker_process

`pipelines.runner` has it started in the place of Beam's own, which at Ctrl-C says a page: a
terminal sends that to every process of a command. TensorFlow is loaded quietly first, as there.
"""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Serve the runner that the environment names, until it hangs up or Ctrl-C is pressed."""
    # With status 0: what is to be said of Ctrl-C, the command says.
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    from aisle.quiet import import_tensorflow

    import_tensorflow(with_keras=False)
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)


if __name__ == "__main__":
    main()
