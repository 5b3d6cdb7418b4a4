"""Who may connect, as the file says it: ``authorization``, ``users`` and permissions. Shapes only, no decisions."""

import re

from broker.config.options import AuthorizationConfig, PermissionsConfig, SubjectConfig, UserConfig
from broker.config.reader import Node
from broker.config.values import (
    BadValue,
    Option,
    Report,
    boolean,
    fill,
    integer,
    kind_of,
    mapping,
    seconds,
    strict_duration,
    table,
    text,
    texts,
)
from broker.identity import nkeys

CONNECTION_TYPES = frozenset(
    ("STANDARD", "WEBSOCKET", "LEAFNODE", "LEAFNODE_WS", "MQTT", "MQTT_WS", "IN_PROCESS")
)
RESPONSE_MAX = 1
RESPONSE_TTL_S = 120.0
_AUTH_TIMEOUT_HIGH_S = 60.0


def valid_subject(subject: str) -> bool:
    """Non-empty tokens without blanks, ``>`` only as the last."""
    tokens = subject.split(".")
    if any(not token or re.search(r"[\s]", token) for token in tokens):
        return False
    return ">" not in tokens[:-1]


# Permissions -----------------------------------------------------------------------------------------


def _subjects(node: Node, queues: bool) -> tuple[str, ...]:
    subjects = texts(node)
    for subject in subjects:
        parts = subject.split()
        if valid_subject(subject) or (
            queues and len(parts) == 2 and all(map(valid_subject, parts))
        ):
            continue
        raise BadValue(f'subject "{subject}" is not a valid subject', node)
    return subjects


def _allowed(node: Node, report: Report, queues: bool) -> tuple[str, ...] | None:
    subjects = _subjects(node, queues)
    if not subjects:
        report.warn(node, "an empty list of allowed subjects allows all of them")
    return subjects or None


def _subject_permission(node: Node, report: Report, queues: bool) -> SubjectConfig:
    if not isinstance(node.value, dict):
        return SubjectConfig(allow=_allowed(node, report, queues))
    config = SubjectConfig()
    for key, value in node.value.items():
        if key.lower() == "allow":
            config.allow = _allowed(value, report, queues)
        elif key.lower() == "deny":
            config.deny = _subjects(value, queues)
        elif not value.used:
            report.error(
                value,
                f'Unknown field name "{key}" parsing subject permissions, '
                "only 'allow' or 'deny' are permitted",
            )
    return config


class _Responses:
    max = 0
    expires = 0.0


_RESPONSES = table(
    ("max max_msgs max_messages max_responses", integer),
    ("expires expiration ttl", strict_duration),
)


def _allow_responses(node: Node, report: Report) -> tuple[int, float] | None:
    if isinstance(node.value, bool):
        return (RESPONSE_MAX, RESPONSE_TTL_S) if node.value else None
    if not isinstance(node.value, dict):
        raise BadValue("error parsing response permissions, expected a boolean or a map", node)
    raw = _Responses()
    fill(raw, node, _RESPONSES, report, "response permissions")
    return raw.max or RESPONSE_MAX, raw.expires or RESPONSE_TTL_S


_PERMISSIONS = table(
    ("publish pub import", lambda node, report: _subject_permission(node, report, False)),
    ("subscribe sub export", lambda node, report: _subject_permission(node, report, True)),
    ("allow_responses publish_allow_responses", _allow_responses),
)


def permissions(node: Node, report: Report) -> PermissionsConfig:
    if not isinstance(node.value, dict):
        raise BadValue(f"Expected permissions to be a map/struct, got {kind_of(node.value)}", node)
    config = PermissionsConfig()
    fill(config, node, _PERMISSIONS, report, "permissions")
    if config.allow_responses is not None and config.publish.allow is None:
        config.publish.allow = ()
    return config


# Users -----------------------------------------------------------------------------------------------


def _connection_types(node: Node, _report: Report) -> frozenset[str]:
    types = frozenset(value.upper() for value in texts(node))
    if unknown := sorted(types - CONNECTION_TYPES):
        names = " ".join(f'"{name}"' for name in unknown)
        raise BadValue(f"invalid connection types [{names}]", node)
    return types


_USER = table(
    ("user username", text),
    ("password pass", text),
    ("nkey", text),
    ("permissions permission authorization", permissions),
    ("allowed_connection_types connection_types clients", _connection_types),
)


def _proxy_required(node: Node, _report: Report) -> None:
    if boolean(node):
        raise BadValue("proxy_required is not supported by this server", node)


_USER["proxy_required"] = Option("proxy_required", _proxy_required)


class _Gathered:
    """Takes the attributes of ``_USER``; those that ``UserConfig`` has are copied."""


def _user(node: Node, report: Report) -> UserConfig:
    raw = _Gathered()
    fill(raw, node, _USER, report, "user entry")
    values = vars(raw)
    values.pop("proxy_required", None)
    config = UserConfig(**values)
    if not config.nkey and not config.user:
        raise BadValue("User entry requires a user", node)
    if config.nkey and not nkeys.is_public(config.nkey, "user"):
        raise BadValue("Not a valid public nkey for a user", node)
    if config.nkey and (config.user or config.password):
        raise BadValue("Nkey users do not take usernames or passwords", node)
    return config


def users(node: Node, report: Report) -> list[UserConfig]:
    if not isinstance(node.value, list):
        raise BadValue(f"Expected users field to be an array, got {kind_of(node.value)}", node)
    return [_user(item, report) for item in node.value if mapping(item, "user entry")]


def apply_default_permissions(of: list[UserConfig], default: PermissionsConfig | None) -> None:
    for user in of:
        if user.permissions is None:
            user.permissions = default


# Authorization ---------------------------------------------------------------------------------------


def _auth_timeout(node: Node, report: Report) -> float:
    value = seconds(node)
    if value > _AUTH_TIMEOUT_HIGH_S:
        report.warn(
            node,
            f"timeout of {value:g} seconds is high, consider keeping it under 60 seconds. "
            "possibly caused by unquoted duration; use '1m' instead of 1m, for example",
        )
    return value


def _callout(node: Node, _report: Report) -> None:
    raise BadValue("auth_callout is not supported by this server", node)


_AUTHORIZATION = table(
    ("user username", text),
    ("password pass", text),
    ("token", text),
    ("timeout", _auth_timeout),
    ("users", users),
    ("default_permissions default_permission permissions", permissions),
    ("auth_callout auth_hook", _callout),
    ("proxy_required", _proxy_required),
)


def authorization(node: Node, report: Report) -> AuthorizationConfig:
    raw = _Gathered()
    given = fill(raw, node, _AUTHORIZATION, report, "authorization")
    values = vars(raw)
    values.pop("proxy_required", None)
    config = AuthorizationConfig(**values, defined=True)
    if (config.user or config.password) and config.token:
        raise BadValue("Cannot have a user/pass and token", node)
    if "users" in given and config.user:
        raise BadValue("Can not have a single user/pass and a users array", node)
    if "users" in given and config.token:
        raise BadValue("Can not have a token and a users array", node)
    apply_default_permissions(config.users, config.default_permissions)
    return config
