"""Users and policies: ``iam/v1alpha1``, as much as ``scw iam api-key get`` reads."""

from rest_framework.request import Request
from rest_framework.response import Response

from console.http.described import describe
from console.http.scaleway import answers, forms, shapes
from console.http.scaleway.views import KeyView
from console.http.views import checked, person, query
from console.selectors.organization import organization_id
from console.services.errors import NotFound


class OneUser(KeyView):
    tag = "Scaleway: API keys"

    @describe("Get the user as whom the key acts", answers.User)
    def get(self, request: Request, user_id: str) -> Response:
        wanted = checked(forms.UserPath, {"user_id": user_id})["user_id"]
        if wanted != person(request).pk:
            raise NotFound("user", user_id)
        return Response(shapes.user(person(request), organization_id()))


class Policies(KeyView):
    tag = "Scaleway: API keys"

    @describe(
        "List policies: there are none, since roles in projects decide",
        answers.PolicyList,
        query=forms.PolicyList,
    )
    def get(self, request: Request) -> Response:
        query(forms.PolicyList, request)
        return Response({"policies": [], "total_count": 0})
