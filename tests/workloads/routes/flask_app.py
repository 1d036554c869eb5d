"""Flask: plain views, one behind a decorator, one a class. flask_app.py PORT"""
import functools
import sys

import flask
import flask.views
from work import burn, spent

app = flask.Flask("shop")


def checked(view):
    @functools.wraps(view)
    def call(*args, **kwargs):
        return view(*args, **kwargs)
    return call


@app.route("/home")
def home():
    return burn("home")


@app.route("/cart")
@functools.lru_cache(maxsize=0)
def cart():
    return burn("cart")


class Pay(flask.views.MethodView):
    def get(self):
        return burn("pay")


app.add_url_rule("/pay", view_func=Pay.as_view("pay"))
app.route("/spent")(lambda: spent)
app.run(port=int(sys.argv[1]), threaded=True)
