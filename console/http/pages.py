"""The console's page, which knows its own paths, unknown ones too; and the reference of the API."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, ensure_csrf_cookie

from console.http import errors
from console.http.authentication import API_KEY_HEADER


@csrf_exempt
def page(request: HttpRequest) -> HttpResponse:
    """For browsers; a program that asks for a path which the API doesn't have gets an error that it can read."""
    if request.method not in ("GET", "HEAD") or _is_program(request):
        return errors.page_not_found(request)
    return _render(request)


def reference(request: HttpRequest) -> HttpResponse:
    """Draws what ``/api/schema`` says."""
    if request.method not in ("GET", "HEAD"):
        return errors.method_not_allowed(request)
    return render(request, "reference.html")


@ensure_csrf_cookie
def _render(request: HttpRequest) -> HttpResponse:
    return render(request, "console.html")


def _is_program(request: HttpRequest) -> bool:
    return API_KEY_HEADER in request.headers or not request.accepts("text/html")
