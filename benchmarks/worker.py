"""One work in a process of its own: nothing is left over from the others, and the settings of the libraries hold.

python -m benchmarks starts it with the variables of machine.environment(); it writes JSON to its standard output.
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from importlib import import_module

from .machine import described
from .timing import Settings


def main() -> None:
    """python -m benchmarks.worker MODULE SETTINGS"""
    module, settings = sys.argv[1:]
    with redirect_stdout(sys.stderr):  # what libraries print is not JSON
        tables = import_module(f".{module}", __package__).run(Settings(**json.loads(settings)))
    print(json.dumps({"facts": described(), "tables": [asdict(table) for table in tables]}))


if __name__ == "__main__":
    main()
