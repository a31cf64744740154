"""Notes in a file to which addresses a process connects, and which names it looks up. Python runs it at its start."""

import os
import sys

EVENTS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")


def note(event, arguments):
    if event in EVENTS:
        place = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments[0]
        with open(os.environ["VOXJAX_TESTS_AUDIT"], "a", encoding="utf-8") as file:
            file.write(f"{event} {place[0] if isinstance(place, tuple) else place}\n")


if "VOXJAX_TESTS_AUDIT" in os.environ:
    sys.addaudithook(note)
