"""Django in one file: a function view, one behind the framework's decorators, one a class. django_app.py PORT"""
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from work import burn, spent


def home(request):
    return HttpResponse(burn("home"))


@never_cache
@require_GET
def cart(request):
    return HttpResponse(burn("cart"))


class Pay(View):
    def get(self, request):
        return HttpResponse(burn("pay"))


urlpatterns = [path("home", home), path("cart", cart), path("pay", Pay.as_view()), path("spent", lambda request: JsonResponse(spent))]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="for a test")
make_server("127.0.0.1", int(sys.argv[1]), get_wsgi_application(), handler_class=Quiet).serve_forever()
