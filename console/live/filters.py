"""What a page asks to see, checked field by field and made into a tap specification."""

from typing import Any

from broker.contract.taps import MODES, ONE_IN_MAX, TEXT_MAX, HeaderFilter, TapSpec
from console.lib.subjects import problem_of_filter
from console.live.socket import Fault

_FIELDS = {"op", "subjects", "exclude", "headers", "payload_contains", "mode", "n"}


def read_spec(account: str, message: dict[str, Any]) -> TapSpec:
    """From an ``open`` message. Raises Fault naming the field. The id is the hub's to give."""
    if unknown := sorted(message.keys() - _FIELDS):
        raise Fault(unknown[0][:64], "This field isn't known.")
    try:
        return TapSpec(
            id="-",
            account=account,
            subjects=_subjects(message, "subjects") or (">",),
            exclude=_subjects(message, "exclude"),
            headers=_headers(message.get("headers")),
            payload_contains=_text(message.get("payload_contains") or "", "payload_contains"),
            mode=_mode(message.get("mode") or "all"),
            n=_number(message.get("n", 1)),
        )
    except ValueError as error:
        field, _, problem = str(error).partition(": ")
        raise Fault(field, f"{field} {problem}.") from None


def _subjects(message: dict[str, Any], field: str) -> tuple[str, ...]:
    found = message.get(field) or []
    if not isinstance(found, list):
        raise Fault(field, f"{field} must be a list.")
    for subject in found[:64]:
        if problem := problem_of_filter(_text(subject, field)):
            raise Fault(field, f"A subject {problem}.")
    # Sorted: pages that ask for the same in another order share one tap.
    return tuple(sorted({str(subject) for subject in found}))


def _headers(found: object) -> tuple[HeaderFilter, ...]:
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise Fault("headers", "headers must be a list of objects with name and value.")
    filters = []
    for entry in found:
        value = entry.get("value")
        name = _text(entry.get("name"), "headers")
        filters.append(HeaderFilter(name, None if value is None else _text(value, "headers")))
    return tuple(filters)


def _mode(found: object) -> Any:
    if found not in MODES:
        raise Fault("mode", f"mode must be one of {', '.join(MODES)}.")
    return found


def _number(found: object) -> int:
    if type(found) is not int or not 1 <= found <= ONE_IN_MAX:
        raise Fault("n", f"n must be a whole number from 1 to {ONE_IN_MAX}.")
    return found


def _text(found: object, field: str) -> str:
    if not isinstance(found, str) or len(found) > TEXT_MAX:
        raise Fault(field, f"{field} must be text of at most {TEXT_MAX} characters.")
    try:
        found.encode()
    except UnicodeEncodeError:
        raise Fault(field, f"{field} must be valid Unicode.") from None
    return found
