"""All features that a stream may have, in the order in which they are told what happens."""

from typing import Final

from broker.jetstream.batch import Batches
from broker.jetstream.direct import DirectGet, MirrorDirectGet
from broker.jetstream.fast_batch import FastBatches
from broker.jetstream.feature import Feature
from broker.jetstream.mirror import Mirror
from broker.jetstream.republish import Republish
from broker.jetstream.schedules import Schedules
from broker.jetstream.sources import Sources
from broker.jetstream.ttl import Expiry

FEATURES: Final[tuple[type[Feature], ...]] = (
    DirectGet,
    MirrorDirectGet,
    Republish,
    Expiry,
    Schedules,
    Mirror,
    Sources,
    Batches,
    FastBatches,
)
