"""Every setting, from the environment. README has the table; a wrong value is one sentence that names its variable.

Loopback only, no sign-up and no debug pages unless asked for.
"""

import os
import re
import secrets
import tempfile
from pathlib import Path

from console import __version__
from console.lib.environment import Environment, SettingError, key_file
from console.lib.hosts import policy
from console.lib.limits import OF_CLAIMS, OF_NAMESPACE, OF_PROJECT

BASE_DIR = Path(__file__).resolve().parent.parent
_env = Environment(os.environ)

# Where things are ------------------------------------------------------------------------------------

DATA_DIR = Path(_env.text("WIREROOM_DATA_DIR") or BASE_DIR / ".data").expanduser().absolute()
VERSION = __version__
HOST = _env.text("WIREROOM_HOST", "127.0.0.1")
HTTP_PORT = _env.port("WIREROOM_HTTP_PORT", 8000)
NATS_PORT = _env.port("WIREROOM_NATS_PORT", 4222)
#: 0 = off.
WS_PORT = _env.port("WIREROOM_WS_PORT", 0)
MONITOR_PORT = _env.port("WIREROOM_MONITOR_PORT", 0)
#: An address that this machine's own programs can connect to; a wildcard can only be bound.
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "*": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound here
_reachable = _WILDCARDS.get(HOST, HOST)
_reachable = f"[{_reachable}]" if ":" in _reachable else _reachable

PUBLIC_URL = _env.url("WIREROOM_PUBLIC_URL", ("http", "https"))
CONSOLE_URL = PUBLIC_URL or f"http://{_reachable}:{HTTP_PORT}"
#: What people's clients connect to, as shown in the console.
NATS_URL = _env.url(
    "WIREROOM_NATS_URL", ("nats", "tls", "ws", "wss"), f"nats://{_reachable}:{NATS_PORT}"
)
_ws_url = f"ws://{_reachable}:{WS_PORT}" if WS_PORT else ""
WS_URL = _env.url("WIREROOM_WS_URL", ("ws", "wss"), _ws_url)
#: What this program connects to itself; differs where NATS_URL leads through somebody's front door.
BROKER_URL = _env.url("WIREROOM_BROKER_URL", ("nats", "tls", "ws", "wss"), NATS_URL)
#: The one region that the API has. Scaleway's clients take their own names without a murmur.
REGION = _env.text("WIREROOM_REGION", "fr-par")
if not re.fullmatch(r"[a-z]{2}-[a-z]{3}", REGION):
    raise SettingError("WIREROOM_REGION must be two letters, a dash and three letters: fr-par.")
REDIS_URL = _env.url("REDIS_URL", ("redis", "rediss", "unix"), "redis://127.0.0.1:6379/0")

# Security --------------------------------------------------------------------------------------------

DEBUG = _env.flag("WIREROOM_DEBUG")
SECRET_KEY = _env.text("WIREROOM_SECRET_KEY") or key_file(
    DATA_DIR / "secret.key", secrets.token_urlsafe(48), "WIREROOM_SECRET_KEY"
)
if len(SECRET_KEY) < 32:
    raise SettingError("WIREROOM_SECRET_KEY must have at least 32 characters.")
#: Text of the sealing key, or empty: then it is in SEALING_KEY_FILE (see ``services.keys``).
SEALING_KEY = _env.text("WIREROOM_SEALING_KEY")
SEALING_KEY_FILE = DATA_DIR / "sealing.key"

HOST_POLICY = policy(bind=HOST, public_url=PUBLIC_URL, more=_env.words("WIREROOM_ALLOWED_HOSTS"))
#: ``http.middleware.Hosts`` decides by HOST_POLICY, which can say more than a list of names.
ALLOWED_HOSTS = ["*"]
TRUSTED_PROXIES = _env.integer("WIREROOM_TRUSTED_PROXIES", 0, low=0, high=10)
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
SIGN_UP = _env.choice("WIREROOM_SIGN_UP", ("open", "closed"), "closed")

_https = PUBLIC_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [HOST_POLICY.public_origin] if HOST_POLICY.public_origin else []
CSRF_FAILURE_VIEW = "console.http.errors.csrf_failure"
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_SAMESITE = "Lax"  # Strict would sign people out who follow a link to a namespace
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 14 * 24 * 3600
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _https else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
#: Body of a request to us; the largest honest one publishes 1 MiB of payload as base64 or escaped text.
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024

