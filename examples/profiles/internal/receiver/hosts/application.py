"""Runs a published snippet that is a whole Flask application."""

import sys

import flask
from serve import serve

with open(sys.argv[1], encoding="utf-8") as file:
    names = {}
    exec(compile(file.read(), "snippet.py", "exec"), names)


def handle(path, headers, body):
    view = names["app"].views.get(path)
    if view is None:
        return 404, "Not Found"
    flask.request.load(headers, body)
    answer = view()
    text, status = answer if isinstance(answer, tuple) else (answer, 200)
    return status, text


serve(handle)
