"""Every error as JSON, in one place: services', DRF's, Django's, and the outside's.

Wire     400 {"type":"invalid_arguments","message","details":[{"argument_name","reason","help_message"}]}
         401 denied_authentication · 403 permissions_denied or quotas_exceeded · 404 not_found · 409 already_exists
         412 precondition_failed · 429 too_many_requests · 503 broker_unavailable · 500 internal_error
Source   the forms of Scaleway's API, which the machine interface shares
"""

import logging
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from console.gateway.errors import BrokerRefused, BrokerUnavailable, JetStreamRefused
from console.gateway.rates import WINDOW_S
from console.http.authentication import KeyRefused
from console.http.rates import TooManyRequests
from console.lib.times import rfc3339
from console.services import errors as service

log = logging.getLogger(__name__)

Body = dict[str, Any]


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's hook. Nothing of an unexpected error goes out; its traceback goes to the log."""
    set_rollback()
    for kind, answer in _ANSWERS.items():
        if isinstance(error, kind):
            code, body = answer(error)
            response = Response(body, status=code)
            if header := getattr(error, "auth_header", None):
                response["WWW-Authenticate"] = header
            if wait := getattr(error, "wait", None):
                response["Retry-After"] = str(int(wait))
            return response
    request = context.get("request")
    log.error("%s failed", getattr(request, "path", "a request"), exc_info=error)
    return Response(internal(), status=500)


def internal() -> Body:
    return {
        "type": "internal_error",
        "message": "Something failed on our side; it was written down.",
    }


def invalid(*details: Body) -> Body:
    return {
        "type": "invalid_arguments",
        "message": "invalid argument(s)",
        "details": list(details),
    }


def detail(argument: str, reason: str, help_message: str) -> Body:
    return {"argument_name": argument, "reason": reason, "help_message": help_message}


def not_found(resource: str, resource_id: str) -> Body:
    return {
        "type": "not_found",
        "message": "resource is not found",
        "resource": resource,
        "resource_id": resource_id,
    }


def denied(message: str, method: str, reason: str) -> Body:
    return {
        "type": "denied_authentication",
        "message": message,
        "method": method,
        "reason": reason,
    }


# Services' errors ---------------------------------------------------------------------------------------


def _invalid_argument(error: service.InvalidArgument) -> tuple[int, Body]:
    return 400, invalid(detail(error.argument, error.reason, error.help_message))


def _not_found(error: service.NotFound) -> tuple[int, Body]:
    return 404, not_found(error.resource, error.resource_id)


def _denied(error: service.Denied) -> tuple[int, Body]:
    return 403, {
        "type": "permissions_denied",
        "message": "insufficient permissions",
        "details": [{"action": error.action, "resource": error.resource}],
    }


def _conflict(error: service.Conflict) -> tuple[int, Body]:
    return 409, {
        "type": "already_exists",
        "message": error.message,
        "resource": error.resource,
        "resource_id": error.resource_id,
        "help_message": error.message,
    }


def _precondition(error: service.PreconditionFailed) -> tuple[int, Body]:
    return 412, {
        "type": "precondition_failed",
        "message": error.message,
        "precondition": error.precondition,
        "help_message": error.message,
    }


def _quota(error: service.QuotaExceeded) -> tuple[int, Body]:
    return 403, {
        "type": "quotas_exceeded",
        "message": error.message,
        "details": [{"resource": error.resource, "quota": error.quota, "current": error.current}],
    }


# The outside's ------------------------------------------------------------------------------------------


def _unavailable(error: BrokerUnavailable) -> tuple[int, Body]:
    return 503, {"type": "broker_unavailable", "message": str(error)}


def _refused(error: BrokerRefused) -> tuple[int, Body]:
    return 400, {"type": "broker_refused", "message": str(error)}


def _jetstream(error: JetStreamRefused) -> tuple[int, Body]:
    # JetStream says 500 for many a setting that it doesn't take.
    status = error.code if 400 <= error.code < 500 or error.code == 503 else 400
    kind = "not_found" if status == 404 else "jetstream_refused"
    text = str(error)
    return status, {
        "type": kind,
        "message": text[:1].upper() + text[1:] + ("" if text.endswith(".") else "."),
        "err_code": error.err_code,
    }


# DRF's --------------------------------------------------------------------------------------------------


def _validation(error: exceptions.ValidationError) -> tuple[int, Body]:
    return 400, invalid(*_details(error.detail))