# Django ----------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.headless",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "console",
]
MIDDLEWARE = [
    "console.http.middleware.Hosts",
    "console.http.middleware.SecurityHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "console.urls"
ASGI_APPLICATION = "console.asgi.application"
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
DATABASES = {"default": _env.database("DATABASE_URL", DATA_DIR / "console.sqlite3")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, since threads that share one in-memory database lock each other out; one for each test process.
    _test_name = Path(tempfile.gettempdir()) / f"wireroom-test-{os.getpid()}.sqlite3"
    DATABASES["default"]["TEST"] = {"NAME": str(_test_name)}
#: Rate limits live here. The table is made by a migration; so they hold across processes and without Redis.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "console_cache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}
#: No mail is sent: people are let in by an administrator's one-time link.
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"

# Static files ----------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "console.lib.static_files.Storage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# Sign-in ---------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "console.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
HEADLESS_ONLY = True
HEADLESS_CLIENTS = ("browser",)
HEADLESS_FRONTEND_URLS = {
    "account_confirm_email": f"{CONSOLE_URL}/account",
    "account_reset_password_from_key": f"{CONSOLE_URL}/account",
    "account_signup": f"{CONSOLE_URL}/sign-in",
}
ACCOUNT_ADAPTER = "console.services.allauth_adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/300s/key",
    "signup": "10/m/ip",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Wireroom"
MFA_ADAPTER = "console.services.allauth_adapter.MfaAdapter"

# The JSON interface ----------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "console.http.authentication.ApiKeyAuthentication",
        "console.http.authentication.SessionAuthentication",
    ],
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["console.http.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "console.http.schema.AutoSchema",
    "EXCEPTION_HANDLER": "console.http.errors.exception_handler",
    "DEFAULT_THROTTLE_CLASSES": ["console.http.rates.KeyThrottle"],
    "DEFAULT_THROTTLE_RATES": {"sign_in_link": "10/min", "password": "10/min"},
    "NUM_PROXIES": TRUSTED_PROXIES,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Wireroom",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "",
    "DESCRIPTION": (
        "Namespaces (NATS accounts) and their credentials over HTTP, in two forms. Paths below `/api` are the console's"
        " own, for people (session cookie) and programs (API key). The others have the wire form of Scaleway's API, for"
        " programs only, so that Scaleway's SDKs, CLI and Terraform provider work unmodified. Both do the same things."
    ),
    "SERVE_PUBLIC": True,
    "POSTPROCESSING_HOOKS": ["console.http.schema.add_errors"],
}

# Limits that are written into a namespace's claims ------------------------------------------------------
# -1 = unlimited. JetStream stays off at 0 bytes of storage.

NAMESPACE_LIMITS = {
    "conn": _env.integer("WIREROOM_LIMIT_CONNECTIONS", 10_000, **OF_CLAIMS["conn"]),
    "subs": _env.integer("WIREROOM_LIMIT_SUBSCRIPTIONS", -1, **OF_CLAIMS["subs"]),
    "payload": _env.integer("WIREROOM_LIMIT_PAYLOAD", -1, **OF_CLAIMS["payload"]),
    "mem_storage": _env.integer(
        "WIREROOM_LIMIT_MEM_STORAGE", 256 * 1024**2, **OF_CLAIMS["mem_storage"]
    ),
    "disk_storage": _env.integer(
        "WIREROOM_LIMIT_DISK_STORAGE", 10 * 1024**3, **OF_CLAIMS["disk_storage"]
    ),
    "streams": _env.integer("WIREROOM_LIMIT_STREAMS", 100, **OF_CLAIMS["streams"]),
    "consumer": _env.integer("WIREROOM_LIMIT_CONSUMERS", 1000, **OF_CLAIMS["consumer"]),
    "sync_interval_s": _env.integer("WIREROOM_SYNC_INTERVAL_S", 0, **OF_CLAIMS["sync_interval_s"]),
}
NAMESPACES_PER_PROJECT = _env.integer(
    "WIREROOM_NAMESPACES_PER_PROJECT", 1000, **OF_PROJECT["namespaces"]
)
CREDENTIALS_PER_NAMESPACE = _env.integer(
    "WIREROOM_CREDENTIALS_PER_NAMESPACE", 1000, **OF_NAMESPACE["credentials"]
)
#: Of each API key; -1 = no limit. Scaleway's CLI waits a second and tries again, so be generous.
API_REQUESTS_PER_MINUTE = _env.integer(
    "WIREROOM_API_REQUESTS_PER_MINUTE", 6000, low=-1, high=10_000_000
)
API_KEYS_PER_USER = _env.integer("WIREROOM_API_KEYS_PER_USER", 100, low=1, high=10_000)
#: A revocation stays in the claims until the credential would have expired anyway; a JWT has at most 1 MiB.
REVOCATIONS_PER_NAMESPACE = 8000

# Logging ---------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "[{levelname}] {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        # Refused requests are answers, not news; their paths come from strangers.
        "django.request": {"level": "ERROR"},
        "django.channels.server": {"level": "WARNING"},
        "daphne": {"level": "WARNING"},
    },
}
