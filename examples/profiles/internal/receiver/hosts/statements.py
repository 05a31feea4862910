"""Runs the statements of a published snippet once for each request, with the
names that they take for granted: secret and payload, and request of flask."""

import os
import sys

import flask
from serve import serve

with open(sys.argv[1], encoding="utf-8") as file:
    snippet = compile(file.read(), "snippet.py", "exec")


def handle(path, headers, body):
    flask.request.load(headers, body)
    answers = []
    exec(snippet, {
        "secret": os.environ["WEBHOOK_SECRET"],
        "payload": flask.request.get_data(as_text=True),
        "verified": lambda: answers.append((200, "verified")),
        "refused": lambda: answers.append((401, "refused")),
    })
    return answers[0] if answers else (500, "the snippet decided nothing")


serve(handle)
