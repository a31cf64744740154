"""A local server that speaks the protocol of a model hub, as far as downloads need it."""

import hashlib
import http.server
import json
import urllib.parse

from tests import server

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Repositories as `{"owner/name": {"file": bytes}}`, and the statuses of those that may not be read."""

    def __init__(self):
        self.repositories = {}
        self.statuses = {}  # repository -> (status, error code of the hub)
        self.false = {}  # path of a request -> what is sent in place of the file, after its true size and name
        self.requests = []
        self.url = ""


def _handler(hub):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self._answer(body=False)

        def do_GET(self):
            self._answer(body=True)

        def _answer(self, body):
            path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).strip("/")
            hub.requests.append((self.command, path))
            parts = path.split("/")
            api = parts[:2] == ["api", "models"]
            repository = "/".join(parts[2:4] if api else parts[:2])
            if repository in hub.statuses:
                status, code = hub.statuses[repository]
                return self._send(status, b"{}", body, {"X-Error-Code": code})
            if repository not in hub.repositories:
                return self._send(401, b"{}", body, {"X-Error-Code": "RepoNotFound"})
            files = hub.repositories[repository]
            revision, rest = (parts[5:6], parts[4:5] + parts[6:]) if api else (parts[3:4], parts[4:])
            if revision and revision[0] not in ("main", COMMIT):
                return self._send(404, b"{}", body, {"X-Error-Code": "RevisionNotFound"})
            if api:
                return self._send(200, json.dumps(_listed(repository, files, rest)).encode(), body, {})
            name = "/".join(rest)
            if name not in files:
                return self._send(404, b"", body, {"X-Error-Code": "EntryNotFound"})
            head = {"ETag": f'"{_blob(files[name])}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
            if body and path in hub.false:
                self.close_connection = True
                self.send_response(200)
                self.end_headers()
                return self.wfile.write(hub.false[path])
            return self._send(200, files[name], body, head)

        def _send(self, status, content, body, headers):
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(content)

    return Handler


def _blob(content):
    """The name that git gives a file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _listed(repository, files, rest):
    if rest[:1] == ["tree"]:
        return [{"type": "file", "path": name, "size": len(c), "oid": _blob(c)} for name, c in files.items()]
    siblings = [{"rfilename": name, "size": len(c), "blobId": _blob(c)} for name, c in files.items()]
    return {"id": repository, "sha": COMMIT, "siblings": siblings, "private": False, "downloads": 0, "tags": []}


def running():
    """A hub on a free port of this machine, stopped afterwards."""
    hub = Hub()
    return server.listening(hub, _handler(hub))
