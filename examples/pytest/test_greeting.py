import time
import urllib.error

import pytest

CODE = """
def main(args):
    if "name" not in args:
        return {"error": "who?"}
    print("greeting", args["name"])
    return {"greeting": f"Hello, {args['name']}!"}
"""


@pytest.fixture
def greeting(namespace):
    namespace.request("PUT", "/actions/greeting", {"exec": {"kind": "python:default", "code": CODE}})
    return namespace


def test_greets_by_name(greeting):
    assert greeting.invoke("greeting", {"name": "World"}) == {"greeting": "Hello, World!"}


def test_asks_who_it_is(greeting):
    with pytest.raises(urllib.error.HTTPError) as failure:
        greeting.invoke("greeting")
    assert failure.value.code == 502
    assert b"who?" in failure.value.read()


def test_greets_when_an_event_comes(greeting):
    greeting.request("PUT", "/triggers/arrival", {})
    rule = {"trigger": f"/{greeting.name}/arrival", "action": f"/{greeting.name}/greeting"}
    greeting.request("PUT", "/rules/greet", rule)
    since = int(time.time() * 1000)
    greeting.request("POST", "/triggers/arrival", {"name": "Ada"})
    activation = greeting.wait(action="greeting", since=since)
    assert activation["response"]["result"] == {"greeting": "Hello, Ada!"}
    assert activation["logs"][0].endswith("stdout: greeting Ada")


def test_starts_with_nothing(namespace):
    assert namespace.request("GET", "/actions") == []
