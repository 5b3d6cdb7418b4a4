"""Each credential knows its namespace's project, for lists that are read from an index alone."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def fill(apps: Any, schema_editor: Any) -> None:
    namespaces = apps.get_model("console", "Namespace").objects.filter(pk=OuterRef("namespace_id"))
    credentials = apps.get_model("console", "Credential").objects
    credentials.update(project_id=Subquery(namespaces.values("project_id")[:1]))


class Migration(migrations.Migration):
    atomic = False  # PostgreSQL adds no constraint to rows that the same transaction has changed
    dependencies = [("console", "0005_sharing")]
    operations = [
        migrations.RemoveIndex("credential", "credential_by_age"),
        migrations.RemoveIndex("credential", "credential_by_name"),
        migrations.AddField(
            "credential",
            "project",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="console.project",
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField(
            "credential",
            "project",
            models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="console.project",
            ),
        ),
        migrations.AddIndex(
            "credential",
            models.Index(
                condition=models.Q(("revoked_at", None)),
                fields=["project", "created_at", "id"],
                name="credential_listed_by_age",
            ),
        ),
        migrations.AddIndex(
            "credential",
            models.Index(
                condition=models.Q(("revoked_at", None)),
                fields=["project", "name", "id"],
                name="credential_listed_by_name",
            ),
        ),
    ]
