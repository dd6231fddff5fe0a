"""The Python runtime proxy: a program of its own that answers POST /init and /run on a Unix socket, with the states,
sentences and log sentinels of the reference's ActionLoop proxy and its Python runtime.

    python3 python.py SOCKET        (a number is a TCP port: in a container)

The action runs in a child that is forked at /init: requests reach it as lines on its standard input, its answers come
back as lines on its descriptor 3, as in the reference. The working directory stands for the image's root. Descriptor 3
of the proxy is the lifeline to the server: a line says that requests are taken, another names the child, and when the
other end closes this process group ends.
"""
import _socket
import json
import os
import select
import signal
import sys

SENTINEL = b"XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n"
LIFELINE = 3
CHILD_OUTPUT = 3
REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 500: "Internal Server Error", 502: "Bad Gateway"}
NO_BINARY = "The action failed to generate or locate a binary. See logs for details."
CANNOT_START = "Cannot start action. Check logs for details."
EXITED_AT_START = "Command exited abruptly during initialization."


class Refused(Exception):
    """A request that is answered with a status and an error."""

    def __init__(self, status, error):
        super().__init__(error)
        self.status = status
        self.error = error


class InitFailed(Refused):
    """An initialization that failed after it had begun: the logs of this activation end."""

    def __init__(self, error, log=""):
        super().__init__(502, error)
        self.log = log


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


# --- What /init makes of the code ---


def parse(body):
    """The request's `value`, checked as the reference's decoder does."""
    if not body.strip():
        raise Refused(400, "Error unmarshaling request: unexpected end of JSON input")
    try:
        request = json.loads(body)
    except ValueError as error:
        raise Refused(400, "Error unmarshaling request: %s" % error) from None
    if not isinstance(request, dict):
        raise Refused(400, "Error unmarshaling request: json: cannot unmarshal %s into Go value of type openwhisk.initRequest" % go_type(request))
    value = request.get("value")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong_type(value, "value", "openwhisk.initBodyRequest")
    for field, kind, name in (("code", str, "string"), ("binary", bool, "bool"), ("main", str, "string"), ("env", dict, "map[string]interface {}")):
        found = value.get(field)
        if found is not None and not isinstance(found, kind):
            raise wrong_type(found, "value." + field, name)
    return value


def wrong_type(value, field, expected):
    text = "json: cannot unmarshal %s into Go struct field initRequest.%s of type %s" % (go_type(value), field, expected)
    return Refused(400, "Error unmarshaling request: " + text)


def go_type(value):
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, (int, float)):
        return "number"
    return "array" if isinstance(value, list) else "object"


def decode(text):
    import binascii

    try:
        return binascii.a2b_base64(text, strict_mode=True) if sys.version_info >= (3, 11) else binascii.a2b_base64(text)
    except ValueError:
        raise Refused(400, "cannot decode the request: illegal base64 data at input byte 0") from None


def is_executable(code):
    return code[:4] == b"\x7fELF" or code[:2] == b"#!"


def write_file(path, data):
    with open(path, "wb") as file:
        file.write(data)


def lay_out(code, number):
    """Puts the code into a new folder, as `main__.py` and what comes with it; returns the folder."""
    folder = os.path.join(os.getcwd(), "action", str(number), "bin")
    os.makedirs(folder)
    if code[:4] == b"PK\x03\x04":
        unzip(code, folder)
    elif code[:2] == b"\x1f\x8b":
        untar(code, folder)
    elif is_executable(code):
        missing_environment(number)
    else:
        write_file(os.path.join(folder, "main__.py"), code)
        return folder
    executable = os.path.join(folder, "exec")
    if os.path.isfile(executable):
        with open(executable, "rb") as file:
            if is_executable(file.read(4)):
                missing_environment(number)
        os.replace(executable, os.path.join(folder, "main__.py"))
    elif os.path.isfile(os.path.join(folder, "__main__.py")):
        os.replace(os.path.join(folder, "__main__.py"), os.path.join(folder, "main__.py"))
    if not os.path.isfile(os.path.join(folder, "main__.py")):
        raise InitFailed(NO_BINARY, "Zip file does not include main__")
    return folder


def missing_environment(number):
    # What the reference says of a program that was not compiled in its image.
    raise InitFailed(CANNOT_START, "open ./action/%d/bin/exec.env: no such file or directory" % number)


def unzip(code, folder):
    import io
    import zipfile

    try:
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            for entry in archive.infolist():
                path = archive.extract(entry, folder)
                mode = entry.external_attr >> 16
                if mode & 0o111 and os.path.isfile(path):
                    os.chmod(path, mode & 0o777)
    except Exception:
        # The reference's handler panics: the connection closes without an answer.
        raise ConnectionAbortedError from None