def _details(found: Any, path: str = "") -> Iterator[Body]:
    if isinstance(found, dict):
        for name, inner in found.items():
            separate = name not in ("non_field_errors",)
            yield from _details(inner, f"{path}.{name}".strip(".") if separate else path)
    elif isinstance(found, list):
        for inner in found:
            yield from _details(inner, path)
    else:
        reason = _REASONS.get(getattr(found, "code", ""), "constraint")
        yield detail(path or "body", reason, str(found))


#: DRF's codes for what is wrong with a field → ours; the rest are constraints.
_REASONS = {
    "required": "required",
    "blank": "required",
    "null": "required",
    "unknown": "unknown",
    "invalid": "format",
    "not_a_dict": "format",
    "not_a_list": "format",
    "invalid_choice": "constraint",
}


def _parse(error: exceptions.ParseError) -> tuple[int, Body]:
    return 400, invalid(detail("body", "format", str(error.detail)))


def _unauthenticated(_error: Exception) -> tuple[int, Body]:
    return 401, denied("Sign in first.", "unknown_method", "unknown_reason")


def _key_refused(error: KeyRefused) -> tuple[int, Body]:
    return 401, denied(str(error.detail), "api_key", error.reason)


def _api_denied(error: Exception) -> tuple[int, Body]:
    text = str(getattr(error, "detail", "")) or "insufficient permissions"
    return 403, {"type": "permissions_denied", "message": text, "details": []}


def _http_404(_error: Exception) -> tuple[int, Body]:
    return 404, not_found("route", "")


def _throttled(error: exceptions.Throttled) -> tuple[int, Body]:
    text = "Too many requests: wait a little."
    return 429, {"type": "too_many_requests", "message": text, "help_message": text}


def _too_many(error: TooManyRequests) -> tuple[int, Body]:
    text = f"At most {error.quota} requests a minute: wait {error.wait} s."
    return 429, {
        "type": "too_many_requests",
        "message": text,
        "help_message": text,
        "limit": {"quota": error.quota, "window_seconds": WINDOW_S},
        "reset_seconds": error.wait,
        "reset_at": rfc3339(error.reset_at),
    }


def _api(error: exceptions.APIException) -> tuple[int, Body]:
    kind = {405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}
    return error.status_code, {
        "type": kind.get(error.status_code, "error"),
        "message": str(error.detail),
    }


#: The first that fits answers: the general ones stand last.
_ANSWERS: dict[type[Exception], Any] = {
    service.InvalidArgument: _invalid_argument,
    service.NotFound: _not_found,
    service.Denied: _denied,
    service.Conflict: _conflict,
    service.PreconditionFailed: _precondition,
    service.QuotaExceeded: _quota,
    BrokerUnavailable: _unavailable,
    BrokerRefused: _refused,
    JetStreamRefused: _jetstream,
    exceptions.ValidationError: _validation,
    exceptions.ParseError: _parse,
    KeyRefused: _key_refused,
    exceptions.NotAuthenticated: _unauthenticated,
    exceptions.AuthenticationFailed: _unauthenticated,
    exceptions.PermissionDenied: _api_denied,
    DjangoPermissionDenied: _api_denied,
    exceptions.NotFound: _http_404,
    Http404: _http_404,
    TooManyRequests: _too_many,
    exceptions.Throttled: _throttled,
    exceptions.APIException: _api,
}


# Django's: outside of DRF's views -------------------------------------------------------------------------


def csrf_failure(request: HttpRequest, reason: str = "") -> JsonResponse:
    """``settings.CSRF_FAILURE_VIEW``."""
    message = "The CSRF token is missing or wrong: load the page again."
    return JsonResponse(
        {"type": "permissions_denied", "message": message, "details": []}, status=403
    )


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    return JsonResponse(
        invalid(detail("request", "format", "The request couldn't be understood.")), status=400
    )


def permission_denied(request: HttpRequest, exception: Exception) -> JsonResponse:
    return JsonResponse(_api_denied(exception)[1], status=status.HTTP_403_FORBIDDEN)


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    return JsonResponse(not_found("route", request.path[:200]), status=404)


def server_error(request: HttpRequest) -> JsonResponse:
    return JsonResponse(internal(), status=500)


def method_not_allowed(request: HttpRequest) -> JsonResponse:
    text = f'Method "{request.method}" not allowed.'
    return JsonResponse({"type": "method_not_allowed", "message": text}, status=405)
