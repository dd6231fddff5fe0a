"""The serving half of the Python runtime: HTTP on a Unix socket, and the process that runs the action."""
import _socket
import json
import os
import select
import signal

import ow_action
from ow_code import CANNOT_START, InitFailed, Refused, check_source, decode, install_requirements, lay_out, parse, virtual_environment

SENTINEL = b"XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n"
LIFELINE = 3
REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 500: "Internal Server Error", 502: "Bad Gateway"}
EXITED_AT_START = "Command exited abruptly during initialization."


class Child:
    """The process that the action runs in, as the proxy sees it."""

    def __init__(self, pid, requests, answers):
        self.pid = pid
        self.requests = requests
        self.answers = answers
        self.buffer = bytearray()

    def ask(self, line):
        """Sends a line and returns the line that answers it; None when the child is gone."""
        view = memoryview(line)
        try:
            while view:
                view = view[os.write(self.requests, view):]
        except OSError:
            return None
        return self.read_line()

    def read_line(self):
        buffer = self.buffer
        searched = 0
        while True:
            end = buffer.find(b"\n", searched)
            if end >= 0:
                line = bytes(buffer[:end])
                del buffer[:end + 1]
                return line
            searched = len(buffer)
            wait_for(self.answers)
            data = os.read(self.answers, 65536)
            if not data:
                self.end()
                return None
            buffer += data

    def alive(self):
        """False once it ended, or closed the channel it answers on."""
        poll = select.poll()
        poll.register(self.answers, select.POLLIN)
        for _, event in poll.poll(0):
            if event & select.POLLHUP and not event & select.POLLIN:
                return False
        return True

    def end(self):
        for descriptor in (self.requests, self.answers):
            try:
                os.close(descriptor)
            except OSError:
                pass
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except OSError:
            pass


def end_group():
    os.kill(0, signal.SIGKILL)


def wait_for(descriptor):
    """Waits until there is something to read, or for the end of the server."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.register(LIFELINE, select.POLLIN)
    while True:
        for ready, _ in poll.poll():
            if ready == LIFELINE and not os.read(LIFELINE, 64):
                end_group()
            if ready == descriptor:
                return


def end_logs():
    os.write(1, SENTINEL)
    os.write(2, SENTINEL)


def complain(text):
    if text:
        os.write(2, text.encode("utf-8", "replace") + b"\n")


class Proxy:
    """`child` runs the action; `initialized` says that /init succeeded once."""

    def __init__(self, listener):
        self.listener = listener
        self.connections = {}
        self.buffers = {}
        self.initialized = False
        self.child = None
        self.number = 0

    def serve(self):
        """Serves until a request forks: returns the plan of what the child is to do, in the child only."""
        poll = select.poll()
        poll.register(self.listener.fileno(), select.POLLIN)
        poll.register(LIFELINE, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == LIFELINE:
                    if not os.read(LIFELINE, 64):
                        end_group()
                elif descriptor == self.listener.fileno():
                    connection = _socket.socket(fileno=self.listener._accept()[0])
                    connection.setblocking(True)
                    self.connections[connection.fileno()] = connection
                    self.buffers[connection.fileno()] = bytearray()
                    poll.register(connection.fileno(), select.POLLIN)
                else:
                    plan = self.read(poll, descriptor)
                    if plan:
                        return plan

    def drop(self, poll, descriptor):
        poll.unregister(descriptor)
        del self.buffers[descriptor]
        self.connections.pop(descriptor).close()

    def read(self, poll, descriptor):
        connection = self.connections[descriptor]
        try:
            data = connection.recv(262144)
        except OSError:
            data = b""
        if not data:
            self.drop(poll, descriptor)
            return None
        buffer = self.buffers[descriptor]
        buffer += data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = buffer[:end].decode("latin-1")
        length = 0
        for line in head.split("\r\n")[1:]:
            name, _, value = line.partition(":")
            if name.lower() == "content-length":
                length = int(value)
        if len(buffer) < end + 4 + length:
            return None
        body = bytes(buffer[end + 4:end + 4 + length])
        del buffer[:end + 4 + length]
        try:
            return self.answer(connection, head.split(" ", 2)[1].partition("?")[0], body)
        except (OSError, ConnectionAbortedError):
            self.drop(poll, descriptor)
            return None

    def answer(self, connection, path, body):
        status, answer = 200, b""
        try:
            if path == "/init":
                plan = self.init(body)
                if plan:
                    return plan
                answer = b'{"ok":true}\n'
            elif path == "/run":
                answer = self.run(body)
        except Refused as refused:
            if isinstance(refused, InitFailed):
                complain(refused.log)
                end_logs()
            status = refused.status
            answer = json.dumps({"error": refused.error}, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        head = "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, REASONS[status], len(answer))
        connection.sendall(head.encode("latin-1") + answer)
        return None

    def init(self, body):
        """Starts the action; returns the plan in the child, None in the proxy."""
        if self.initialized:
            raise Refused(403, "Cannot initialize the action more than once.")
        value = parse(body)
        code = value.get("code") or ""
        if not code:
            raise Refused(403, "Missing main/no code to execute.")
        source = decode(code) if value.get("binary") else code.encode("utf-8", "surrogatepass")
        self.number += 1
        folder = lay_out(source, self.number)
        check_source(folder)
        activate = virtual_environment(folder)
        packages = None if activate else install_requirements(folder)
        request_read, request_write = os.pipe()
        answer_read, answer_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.dup2(request_read, 0)
            os.dup2(answer_write, ow_action.OUTPUT)
            for descriptor in {request_read, request_write, answer_read, answer_write} - {0, ow_action.OUTPUT}:
                os.close(descriptor)
            for connection in self.connections.values():
                connection.close()
            self.listener.close()
            env = ow_action.environment(value.get("env") or {}, folder)
            return {"folder": folder, "main": value.get("main") or "main", "env": env, "activate": activate, "packages": packages}
        os.close(request_read)
        os.close(answer_write)
        os.write(LIFELINE, b"child %d\n" % pid)
        self.child = Child(pid, request_write, answer_read)
        if self.child.read_line() is None:
            self.child = None
            raise InitFailed(CANNOT_START, EXITED_AT_START)
        self.initialized = True
        return None

    def run(self, body):
        if not self.child:
            raise Refused(500, "no action defined yet")
        if not self.child.alive():
            self.child.end()
            self.child = None
            raise Refused(500, "command exited")
        line = self.child.ask(body.replace(b"\n", b"") + b"\n")
        end_logs()
        if line is None:
            self.child = None
            raise Refused(400, "command exited")
        if not is_result(line):
            raise Refused(502, "The action did not return a dictionary or array.")
        return line + b"\n"


def reject_constant(_):
    raise ValueError


def is_result(line):
    """Whether the line is a JSON object, array or null. Python writes NaN and Infinity, which are not JSON."""
    if line == b"null":
        return True
    if line[:1] not in (b"{", b"["):
        return False
    if b"NaN" not in line and b"Infinity" not in line and line[-1:] in (b"}", b"]"):
        return True
    try:
        json.loads(line, parse_constant=reject_constant)
        return True
    except ValueError:
        return False


def serve(path):
    """Listens and serves; a number is a TCP port, as a container needs it. Returns only in the process that is to run the action, with the plan for it."""
    os.umask(0o022)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    if path.isdigit():
        listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        listener.bind(("0.0.0.0", int(path)))
    else:
        listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        listener.bind(path)
    listener.listen(64)
    os.write(LIFELINE, b"ready\n")
    return Proxy(listener).serve()