def untar(code, folder):
    import io
    import tarfile

    try:
        with tarfile.open(fileobj=io.BytesIO(code), mode="r:gz") as archive:
            if hasattr(tarfile, "data_filter"):
                archive.extractall(folder, filter="data")
            else:
                archive.extractall(folder)
    except Exception as error:
        raise InitFailed(NO_BINARY, "unexpected EOF" if isinstance(error, EOFError) else str(error)) from None


def check_source(folder):
    import warnings

    with open(os.path.join(folder, "main__.py"), "rb") as file:
        source = file.read()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "main__.py", "exec", 0x400)
    except SyntaxError as error:
        raise InitFailed(NO_BINARY, str(error.msg)) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise InitFailed(NO_BINARY, str(error)) from None


def virtual_environment(folder):
    """Returns the script that activates the environment in the archive, None where there is none."""
    environment = os.path.join(folder, "virtualenv")
    if not os.path.isdir(environment):
        return None
    for place in ("bin", "Scripts"):
        script = os.path.join(environment, place, "activate_this.py")
        if os.path.isfile(script):
            try_activation(script)
            return script
    raise InitFailed(NO_BINARY, "Invalid virtualenv. Zip file does not include 'activate_this.py'.")


def try_activation(script):
    """Runs the script in a process of its own: it may neither raise nor print anything."""
    import subprocess

    done = subprocess.run([sys.executable, script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0 or done.stdout:
        raise InitFailed(NO_BINARY, done.stdout.decode("utf-8", "replace").rstrip("\n"))


def install_requirements(folder):
    """Installs what requirements.txt asks for and returns the folder to import it from, None where it is not there."""
    requirements = os.path.join(folder, "requirements.txt")
    if not os.path.isfile(requirements):
        return None
    import subprocess

    target = os.path.join(folder, "virtualenv", "site-packages")
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", requirements, "-t", target]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder)
    if done.returncode != 0:
        raise InitFailed(NO_BINARY, done.stdout.decode("utf-8", "replace").rstrip("\n"))
    return target


def child_environment(env, folder):
    """All that the action's os.environ holds: nothing else of this process's."""
    base = {key: value for key, value in os.environ.items() if key.startswith("__OW_")}
    # Differs from OpenWhisk: TMPDIR and TZ, which in an image are what they are here by themselves.
    for key in ("TMPDIR", "TZ"):
        if key in os.environ:
            base[key] = os.environ[key]
    base.update({"__OW_EXECUTION_ENV": "openwhisk/action-python", "__OW_WAIT_FOR_ACK": "true"})
    for key, value in env.items():
        base[key] = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    base.update({"PWD": folder, "OLDPWD": "/", "SHLVL": "0", "PYTHONIOENCODING": "UTF-8", "LC_CTYPE": "C.UTF-8"})
    return base


# --- The proxy ---


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
            os.dup2(answer_write, CHILD_OUTPUT)
            for descriptor in {request_read, request_write, answer_read, answer_write} - {0, CHILD_OUTPUT}:
                os.close(descriptor)
            for connection in self.connections.values():
                connection.close()
            self.listener.close()
            env = child_environment(value.get("env") or {}, folder)
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


# --- The child ---


def become_action(plan):
    """Makes this process look like one that was started for the action, and loads its `main`."""
    os.chdir(plan["folder"])
    os.environ.clear()
    os.environ.update(plan["env"])
    sys.argv[:] = ["exec__.py"]
    sys.path[0] = plan["folder"]
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="strict" if stream is sys.stdout else "backslashreplace", write_through=False)
    if plan["packages"]:
        sys.path.insert(1, plan["packages"])
    if plan["activate"]:
        with open(plan["activate"]) as file:
            exec(compile(file.read(), plan["activate"], "exec"), {"__file__": plan["activate"]})
    module = __import__("main__")
    return getattr_main(module, plan["main"])


def getattr_main(module, name):
    try:
        return getattr(module, name)
    except AttributeError:
        raise ImportError("cannot import name %r from 'main__' (%s)" % (name, module.__file__)) from None


def action_loop(main, requests, answers):
    while True:
        line = requests.readline()
        if not line:
            return
        payload = {}
        args = json.loads(line)
        for key in args:
            if key == "value":
                payload = args["value"]
            else:
                os.environ["__OW_" + key.upper()] = args[key]
        try:
            result = main(payload)
        except Exception as error:
            import traceback

            traceback.print_exc(file=sys.stderr)
            result = {"error": str(error)}
        answers.write(json.dumps(result, ensure_ascii=False).encode("utf-8") + b"\n")
        sys.stdout.flush()
        sys.stderr.flush()
        answers.flush()


def run_action(plan):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main = become_action(plan)
    requests = os.fdopen(0, "rb", closefd=False)
    answers = os.fdopen(CHILD_OUTPUT, "wb")
    sys.stdout.flush()
    answers.write(b'{"ok":true}\n')
    answers.flush()
    action_loop(main, requests, answers)


def start():
    path = sys.argv[1]
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


if __name__ == "__main__":
    run_action(start())
