"""Settings, every one of them by environment variable with a default that works on one machine.

A wrong value is reported by `manage.py check` under an id (annotator/checks.py), never by a traceback.
"""

import contextlib
import importlib.util
import mimetypes
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url

from annotator import environment as env
from annotator import places

BASE_DIR = Path(__file__).resolve().parent.parent
PRODUCT_DIR = places.PRODUCT_DIR  # static files and the demo
DATA_DIR = env.read_path("DATA_DIR", places.default_data_dir()) or places.default_data_dir()
with contextlib.suppress(OSError):  # annotator/checks.py says what is wrong with it
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    (DATA_DIR / "tmp").mkdir(mode=0o700, exist_ok=True)
PORT = env.read_int("PORT", 8000, low=1, high=65535)
DEBUG = env.read_bool("DEBUG", False)
SECRET_KEY = os.environ.get("SECRET_KEY") or env.load_or_make_secret(DATA_DIR / "secret_key")

ALLOWED_HOSTS = env.read_list("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.read_list("CSRF_TRUSTED_ORIGINS", [])
BEHIND_TLS = env.read_bool("BEHIND_TLS", False)
DEMO = env.read_bool("DEMO", not BEHIND_TLS)  # the demo project and its two accounts; never where a team works

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "channels",
    "django_htmx",
    "django_tasks",
    "django_tasks_db",
    "annotator.audit",
    "annotator.accounts",
    "annotator.projects",
    "annotator.contents",
    "annotator.images",
    "annotator.inference",
    "annotator.annotations",
    "annotator.engine",
    "annotator.jobs",
    "annotator.automatic",
    "annotator.queue",
    "annotator.statistics",
    "annotator.exchange",
    "annotator.training",
    "annotator.live",
    "annotator.intake",
    "annotator.background",
    "annotator.backup",
    "annotator.words",
]
if importlib.util.find_spec("annotator.pages"):
    INSTALLED_APPS.append("annotator.pages")
# Files of the page that documents the API: no other site is asked. As an app, ninja would be imported by every command.
NINJA_DIRS = [Path(d) for d in getattr(importlib.util.find_spec("ninja"), "submodule_search_locations", [])]

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
    "annotator.audit.acting.ActingMiddleware",
    "annotator.accounts.preferences.PersonLanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "annotator.http.request_texts.StorableAddressMiddleware",
]

ROOT_URLCONF = "annotator.urls"
ASGI_APPLICATION = "annotator.asgi.application"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [folder / "templates" for folder in NINJA_DIRS],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "annotator.accounts.preferences.preferences_context",
            ],
        },
    },
]

# Database: SQLite in WAL mode, or whatever DATABASE_URL says. IMMEDIATE takes the write lock at the start of a
# transaction, so that two writers wait for each other (busy timeout) instead of failing in the middle.
DATABASE_WAIT_SECONDS = env.read_int("DATABASE_WAIT_SECONDS", 20, low=1, high=300)
DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(
        os.environ.get("DATABASE_URL") or f"sqlite:///{DATA_DIR / 'maskwright.sqlite3'}", conn_max_age=0
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "timeout": DATABASE_WAIT_SECONDS,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA cache_size=-16000",
    }
elif DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # Each request runs in a thread of its own, so connections kept by threads would never be used again. A pool bounds
    # what one process opens; a request that finds all of them in use waits, and is told `busy` after `timeout` seconds.
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
        "min_size": 1,
        "max_size": env.read_int("DATABASE_POOL_SIZE", 10, low=2, high=1000),
        "timeout": DATABASE_WAIT_SECONDS,
    }
    # A lock that somebody else holds is waited for no longer than that either.
    DATABASES["default"]["OPTIONS"].setdefault("options", f"-c lock_timeout={DATABASE_WAIT_SECONDS}s")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# People.
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "annotator.accounts.password_rules.NoUserNameValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# Whoever fails to sign in too often waits: per account and address (django-axes), and per address over all accounts.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend"]
# Signing in at an OpenID provider (annotator/accounts/oidc.py). Without a backend its sign-ins end at once.
LOCAL_SIGN_IN = env.read_bool("LOCAL_SIGN_IN", True)
OIDC_ISSUER = env.read_text("OIDC_ISSUER")
OIDC_CLIENT_ID = env.read_text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = env.read_text("OIDC_CLIENT_SECRET")
OIDC_NAME = env.read_text("OIDC_NAME")
OIDC_ALLOWED_DOMAINS = env.read_list("OIDC_ALLOWED_DOMAINS", [])
OIDC_INVITED_ONLY = env.read_bool("OIDC_INVITED_ONLY", False)
OIDC_GROUPS_CLAIM = env.read_text("OIDC_GROUPS_CLAIM", "groups")
OIDC_ADMIN_GROUP = env.read_text("OIDC_ADMIN_GROUP")
if LOCAL_SIGN_IN:
    AUTHENTICATION_BACKENDS.append("django.contrib.auth.backends.ModelBackend")
if OIDC_ISSUER:
    AUTHENTICATION_BACKENDS.append("annotator.accounts.backends.OpenIdBackend")
SIGN_IN_LOCK_MINUTES = env.read_int("SIGN_IN_LOCK_MINUTES", 10, low=1, high=24 * 60)
AXES_FAILURE_LIMIT = env.read_int("SIGN_IN_FAILURES", 10, low=3, high=1000)
AXES_COOLOFF_TIME = timedelta(minutes=SIGN_IN_LOCK_MINUTES)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "annotator.pages.views.account.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
BIN_DAYS = env.read_int("BIN_DAYS", 7, low=1, high=365)  # how long deleted projects can be had back
AUDIT_DAYS = env.read_int("AUDIT_DAYS", 730, low=1, high=36_500)  # how long the audit log is kept
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
LOCALE_PATHS = [DATA_DIR / "locale"]  # compiled from annotator/locale by annotator/words
USE_TZ = True
TIME_ZONE = "UTC"

