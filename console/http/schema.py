"""What the OpenAPI description says beyond the views themselves."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema as SpectacularSchema

from console.http.authentication import SessionAuthentication


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


class AutoSchema(SpectacularSchema):
    """Operation ids from verb and path: ``post_namespaces_account_credentials``; no two are alike."""

    def get_operation_id(self) -> str:
        words = self.path.removeprefix("/api/").replace("{", "").replace("}", "").split("/")
        return "_".join((self.method.lower(), *words))
