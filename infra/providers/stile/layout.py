"""The image of the packages alone, kept beside its layer as a folder (an OCI image layout) that crane pushes as it is.

To append a layer, crane unpacks it, as an image names the unpacked layers' digests too: seconds for what never changes.
https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
"""

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

_MARK = {"imageLayoutVersion": "1.0.0"}
_INDEX = "application/vnd.oci.image.index.v1+json"


def folder(packed: Path) -> Path:
    """Return where the image of a layer's file is kept, if it is; of a file made anew it is elsewhere."""
    return packed.with_name(f"{packed.name.removesuffix('.tar.gz')}-{packed.stat().st_mtime_ns:x}.image")


def keep(packed: Path, digest: str, manifest: str, config: str) -> bool:
    """Keep the image that crane made of a layer's file; False if the texts are not those of that very image.

    Args:
        packed: the layer's file.
        digest: of the manifest, as the registry has it.
        manifest, config: the image's, to the byte.
    """
    described: dict[str, Any] = json.loads(manifest)
    layers = described["layers"]
    right = _digest(manifest) == digest and _digest(config) == described["config"]["digest"]
    if not right or [layer["size"] for layer in layers] != [packed.stat().st_size]:
        return False
    entry = {"mediaType": described["mediaType"], "size": len(manifest.encode()), "digest": digest}
    target = folder(packed)
    with tempfile.TemporaryDirectory(dir=packed.parent, prefix=".image-") as scratch:
        made = Path(scratch) / "image"
        blobs = made / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        (made / "oci-layout").write_text(json.dumps(_MARK))
        (made / "index.json").write_text(json.dumps({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [entry]}))
        (blobs / _name(digest)).write_text(manifest)
        (blobs / _name(described["config"]["digest"])).write_text(config)
        (blobs / _name(layers[0]["digest"])).symlink_to(Path("..", "..", "..", packed.name))
        if not target.exists():
            made.rename(target)
    return True


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _name(digest: str) -> str:
    return digest.removeprefix("sha256:")
