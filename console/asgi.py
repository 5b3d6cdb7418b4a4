"""What daphne serves: ``daphne console.asgi:application``. Importing it starts the keeper."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

try:
    from django.core.asgi import get_asgi_application

    _http = get_asgi_application()
except ImproperlyConfigured as _error:
    sys.exit(str(_error))

from console.live import keeper
from console.routing import route

application = route(_http)
keeper.start()