# Static files: served by the web process itself from the source folders, no collecting step.
STATIC_URL = "/static/"
STATICFILES_DIRS = [PRODUCT_DIR / "static"] if (PRODUCT_DIR / "static").is_dir() else []
STATICFILES_DIRS += [folder / "static" for folder in NINJA_DIRS]
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
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "tmp"
# What a request may bring (annotator/body_rules.py): any, a batch of masks, and photos or files to import.
MAX_REQUEST_BYTES = env.read_int("MAX_REQUEST_BYTES", 2 * 1024 * 1024, low=64 * 1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = env.read_int("MAX_BODY_BYTES", 32 * 1024 * 1024)
MAX_UPLOAD_BYTES = env.read_int("MAX_UPLOAD_BYTES", 20 * 1024**3, low=1)
HEAD_SECONDS = env.read_int("HEAD_SECONDS", 30, low=1, high=3600)
BODY_IDLE_SECONDS = env.read_int("BODY_IDLE_SECONDS", 30, low=1, high=3600)
BODY_SECONDS = env.read_int("BODY_SECONDS", 300, low=1, high=24 * 3600)
UPLOAD_SECONDS = env.read_int("UPLOAD_SECONDS", 4 * 3600, low=1, high=7 * 24 * 3600)
DATA_UPLOAD_MAX_NUMBER_FILES = env.read_int("MAX_FILES_PER_UPLOAD", 1000)
MAX_IMAGE_BYTES = env.read_int("MAX_IMAGE_BYTES", 512 * 1024 * 1024, low=1)
MAX_IMAGE_MEGAPIXELS = env.read_int("MAX_IMAGE_MEGAPIXELS", 100, low=1, high=2000)
MAX_ZIP_ENTRIES = env.read_int("MAX_ZIP_ENTRIES", 10_000, low=1)
MAX_ZIP_TOTAL_BYTES = env.read_int("MAX_ZIP_TOTAL_BYTES", 20 * 1024**3, low=1)
MAX_ZIP_RATIO = env.read_int("MAX_ZIP_RATIO", 100, low=1)
MAX_FOLDER_FILES = env.read_int("MAX_FOLDER_FILES", 50_000, low=1)
MIN_FREE_BYTES = env.read_int("MIN_FREE_BYTES", 100 * 1024 * 1024)  # with less, the server says that it is not ready
INGEST_ROOT = env.read_path("INGEST_ROOT", None)

# Background work.
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": []}}  # any: each model has its own
# Never shorter than two of the workspace's signs of life (one a minute), or everybody would lose what they work on.
LEASE_SECONDS = env.read_int("LEASE_SECONDS", 900, low=120)
MAX_TASK_ATTEMPTS = env.read_int("MAX_TASK_ATTEMPTS", 3, low=1, high=20)
WORKER_STALE_SECONDS = env.read_int("WORKER_STALE_SECONDS", 30, low=5)
DEFAULT_MODEL = env.read_text("DEFAULT_MODEL", "sam_lite")
# Improving models on masks of projects, in processes of their own (annotator/background/trainer.py).
TRAIN_HERE = env.read_bool("TRAIN_HERE", True)  # whether workers start such a process beside them
TRAIN_THREADS = env.read_int("TRAIN_THREADS", 0, high=1024)  # 0: half of the cores
TRAIN_MEMORY_MB = env.read_int("TRAIN_MEMORY_MB", 0)  # 0: three quarters of the machine's memory
# Embeddings of crops, about 1 MB each: one that went is made again when asked for (annotator/inference/spent_crops.py).
CROP_EMBEDDINGS_KEPT = env.read_int("CROP_EMBEDDINGS_KEPT", 1000, low=1)
CROP_EMBEDDING_DAYS = env.read_int("CROP_EMBEDDING_DAYS", 7, low=1, high=36_500)
# So long a version's embeddings stay after the default, or the last project, went to another one.
ROLL_BACK_DAYS = env.read_int("ROLL_BACK_DAYS", 30, high=36_500)
INFERENCE_THREADS = env.read_int("INFERENCE_THREADS", 0, high=256)  # 0: the runtime chooses

# Copies of the database that a start makes before it migrates (annotator/backup/upgrade.py); 0 makes none.
BACKUPS_BEFORE_UPGRADE = env.read_int("BACKUPS_BEFORE_UPGRADE", 3, high=1000)

# Hints between processes (docs/adr/0002): sockets on one machine, Redis where there are several. Whatever else
# processes share (sessions, presence, sign-in limits) lies in the database.
REDIS_URL = env.read_text("REDIS_URL")
CHANNEL_LAYERS: dict[str, Any] = {"default": {"BACKEND": "annotator.live.layer.SocketChannelLayer"}}
if REDIS_URL:
    CHANNEL_LAYERS = {"default": {"BACKEND": "annotator.live.redis_layer.RedisHintLayer", "CONFIG": {"url": REDIS_URL}}}

# X-Frame-Options comes from our own middleware, the proxy sends people from http to https, and whether all names of a
# domain speak https, for ever, is its owner's to say.
SILENCED_SYSTEM_CHECKS = ["security.W002", "security.W005", "security.W008", "security.W021"]

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
        "axes": {"level": "WARNING"},
        "channels_redis": {"level": "CRITICAL"},  # a traceback a second while Redis is away; live/ says so in one line
        "uvicorn": {"handlers": ["console"], "level": "WARNING", "propagate": False},
    },
}
