"""A real server in a thread, on a free port."""

import asyncio
import contextlib
import faulthandler
import sys
import threading
import time

from voxjax.deploy.service import logs, server
from voxjax.deploy.service.service import Service

_STOPPED_S = 60.0  # as long as a process gets in `test_process`: the suite beside it may be slow


@contextlib.contextmanager
def running(service: Service):
    """Serves, and yields the host and port; stops at the end."""
    logs.set_up()
    found = server.listening("127.0.0.1", 0)
    uvicorn_server = server._Server(server._config(service))
    thread = threading.Thread(target=lambda: asyncio.run(uvicorn_server.serve(sockets=[found])))
    thread.start()
    try:
        wait_until(service.is_ready, 60.0)
        yield found.getsockname()[:2]
    finally:
        uvicorn_server.should_exit = True
        thread.join(_STOPPED_S)
        service.close()
        if thread.is_alive():
            faulthandler.dump_traceback(file=sys.__stderr__, all_threads=True)  # says what it waits for
        assert not thread.is_alive()


def wait_until(condition, within_s=5.0):
    """Waits for a condition, and fails where it does not come true."""
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, "it did not come true"
        time.sleep(0.01)
