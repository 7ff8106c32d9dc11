"""Settings, every one of them by environment variable with a default that works on one machine.

A wrong value is reported by `manage.py check` under an id (annotator/checks.py), never by a traceback.
"""

import contextlib
import importlib.util
import mimetypes
import os
from pathlib import Path
from typing import Any

import dj_database_url

from annotator import environment as env

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.read_path("DATA_DIR", BASE_DIR / "data") or BASE_DIR / "data"
with contextlib.suppress(OSError):  # annotator/checks.py says what is wrong with it
    DATA_DIR.mkdir(parents=True, exist_ok=True)
PORT = env.read_int("PORT", 8000, low=1, high=65535)
DEBUG = env.read_bool("DEBUG", False)
SECRET_KEY = os.environ.get("SECRET_KEY") or env.load_or_make_secret(DATA_DIR / "secret_key")

ALLOWED_HOSTS = env.read_list("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.read_list("CSRF_TRUSTED_ORIGINS", [])
BEHIND_TLS = env.read_bool("BEHIND_TLS", False)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "django_htmx",
    "django_tasks",
    "django_tasks_db",
    "ninja",  # for the documentation page's own static files: no other site is asked
    "annotator.accounts",
    "annotator.projects",
    "annotator.images",
    "annotator.inference",
    "annotator.annotations",
    "annotator.engine",
    "annotator.exchange",
    "annotator.live",
    "annotator.intake",
    "annotator.background",
]
if importlib.util.find_spec("annotator.pages"):
    INSTALLED_APPS.append("annotator.pages")

MIDDLEWARE = [
    "annotator.http.request_log.RequestLogMiddleware",
    "annotator.http.security_headers.SecurityHeadersMiddleware",
    "annotator.http.api_errors.ApiErrorMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "annotator.http.static_files.StaticFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "annotator.urls"
ASGI_APPLICATION = "annotator.asgi.application"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Database: SQLite in WAL mode, or whatever DATABASE_URL says. IMMEDIATE takes the write lock at the start of a
# transaction, so that two writers wait for each other (busy timeout) instead of failing in the middle.
DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(
        os.environ.get("DATABASE_URL") or f"sqlite:///{DATA_DIR / 'maskwright.sqlite3'}", conn_max_age=60
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA cache_size=-16000",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# People.
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/projects/"
LOGOUT_REDIRECT_URL = "/login/"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_SSL_REDIRECT = False

# Languages and time.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ko", "한국어"), ("zh-hant", "繁體中文")]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# Static files: served by the web process itself from the source folders, no collecting step.
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"] if (BASE_DIR / "static").is_dir() else []
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_MAX_AGE = 60
# Vite writes `name-HASH.ext`; only such names may be kept for ever.
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/dist/.*-[A-Za-z0-9_-]{8,}\.[a-z0-9.]+$"
WHITENOISE_MIMETYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm"}
mimetypes.add_type("application/wasm", ".wasm")
mimetypes.add_type("text/javascript", ".mjs")

# Files: content-addressed, written atomically, never served by the storage's own address.
MEDIA_ROOT = DATA_DIR / "media"
MODELS_DIR = DATA_DIR / "models"
STORAGES: dict[str, Any] = {
    "default": {"BACKEND": "annotator.storage.AtomicFileSystemStorage", "OPTIONS": {"location": str(MEDIA_ROOT)}},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if S3_BUCKET := env.read_text("S3_BUCKET"):
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": env.read_text("S3_ENDPOINT_URL") or None,
            "file_overwrite": True,
            "default_acl": "private",
        },
    }

# Uploads. Everything above FILE_UPLOAD_MAX_MEMORY_SIZE streams to disk while it arrives.
FILE_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
FILE_UPLOAD_TEMP_DIR = None
DATA_UPLOAD_MAX_MEMORY_SIZE = env.read_int("MAX_BODY_BYTES", 32 * 1024 * 1024)
DATA_UPLOAD_MAX_NUMBER_FILES = env.read_int("MAX_FILES_PER_UPLOAD", 1000)
MAX_IMAGE_BYTES = env.read_int("MAX_IMAGE_BYTES", 512 * 1024 * 1024, low=1)
MAX_IMAGE_MEGAPIXELS = env.read_int("MAX_IMAGE_MEGAPIXELS", 100, low=1, high=2000)
MAX_ZIP_ENTRIES = env.read_int("MAX_ZIP_ENTRIES", 10_000, low=1)
MAX_ZIP_TOTAL_BYTES = env.read_int("MAX_ZIP_TOTAL_BYTES", 20 * 1024**3, low=1)
MAX_ZIP_RATIO = env.read_int("MAX_ZIP_RATIO", 100, low=1)
MAX_FOLDER_FILES = env.read_int("MAX_FOLDER_FILES", 50_000, low=1)
INGEST_ROOT = env.read_path("INGEST_ROOT", None)

# Background work.
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default"]}}
# Never shorter than two of the workspace's signs of life (one a minute), or everybody would lose what they work on.
LEASE_SECONDS = env.read_int("LEASE_SECONDS", 900, low=120)
MAX_TASK_ATTEMPTS = env.read_int("MAX_TASK_ATTEMPTS", 3, low=1, high=20)
WORKER_STALE_SECONDS = env.read_int("WORKER_STALE_SECONDS", 30, low=5)
DEFAULT_MODEL = env.read_text("DEFAULT_MODEL", "sam_lite")
# Embeddings of crops, about 1 MB each: one that went is made again when asked for (annotator/inference/spent_crops.py).
CROP_EMBEDDINGS_KEPT = env.read_int("CROP_EMBEDDINGS_KEPT", 1000, low=1)
CROP_EMBEDDING_DAYS = env.read_int("CROP_EMBEDDING_DAYS", 7, low=1, high=36_500)
INFERENCE_THREADS = env.read_int("INFERENCE_THREADS", 0, high=256)  # 0: the runtime chooses

# Hints between processes (docs/adr/0002): sockets on one machine, Redis where there are several.
REDIS_URL = env.read_text("REDIS_URL")
CHANNEL_LAYERS: dict[str, Any] = {"default": {"BACKEND": "annotator.live.layer.SocketChannelLayer"}}
if REDIS_URL:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}}

SILENCED_SYSTEM_CHECKS: list[str] = []

LOG_LEVEL = env.read_text("LOG_LEVEL", "INFO").upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "annotator.http.json_log.JsonFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "django.request": {"level": "ERROR"},
        "PIL": {"level": "WARNING"},
        "uvicorn": {"handlers": ["console"], "level": "WARNING", "propagate": False},
    },
}
