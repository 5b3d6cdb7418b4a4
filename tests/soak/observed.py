"""The broker, which writes down what it holds whenever it is sent SIGRTMIN: python -m tests.soak.observed [flags]

Settings  OBSERVED_INTO  the file: one JSON object {blocks, objects: {type: count}}, written whole and then renamed
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

from broker.app.run import main


def observe(_number: int, _frame: object) -> None:
    gc.collect()
    path = Path(os.environ["OBSERVED_INTO"])
    objects = Counter(
        f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects()
    )
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"blocks": sys.getallocatedblocks(), "objects": objects}))
    part.rename(path)


if __name__ == "__main__":
    signal.signal(signal.SIGRTMIN, observe)
    sys.exit(main(sys.argv[1:]))
