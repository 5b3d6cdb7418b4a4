"""The checksum of the compiled build against zlib's."""

import random
import zlib

import pytest

from broker import builds


@pytest.mark.skipif(builds.speedups is None, reason="nothing compiled: zlib's is the only one")
def test_it_is_that_of_zlib() -> None:
    rng = random.Random(1)
    for size in (*range(70), 255, 4096, 100_003):
        data, seed = rng.randbytes(size), rng.getrandbits(32)
        assert builds.speedups.checksum(data, seed) == zlib.crc32(data, seed)
        assert builds.speedups.checksum(data) == zlib.crc32(data)
