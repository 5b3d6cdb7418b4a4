"""Django's settings for tests: the product's own, in a directory that goes away, and with nobody's Redis.

``TEST_DATABASE_URL`` names a PostgreSQL in which the tests may make a database of their own; SQLite without it.
"""

import atexit
import os
import shutil
import tempfile

_data_dir = tempfile.mkdtemp(prefix="wireroom-settings-")
atexit.register(shutil.rmtree, _data_dir, ignore_errors=True)

for _name in [name for name in os.environ if name.startswith("WIREROOM_")]:
    if _name != "WIREROOM_PURE_PYTHON":  # it says which build is judged
        del os.environ[_name]
for _name in ("REDIS_URL", "DATABASE_URL"):
    os.environ.pop(_name, None)
os.environ["WIREROOM_DATA_DIR"] = _data_dir
if "TEST_DATABASE_URL" in os.environ:
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]

from console.settings import *  # noqa: E402, F403
