"""Stands for Flask, of which it has what the published snippets use."""

import json


class Request:
    def load(self, headers, body):
        # An email.message.Message: get pays no heed to case, as in Flask.
        self.headers = headers
        self._body = body

    def get_data(self, as_text=False):
        return self._body.decode("utf-8") if as_text else self._body

    def get_json(self):
        return json.loads(self._body)


request = Request()


def jsonify(value):
    return json.dumps(value)


class Flask:
    def __init__(self, name):
        self.views = {}

    def route(self, path, methods):
        def register(view):
            self.views[path] = view
            return view
        return register
