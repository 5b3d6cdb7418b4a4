"""Exports and imports of a namespace: which subjects it shares with others, and which of others it takes."""

import uuid

from rest_framework.request import Request
from rest_framework.response import Response

from console.http import answers, forms, shapes
from console.http.described import describe
from console.http.views import View, actor, body, person
from console.models import Export, Import, Namespace
from console.models.membership import MAY_WRITE
from console.selectors import access
from console.services import sharing
from console.services.errors import NotFound


def _read(request: Request, account: str) -> Namespace:
    return access.to_namespace(person(request), account).namespace


def _write(request: Request, account: str) -> Namespace:
    return access.to_namespace(person(request), account, MAY_WRITE, "write").namespace


class Exports(View):
    tag = "Sharing"

    @describe("What a namespace exports", answers.ExportList)
    def get(self, request: Request, account: str) -> Response:
        rows = (
            _read(request, account).exports.select_related("namespace").prefetch_related("imports")
        )
        found = [shapes.export(row) for row in rows.order_by("subject")]
        return Response({"exports": found, "total_count": len(found)})

    @describe("Export a subject", answers.Export, status=201, request=forms.ExportCreate)
    def post(self, request: Request, account: str) -> Response:
        asked = body(forms.ExportCreate, request)
        namespace = _write(request, account)
        row, _ = sharing.export(actor=actor(request), namespace=namespace, **asked)
        return Response(shapes.export(row), status=201)


class OneExport(View):
    tag = "Sharing"

    @describe("Take an export back; whoever imports it loses it", None)
    def delete(self, request: Request, account: str, export_id: uuid.UUID) -> Response:
        row = _write(request, account).exports.filter(pk=export_id).first()
        if row is None:
            raise NotFound(sharing.EXPORT, str(export_id))
        sharing.withdraw(actor=actor(request), export=_with_namespace(row))
        return Response(status=204)


def _with_namespace(row: Export) -> Export:
    return Export.objects.select_related("namespace").get(pk=row.pk)


class Importable(View):
    tag = "Sharing"

    @describe("Exports of others that a namespace may import on your behalf", answers.ExportList)
    def get(self, request: Request, account: str) -> Response:
        rows = sharing.importable(person(request), _read(request, account))
        found = [shapes.export(row, counted=False) for row in rows[:1000]]
        return Response({"exports": found, "total_count": len(found)})


class Imports(View):
    tag = "Sharing"

    @describe("What a namespace imports", answers.ImportList)
    def get(self, request: Request, account: str) -> Response:
        rows = _read(request, account).imports.select_related("export__namespace")
        found = [shapes.imported(row) for row in rows.order_by("local_subject")]
        return Response({"imports": found, "total_count": len(found)})

    @describe("Import an export", answers.Import, status=201, request=forms.ImportCreate)
    def post(self, request: Request, account: str) -> Response:
        asked = body(forms.ImportCreate, request)
        namespace = _write(request, account)
        export = sharing.importable_one(person(request), namespace, asked["export_id"])
        row, _ = sharing.take(
            actor=actor(request),
            namespace=namespace,
            export=export,
            local_subject=asked["local_subject"],
        )
        return Response(shapes.imported(row), status=201)


class OneImport(View):
    tag = "Sharing"

    @describe("Import something no more", None)
    def delete(self, request: Request, account: str, import_id: uuid.UUID) -> Response:
        rows: list[Import] = list(_write(request, account).imports.filter(pk=import_id))
        if not rows:
            raise NotFound(sharing.IMPORT, str(import_id))
        sharing.drop(actor=actor(request), row=rows[0])
        return Response(status=204)
