"""The Python runtime proxy: a program of its own that answers POST /init and /run on a Unix socket, with the states,
sentences and log sentinels of the reference's ActionLoop proxy and its Python runtime.

    python3 python.py SOCKET [CACHE]

The proxy (ow_proxy) makes files of the code (ow_code) and forks the process that runs it (ow_action): requests reach
that as lines on its standard input, its answers come back as lines on its descriptor 3, as in the reference. The
working directory stands for the image's root. Descriptor 3 of the proxy is the lifeline to the server: a line says that
requests are taken, another names the action's process, and when the other end closes this process group ends.
CACHE is a folder for the compiled form of these files.
"""
# All that the files imported below need: loaded first, from where its own cache is.
import _socket  # noqa: F401
import json  # noqa: F401
import os  # noqa: F401
import select  # noqa: F401
import signal  # noqa: F401
import sys

if __name__ == "__main__":
    sys.pycache_prefix = sys.argv[2] if len(sys.argv) > 2 else None
    import ow_action
    import ow_proxy

    sys.pycache_prefix = None
    ow_action.run(ow_proxy.serve(sys.argv[1]))
