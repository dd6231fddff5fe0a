"""The half of the Python runtime that is the action's own process: loads its main and calls it for each request."""
import json
import os
import signal
import sys

OUTPUT = 3


def environment(env, folder):
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


def become_action(plan):
    """Makes this process look like one that was started for the action, and loads its `main`."""
    os.chdir(plan["folder"])
    os.environ.clear()
    os.environ.update(plan["env"])
    sys.argv[:] = ["exec__.py"]
    sys.path[0] = plan["folder"]
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="strict" if stream is sys.stdout else "backslashreplace", line_buffering=True)
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


def flush(*streams):
    """The action may have closed some, or put anything in their place."""
    for stream in streams:
        try:
            stream.flush()
        except Exception:
            pass


def action_loop(main, requests, answers, stdout, stderr):
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

            traceback.print_exc(file=stderr)
            result = {"error": str(error)}
        answers.write(json.dumps(result, ensure_ascii=False).encode("utf-8") + b"\n")
        flush(stdout, stderr, sys.stdout, sys.stderr)
        answers.flush()


def run(plan):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # The reference's own streams too are those from before the action was loaded.
    stdout, stderr = sys.stdout, sys.stderr
    main = become_action(plan)
    requests = os.fdopen(0, "rb", closefd=False)
    answers = os.fdopen(OUTPUT, "wb")
    flush(stdout, sys.stdout)
    answers.write(b'{"ok":true}\n')
    answers.flush()
    action_loop(main, requests, answers, stdout, stderr)
