"""What the Python runtime makes of the code at /init: checks the request and lays out the files to run."""
import json
import os
import sys

NO_BINARY = "The action failed to generate or locate a binary. See logs for details."
CANNOT_START = "Cannot start action. Check logs for details."


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
