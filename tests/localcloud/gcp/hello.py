"""The image of a server by Cloud Run's contract, in the registry of the local cloud under the names that tests use."""

import io
import subprocess
import tarfile
from pathlib import Path

NAMES = ("stile-local/images/hello:1", "demo-project/ho/hello:1")
SCRIPT = """
import http.server, json, os, sys
if os.environ.get("COLOUR") == "none":
    sys.exit(5)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            os._exit(3)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        names = ("COLOUR", "K_SERVICE", "K_REVISION", "PORT")
        seen = {name: os.environ.get(name) for name in names} | {"path": self.path, "args": sys.argv[1:]}
        content = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

print("listening", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def push_hello(crane: str, registry_url: str, folder: Path) -> None:
    """Push the image under all names."""
    archive, registry = folder / "layer.tar", registry_url.removeprefix("http://")
    with tarfile.open(archive, "w") as tar:
        member = tarfile.TarInfo("opt/job/main.py")
        member.size = len(SCRIPT.encode())
        tar.addfile(member, io.BytesIO(SCRIPT.encode()))
    first, *others = [f"{registry}/{name}" for name in NAMES]
    _run(crane, "append", "--new_layer", str(archive), "--new_tag", first)
    _run(crane, "mutate", first, "--tag", first, "--entrypoint=python,-u,/opt/job/main.py")
    for other in others:
        _run(crane, "copy", first, other)


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
