"""Keys in the database: sealing them, opening them, each under the context that says whose it is."""

from functools import lru_cache

from django.conf import settings

from broker.identity.nkeys import KeyPair
from console.lib.environment import SettingError, key_file
from console.lib.sealing import Sealer, SealingError, generate_key
from console.models import Namespace, Operator

OPERATOR = "operator"
OPERATOR_SIGNING = "operator-signing"
SYSTEM = "system"
SYSTEM_SIGNING = "system-signing"


def namespace_context(account: str) -> str:
    return f"namespace:{account}"


def namespace_signing_context(account: str) -> str:
    return f"namespace-signing:{account}"


def sealer() -> Sealer:
    """With the key from the environment, else from the key file. Raises SettingError when there is none."""
    text = settings.SEALING_KEY
    try:
        return _sealer(text or _key_from_file())
    except SealingError as error:
        raise SettingError(f"WIREROOM_SEALING_KEY: {error}.") from None


def make_sealing_key() -> None:
    """Writes the key file (0600) where neither it nor the variable exists.

    Only for an installation without an operator: a new key can't open what an old one sealed.
    """
    if not settings.SEALING_KEY:
        key_file(settings.SEALING_KEY_FILE, generate_key(), "WIREROOM_SEALING_KEY")


def operator_signing_key() -> KeyPair:
    """The key that signs accounts and tombstones."""
    operator = Operator.objects.get()
    return KeyPair.from_seed(sealer().open(operator.sealed_signing_seed, OPERATOR_SIGNING))


def namespace_signing_key(namespace: Namespace) -> KeyPair:
    """The key that signs a namespace's users."""
    context = namespace_signing_context(namespace.id)
    return KeyPair.from_seed(sealer().open(namespace.sealed_signing_seed, context))


@lru_cache(maxsize=4)
def _sealer(text: str) -> Sealer:
    return Sealer(text)


def _key_from_file() -> str:
    try:
        return str(settings.SEALING_KEY_FILE.read_text().strip())
    except OSError as error:
        raise SettingError(
            f"WIREROOM_SEALING_KEY isn't set and its file can't be read: {error}."
            " Without the key that sealed them, no private key in the database can be used."
        ) from None
