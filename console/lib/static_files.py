"""Names of static files: with a hash in them once they were collected, plain before.

So the page works from a bare checkout, and is cached for ever after ``bootstrap`` has collected the files.
"""

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


class Storage(ManifestStaticFilesStorage):
    """Rewrites imports between JavaScript modules too; an unknown name stays as it is."""

    support_js_module_import_aggregation = True
    manifest_strict = False

    def stored_name(self, name: str) -> str:
        """The hashed name from the manifest, else ``name``: whitenoise serves that from the source directory."""
        return str(self.hashed_files.get(self.hash_key(self.clean_name(name)), name))
