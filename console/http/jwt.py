"""``/jwt/v1/accounts/<id>``: account claims in the form in which nats-server's URL resolver asks for them.

Wire     GET …/accounts/<public key> → 200 application/jwt, the token; 404 for an unknown or deleted account
         GET …/accounts/ → 200, by which nats-server tells at its start that this is a resolver
Claims are no secret: the operator signed them for every server that trusts it, and no private key is in them.
"""

from django.http import HttpRequest, HttpResponse

from console.http import errors
from console.models import Namespace, Operator

CONTENT_TYPE = "application/jwt"


def resolver(request: HttpRequest) -> HttpResponse:
    return _answer(request, "")


def account(request: HttpRequest, account: str) -> HttpResponse:
    token = (
        Namespace.objects.filter(pk=account).values_list("claims", flat=True).first()
        or Operator.objects.filter(system_account=account)
        .values_list("system_account_jwt", flat=True)
        .first()
    )
    return _answer(request, token) if token else errors.page_not_found(request)


def _answer(request: HttpRequest, token: str) -> HttpResponse:
    if request.method not in ("GET", "HEAD"):
        return errors.method_not_allowed(request)
    return HttpResponse(token, content_type=CONTENT_TYPE)
