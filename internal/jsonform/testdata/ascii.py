"""Judges the ASCII form, by means of its own, one case per line:

  A <base64 source> <base64 result>   the source was accepted
  R <base64 source>                   the source was refused

It answers each with one line: "ok" for a right result, "lost <what>" for a
refusal with good reason, and "bad <why>" for a mismatch.
"""

import base64
import json
import re
import sys

MAX_DEPTH = 1000
sys.setrecursionlimit(20 * MAX_DEPTH)

STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def constant(name):
    raise ValueError(name + " is not JSON")


def exact(text):
    """Parses with nothing lost: numbers as written, keys in order and repeated."""
    return json.loads(
        text,
        object_pairs_hook=lambda pairs: ("object", pairs),
        parse_int=lambda s: ("number", s),
        parse_float=lambda s: ("number", s),
        parse_constant=constant,
    )


def depth(text):
    deep = most = 0
    for c in STRING.sub("", text):
        if c in "[{":
            deep += 1
            most = max(most, deep)
        elif c in "]}":
            deep -= 1
    return most


def accepted(source, result):
    before = source.decode("utf-8")
    after = result.decode("ascii")
    if bytes(after, "ascii") != result:
        return "bad not ASCII"
    if exact(before) != exact(after):
        return "bad another value"
    if json.loads(before) != json.loads(after):
        return "bad another value for plain json.loads"
    return "ok"


def refused(source):
    try:
        text = source.decode("utf-8")
    except UnicodeDecodeError:
        return "lost encoding"
    try:
        exact(text)
    except ValueError:  # JSONDecodeError is one
        return "lost syntax"
    if len(text) > MAX_DEPTH and depth(text) > MAX_DEPTH:
        return "lost depth"
    return "bad nothing is lost"


def judge(line):
    verdict, *texts = line.rstrip(b"\n").split(b" ")
    texts = [base64.b64decode(t) for t in texts]
    try:
        return accepted(*texts) if verdict == b"A" else refused(*texts)
    except Exception as e:
        return "bad " + " ".join(repr(e).split())


for line in sys.stdin.buffer:
    sys.stdout.write(judge(line) + "\n")
