"""What the OpenAPI description says beyond the views themselves."""

from inspect import cleandoc
from typing import Any, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema as SpectacularSchema

from console.http.authentication import API_KEY_HEADER, ApiKeyAuthentication, SessionAuthentication
from console.http.views import View

_SCALEWAY = "console.http.scaleway"
#: What any request may be answered with besides, always in the same form.
_ERRORS = (400, 401, 403, 404, 405, 409, 412, 413, 415, 429, 500, 503, 504)


class CookieScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = SessionAuthentication
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "With X-CSRFToken (from the cookie csrftoken) on everything but GET.",
        }


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = ApiKeyAuthentication
    name = "api_key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": API_KEY_HEADER,
            "description": "The secret key of an API key, which acts with its owner's roles.",
        }


class AutoSchema(SpectacularSchema):
    """Operation ids from verb and path: ``post_namespaces_account_credentials``; no two are alike.

    The two interfaces call different things by the same names: those of Scaleway's form begin with ``Scaleway``,
    and what requests carry ends with ``Request``.
    """

    def get_operation_id(self) -> str:
        path = self.path.removeprefix("/api/").strip("/")
        words = path.replace("{", "").replace("}", "").replace("-", "_").split("/")
        return "_".join((self.method.lower(), *words))

    def get_description(self) -> str:  # type: ignore[override]
        """What the view itself says, not what it is made from."""
        return cleandoc(type(self.view).__dict__.get("__doc__") or "").replace("``", "")

    def get_tags(self) -> list[str]:
        view = cast(View, self.view)
        return [view.tag or type(view).__module__.split(".")[2].capitalize()]

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        name = super().get_serializer_name(serializer, direction)
        module = type(serializer).__module__
        if module.endswith(".forms"):
            name = f"{name}Request"
        return f"Scaleway{name}" if module.startswith(_SCALEWAY) else name


def add_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Hook of drf-spectacular, once the description is whole."""
    form = {"schema": {"$ref": "#/components/schemas/Error"}}
    answer = {"content": {"application/json": form}, "description": ""}
    for operations in result["paths"].values():
        for operation in operations.values():
            for status in _ERRORS:
                operation["responses"].setdefault(str(status), answer)
    return result
