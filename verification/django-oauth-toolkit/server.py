"""Django OAuth Toolkit as its tutorial mounts it, with a protected API beside it.

    server.py PORT DIRECTORY '{"redirect_uri": …, "clients": […], "user": …, "password": …}'

Nothing of the toolkit is changed. `/verification/…` lets the script that drives it turn the clock of tokens.
"""
import json
import sys

import django
from django.conf import settings
from django.http import HttpResponseNotFound, JsonResponse
from django.utils import timezone

port, directory, given = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
seconds_to_live = 36000

settings.configure(
    SECRET_KEY="only-for-this-run",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": f"{directory}/db.sqlite3",
            "OPTIONS": {"timeout": 30},
        }
    },
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "rest_framework",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "context_processors": ["django.template.context_processors.request"],
                "loaders": [
                    ("django.template.loaders.locmem.Loader", {
                        "registration/login.html": "<form method=post>{% csrf_token %}{{ form }}<button>Sign in</button></form>",
                    }),
                    "django.template.loaders.app_directories.Loader",
                ],
            },
        }
    ],
    LOGIN_URL="/accounts/login/",
    OAUTH2_PROVIDER={
        "SCOPES": {"profile": "Your profile", "address": "Your address", "payment": "Payments"},
        "ACCESS_TOKEN_EXPIRE_SECONDS": lambda request: seconds_to_live,
        "PKCE_REQUIRED": given.get("pkce_required", False),
    },
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["oauth2_provider.contrib.rest_framework.OAuth2Authentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
)
django.setup()

from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.core.management import call_command
from django.urls import include, path
from oauth2_provider.models import AccessToken, Application, Grant, RefreshToken
from oauth2_provider.views.generic import ProtectedResourceView
from rest_framework.response import Response
from rest_framework.views import APIView


class Me(APIView):
    """An API in Django REST framework, with the toolkit's own authentication."""

    def get(self, request):
        return Response({"id": request.user.pk, "username": request.user.username})

    def post(self, request):
        return Response({"id": request.user.pk, "received": request.data}, status=201)


class PlainMe(ProtectedResourceView):
    """The same with the toolkit's view for applications that have no REST framework."""

    def get(self, request):
        return JsonResponse({"id": request.resource_owner.pk})


def expire(request):
    """Access tokens have expired."""
    AccessToken.objects.update(expires=timezone.now() - timezone.timedelta(seconds=1))
    return JsonResponse({})


def forget(request):
    """An administrator has deleted what was granted."""
    for model in (RefreshToken, AccessToken, Grant):
        model.objects.all().delete()
    return JsonResponse({})


def lifetime(request, seconds):
    """Access tokens that are issued from now on live so long."""
    global seconds_to_live
    seconds_to_live = seconds
    return JsonResponse({})


def secret(request, changed=None):
    """The first client has another secret, or its own again."""
    client = Application.objects.get(client_id=given["clients"][0]["id"])
    client.client_secret = changed or given["clients"][0]["secret"]
    client.save()
    return JsonResponse({})


def alive(request):
    """How many tokens would be accepted."""
    return JsonResponse({
        "access": AccessToken.objects.filter(expires__gt=timezone.now()).count(),
        "refresh": RefreshToken.objects.filter(revoked__isnull=True).count(),
    })


urlpatterns = [
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("accounts/login/", LoginView.as_view()),
    path("api/v1/me", Me.as_view()),
    path("plain/me", PlainMe.as_view()),
    path("verification/expire", expire),
    path("verification/forget", forget),
    path("verification/lifetime/<int:seconds>", lifetime),
    path("verification/secret", secret),
    path("verification/secret/<str:changed>", secret),
    path("verification/alive", alive),
]
handler404 = lambda request, exception: HttpResponseNotFound("not found")

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    user = User.objects.create_user(given["user"], password=given["password"])
    for client in given["clients"]:
        Application.objects.create(
            name="Latchkey",
            user=user,
            client_id=client["id"],
            client_secret=client.get("secret", ""),
            client_type=Application.CLIENT_CONFIDENTIAL if "secret" in client else Application.CLIENT_PUBLIC,
            authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
            redirect_uris=given["redirect_uri"],
        )
    call_command("runserver", f"127.0.0.1:{port}", use_reloader=False)
