"""A local server of objects that speaks as much of Google Cloud Storage's JSON API as gcsfs and TensorStore use."""

import contextlib
import hashlib
import http.server
import json
import re
import threading
import time
import urllib.parse

from tests.server import listening

_LIST = re.compile(r"/storage/v1/b/[^/]+/o")
_OBJECT = re.compile(r"(?:/download)?/storage/v1/b/([^/]+)/o/([^/]+)")
_UPLOAD = re.compile(r"/upload/storage/v1/b/([^/]+)/o")
_BUCKET = re.compile(r"/storage/v1/b/([^/]+)")


class Server:
    """Objects by (bucket, name). Folders do not exist, and nothing can be renamed."""

    def __init__(self):
        self.objects = {}  # (bucket, name) -> (content, generation)
        self.written = []  # names, in their order
        self.uploads = {}  # (bucket, name) -> what has arrived
        self.forbidden = set()  # buckets that may not be used
        self.lock = threading.Lock()
        self.url = ""

    def write(self, bucket, name, content):
        with self.lock:
            self.written.append(name)
            self.objects[bucket, name] = (content, len(self.written))
        return self.metadata(bucket, name)

    def metadata(self, bucket, name):
        content, generation = self.objects[bucket, name]
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(generation))
        return {
            "kind": "storage#object", "id": f"{bucket}/{name}/{generation}", "bucket": bucket, "name": name,
            "size": str(len(content)), "generation": str(generation), "metageneration": "1", "timeCreated": now,
            "updated": now, "etag": f"e{generation}", "md5Hash": hashlib.md5(content).hexdigest(),
        }  # fmt: skip

    def listing(self, bucket, query):
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        with self.lock:
            names = sorted(name for b, name in self.objects if b == bucket and name.startswith(prefix))
        items, prefixes = [], set()
        for name in names:
            head, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if found:
                prefixes.add(prefix + head + delimiter)
            else:
                items.append(self.metadata(bucket, name))
        return {"kind": "storage#objects", "items": items, "prefixes": sorted(prefixes)}


def _handler(server):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def handle(self):
            with contextlib.suppress(ConnectionError):  # gcsfs drops questions that another has answered
                super().handle()

        def parse(self):
            url = urllib.parse.urlsplit(self.path)
            self.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
            size = int(self.headers["Content-Length"] or 0)
            self.body = self.rfile.read(size)
            named = re.search(r"/b/([^/]+)", url.path)
            return "/forbidden" if named and named[1] in server.forbidden else url.path

        def answer(self, status, body=b"", headers=()):
            if isinstance(body, dict):
                body = json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def missing(self, path):
            code, text = (403, "Forbidden") if path == "/forbidden" else (404, "Not Found")
            self.answer(code, {"error": {"code": code, "message": text, "errors": []}})

        def known(self, path):
            """The bucket and the name of an existing object, else None."""
            found = _OBJECT.fullmatch(path)
            key = found and (urllib.parse.unquote(found[1]), urllib.parse.unquote(found[2]))
            return key if key in server.objects else None

        def do_GET(self):
            path = self.parse()
            if _LIST.fullmatch(path):
                self.answer(200, server.listing(path.split("/")[4], self.query))
            elif found := _BUCKET.fullmatch(path):
                self.answer(200, {"kind": "storage#bucket", "id": found[1], "name": found[1], "location": "HERE"})
            elif not (key := self.known(path)):
                self.missing(path)
            elif self.query.get("alt") == "media":
                self.media(*server.objects[key])
            else:
                self.answer(200, server.metadata(*key))

        def media(self, content, generation):
            headers = [("x-goog-generation", str(generation)), ("ETag", f"e{generation}")]
            if self.query.get("ifGenerationNotMatch") == str(generation):
                return self.answer(304, b"", headers)
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
            if not wanted:
                return self.answer(200, content, headers)
            first = int(wanted[1])
            if first >= len(content):
                return self.answer(416, b"", headers)
            part = content[first : int(wanted[2]) + 1 if wanted[2] else None]
            at = f"bytes {first}-{first + len(part) - 1}/{len(content)}"
            return self.answer(206, part, [*headers, ("Content-Range", at)])

        def do_POST(self):
            path = self.parse()
            if found := _UPLOAD.fullmatch(path):
                self.upload(found[1])
            elif path.startswith("/batch/"):
                self.batch()
            elif found := re.fullmatch(rf"({_OBJECT.pattern})/(?:rewriteTo|copyTo)/b/([^/]+)/o/([^/]+)", path):
                content, _ = server.objects[self.known(found[1])]
                resource = server.write(*map(urllib.parse.unquote, found.groups()[-2:]), content)
                self.answer(200, {"done": True, "resource": resource} if "rewriteTo" in path else resource)
            else:
                self.missing(path)

        def upload(self, bucket):
            kind = self.query["uploadType"]
            if kind == "multipart":
                _, described, part = self.body.split(b"--==0==", 2)
                name = json.loads(described.split(b"\n\n", 1)[1])["name"]
                content = part.split(b"\n\n", 1)[1].removesuffix(b"\n--==0==--")
                return self.answer(200, server.write(bucket, name, content))
            name, match = self.query["name"], self.query.get("ifGenerationMatch")
            now = server.objects[bucket, name][1] if (bucket, name) in server.objects else 0
            if match is not None and int(match) != now:
                return self.answer(412, {"error": {"code": 412, "message": "conditionNotMet"}})
            if kind == "media":
                return self.answer(200, server.write(bucket, name, self.body))
            if "upload_id" not in self.query:  # a resumable upload begins
                server.uploads[bucket, name] = b""
                query = urllib.parse.urlencode({"uploadType": "resumable", "upload_id": "1", "name": name})
                return self.answer(200, b"", [("Location", f"{server.url}/upload/storage/v1/b/{bucket}/o?{query}")])
            server.uploads[bucket, name] += self.body
            if self.headers["Content-Range"].endswith("/*"):
                return self.answer(308, b"", [("Range", f"bytes=0-{len(server.uploads[bucket, name]) - 1}")])
            return self.answer(200, server.write(bucket, name, server.uploads.pop((bucket, name))))

        do_PUT = do_POST  # noqa: N815, the name is http.server's

        def do_DELETE(self):
            self.delete(self.parse())

        def delete(self, path):
            if key := self.known(path):
                del server.objects[key]
                return self.answer(204)
            return self.missing(path)

        def batch(self):
            lines = []
            for path in re.findall(rb"\nDELETE (\S+) HTTP", self.body):
                key = self.known(path.decode().partition("?")[0])
                lines.append("HTTP/1.1 204 No Content" if key else "HTTP/1.1 404 Not Found")
                server.objects.pop(key, None)
            parts = "".join(f"--batch\r\nContent-Type: application/http\r\n\r\n{line}\r\n\r\n" for line in lines)
            self.answer(200, f"{parts}--batch--".encode(), [("Content-Type", "multipart/mixed; boundary=batch")])

    return Handler


def running():
    """A server on a free port of this machine, stopped afterwards."""
    server = Server()
    return listening(server, _handler(server))


def environment(server):
    """The environment variables that send gcsfs, google-cloud-storage and TensorStore to the server, without a key."""
    return {
        "STORAGE_EMULATOR_HOST": server.url,
        "TENSORSTORE_GCS_HTTP_URL": server.url,
        "FSSPEC_GCS_TOKEN": "anon",
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",  # it would ask the real one what kind of bucket this is
        "GCE_METADATA_ROOT": "127.0.0.1:1",
        "NO_GCE_CHECK": "true",
    }
