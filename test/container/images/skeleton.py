"""The runtime proxy of the test image that stands for openwhisk/dockerskeleton: runs /action/exec once an activation."""

import base64
import io
import json
import os
import subprocess
import sys
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SENTINEL = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"
BINARY = "/action/exec"
# Longer arguments come by standard input alone: the kernel's limit for one argument.
LONGEST_ARGUMENT = 131071
NO_BINARY = "The action failed to locate a binary. See logs for details."
NOT_GENERATED = "The action failed to generate or locate a binary. See logs for details."
NOT_A_DICTIONARY = "The action did not return a dictionary or array."

state = {"initialized": False}


def write_code(message):
    """Puts the action's code at /action/exec; what cannot be used leaves the stub there."""
    value = message.get("value") if isinstance(message, dict) else None
    code = value.get("code") if isinstance(value, dict) else None
    if not code:
        return
    if value.get("binary"):
        try:
            with zipfile.ZipFile(io.BytesIO(base64.b64decode(code))) as archive:
                archive.extractall("/action")
        except zipfile.BadZipFile as error:
            print("err", str(error), flush=True)
    else:
        with open(BINARY, "w", encoding="utf-8") as file:
            file.write(code)
    if os.path.isfile(BINARY):
        os.chmod(BINARY, 0o755)


def run(message):
    """Runs the action: returns the HTTP status and the body."""
    value = message.get("value", {}) if isinstance(message, dict) else None
    if not isinstance(value, (dict, list)):
        return 404, {"error": "The action did not receive a dictionary or array as an argument."}
    if not os.access(BINARY, os.X_OK):
        return 502, {"error": NO_BINARY}
    env = dict(os.environ)
    for key, text in message.items():
        if key != "value" and isinstance(text, str):
            env["__OW_" + key.upper()] = text
    argument = json.dumps(value)
    command = [BINARY] + ([argument] if len(argument) <= LONGEST_ARGUMENT else [])
    try:
        done = subprocess.run(command, input=argument.encode(), stdout=subprocess.PIPE, cwd="/action", env=env, check=False)
    except OSError as error:
        print(error, flush=True)
        return 502, {"error": NOT_A_DICTIONARY}
    lines = done.stdout.decode("utf-8", "replace").removesuffix("\n").split("\n")
    try:
        result = json.loads(lines[-1])
    except ValueError:
        result = None
    good = isinstance(result, (dict, list))
    shown = lines[:-1] if good else lines
    if "".join(shown) or len(shown) > 1:
        print("\n".join(shown), flush=True)
    return (200, result) if good else (502, {"error": NOT_A_DICTIONARY})


class Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            message = json.loads(body)
        except ValueError:
            message = {}
        if self.path == "/init":
            self.init(message)
        elif self.path == "/run":
            status, result = run(message)
            for stream in (sys.stdout, sys.stderr):
                print(SENTINEL, file=stream, flush=True)
            self.answer(status, json.dumps(result))
        else:
            self.answer(404, "{}")

    def init(self, message):
        if state["initialized"]:
            self.answer(403, json.dumps({"error": "Cannot initialize the action more than once."}))
            return
        write_code(message)
        if os.access(BINARY, os.X_OK):
            state["initialized"] = True
            self.answer(200, "OK")
        else:
            self.answer(502, json.dumps({"error": NOT_GENERATED}))

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("0.0.0.0", 8080), Proxy).serve_forever()
