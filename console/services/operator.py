"""The operator and its system account: made once, at an installation's first start."""

import time

from django.db import transaction

from broker.identity import jwt
from broker.identity.nkeys import KeyPair
from console.models import Operator
from console.services import keys
from console.services.audit import About, Actor, record
from console.services.claims import UNLIMITED

NAME = "wireroom"


def ensure_operator() -> Operator:
    """The operator; it, its system account and the sealing key are made where they don't exist yet."""
    if (operator := Operator.objects.first()) is not None:
        return operator
    keys.make_sealing_key()
    with transaction.atomic():
        operator, created = Operator.objects.get_or_create(id=1, defaults=_fields())
        if created:
            record(Actor(), "operator.created", "The operator was created.", About(target=NAME))
    return operator


def _fields() -> dict[str, str]:
    identity, signing = KeyPair.generate("operator"), KeyPair.generate("operator")
    system, system_signing = KeyPair.generate("account"), KeyPair.generate("account")
    sealer = keys.sealer()
    return {
        "public_key": identity.public,
        "sealed_seed": sealer.seal(identity.seed, keys.OPERATOR),
        "signing_public_key": signing.public,
        "sealed_signing_seed": sealer.seal(signing.seed, keys.OPERATOR_SIGNING),
        "jwt": _operator_jwt(identity, signing, system),
        "system_account": system.public,
        "sealed_system_seed": sealer.seal(system.seed, keys.SYSTEM),
        "system_signing_public_key": system_signing.public,
        "sealed_system_signing_seed": sealer.seal(system_signing.seed, keys.SYSTEM_SIGNING),
        "system_account_jwt": _system_account_jwt(signing, system, system_signing),
    }


def _operator_jwt(identity: KeyPair, signing: KeyPair, system: KeyPair) -> str:
    """Self-signed. Strict: the identity key signs nothing else, so it could be kept elsewhere."""
    body = {
        "type": "operator",
        "version": 2,
        "signing_keys": [signing.public],
        "system_account": system.public,
        "strict_signing_key_usage": True,
    }
    return jwt.encode({"sub": identity.public, "name": NAME, "nats": body}, identity)


def _system_account_jwt(signing: KeyPair, system: KeyPair, system_signing: KeyPair) -> str:
    body = {
        "type": "account",
        "version": 2,
        "limits": UNLIMITED,
        "signing_keys": [system_signing.public],
        "exports": _SYSTEM_EXPORTS,
    }
    claims = {"sub": system.public, "name": "SYS", "iat": int(time.time()), "nats": body}
    return jwt.encode(claims, signing)


#: What nats-server's tools expect of a system account; accounts may import what concerns themselves.
_SYSTEM_EXPORTS = [
    {
        "name": "account-monitoring-services",
        "subject": "$SYS.REQ.ACCOUNT.*.*",
        "type": "service",
        "response_type": "Stream",
        "account_token_position": 4,
        "description": "Request account specific monitoring services for: SUBSZ, CONNZ, LEAFZ, JSZ and INFO",
    },
    {
        "name": "account-monitoring-streams",
        "subject": "$SYS.ACCOUNT.*.>",
        "type": "stream",
        "account_token_position": 3,
        "description": "Account specific monitoring stream",
    },
]
