"""One OpenWhisk server for the whole run, a namespace of its own for each test. Needs Python's standard library only.

Under `openwhisk-standalone exec -- pytest` the tests use the server of `exec`; else the first one that needs it starts
one: the command is `npx openwhisk-standalone`, or what OPENWHISK_STANDALONE says.
"""

import base64
import json
import os
import pathlib
import shlex
import signal
import subprocess
import urllib.parse
import urllib.request

import pytest


class OpenWhisk:
    """A server, as its control interface sees it."""

    def __init__(self, url, token):
        self.url = url
        self._authorization = f"Bearer {token}"

    def control(self, method, path, body=None):
        return _request(method, f"{self.url}/_control/v1{path}", self._authorization, body)

    def namespace(self):
        return Namespace(self, **self.control("POST", "/namespaces", {}))


class Namespace:
    """A namespace with a key of its own."""

    def __init__(self, server, namespace, auth, **_):
        self.server = server
        self.name = namespace
        self.auth = auth
        self._authorization = "Basic " + base64.b64encode(auth.encode()).decode()

    def request(self, method, path, body=None):
        """A request to the REST API below this namespace."""
        url = f"{self.server.url}/api/v1/namespaces/{self.name}{path}"
        return _request(method, url, self._authorization, body)

    def invoke(self, action, params=None):
        """The result of an action; urllib.error.HTTPError (502) when it failed."""
        return self.request("POST", f"/actions/{action}?blocking=true&result=true", params or {})

    def wait(self, **query):
        """The first activation of `action=` or `trigger=` since `since=`, complete with its logs."""
        query = urllib.parse.urlencode({"namespace": self.name, **query})
        return self.server.control("GET", f"/wait?{query}")

    def delete(self):
        self.server.control("DELETE", f"/namespaces/{self.name}")


def _request(method, url, authorization, body=None):
    headers = {"authorization": authorization, "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)) as answer:
        return json.loads(answer.read() or b"null")


@pytest.fixture(scope="session")
def openwhisk():
    if "OPENWHISK_CONTROL_URL" in os.environ:
        url = os.environ["OPENWHISK_CONTROL_URL"].removesuffix("/_control/v1")
        yield OpenWhisk(url, os.environ["OPENWHISK_CONTROL_TOKEN"])
        return
    command = shlex.split(os.environ.get("OPENWHISK_STANDALONE", "npx openwhisk-standalone"))
    options = ["--port", "0", "--ephemeral", "--log-format", "json"]
    server = subprocess.Popen([*command, "start", *options], stdout=subprocess.PIPE, start_new_session=True)
    try:
        # Its first line says that it is ready, and where.
        url = json.loads(server.stdout.readline())["url"]
        port = urllib.parse.urlsplit(url).port
        folder = os.environ.get("OPENWHISK_RUN_DIR") or pathlib.Path.home() / ".openwhisk" / "run"
        token = json.loads((pathlib.Path(folder) / f"{port}.json").read_text())["token"]
        yield OpenWhisk(url, token)
    finally:
        # To npx and the server alike.
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)
        server.stdout.close()


@pytest.fixture
def namespace(openwhisk):
    made = openwhisk.namespace()
    yield made
    made.delete()
