"""The content types that a script need not handle itself: a request's body to data, a prediction to an answer's body.

Source: the vendor's sagemaker-inference toolkit 1.10 (its decoder and encoder), with two differences: one CSV row is
a table of one row, and arrays in NumPy's format may hold no Python objects, since reading those runs a caller's code.
"""

import io
import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any

JSON = "application/json"
CSV = "text/csv"
NPY = "application/x-npy"
ANY = "*/*"
TEXTS = (JSON, CSV)


class UnsupportedFormatError(Exception):
    """There is no default for a content type; `status` is the HTTP status that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class MalformedBodyError(Exception):
    """A body is not of the type that it says."""


def decode(body: str | bytes, content_type: str) -> Any:
    """Return a body as data: an array, or a dictionary of a JSON object.

    Raises:
        UnsupportedFormatError: the type is none of JSON, CSV and NPY.
        MalformedBodyError: the body is not of that type.
    """
    decoder = _DECODERS.get(content_type)
    if decoder is None:
        raise UnsupportedFormatError(415, f"content type {content_type} is not supported; send {', '.join(_DECODERS)}")
    try:
        return decoder(body)
    except (ValueError, EOFError, RecursionError) as error:
        raise MalformedBodyError(f"the body is not {content_type}: {error}") from error


def encode(prediction: Any, accept: str) -> tuple[str | bytes, str]:
    """Return a prediction in the first content type of an Accept header that there is, and that type.

    Raises:
        UnsupportedFormatError: there is none.
    """
    for asked in accept.replace(" ", "").split(","):
        kind = asked.partition(";")[0].lower()
        encoder = _ENCODERS.get(JSON if kind == ANY else kind)
        if encoder is not None:
            return encoder(prediction), JSON if kind == ANY else kind
    raise UnsupportedFormatError(406, f"answers of type {accept} are not supported; accept {', '.join(_ENCODERS)}")


def _from_json(body: str | bytes) -> Any:
    import numpy as np

    content = json.loads(body)
    return content if isinstance(content, dict) else np.array(content)


def _from_csv(body: str | bytes) -> Any:
    import numpy as np

    text = body.decode("utf-8") if isinstance(body, bytes) else body
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an empty body, which becomes an empty table
        return np.genfromtxt(io.StringIO(text), delimiter=",", ndmin=2)


def _from_npy(body: str | bytes) -> Any:
    import numpy as np

    return np.load(io.BytesIO(body.encode() if isinstance(body, str) else body), allow_pickle=False)


def _to_json(prediction: Any) -> str:
    def listed(value: Any) -> Any:
        if hasattr(value, "tolist"):
            return value.tolist()
        raise TypeError(f"a prediction of type {type(value).__name__} has no form in JSON; define output_fn")

    return json.dumps(prediction, default=listed)


def _to_csv(prediction: Any) -> str:
    import numpy as np

    text = io.StringIO()
    np.savetxt(text, np.asarray(prediction), delimiter=",", fmt="%s")
    return text.getvalue()


def _to_npy(prediction: Any) -> bytes:
    import numpy as np

    content = io.BytesIO()
    np.save(content, np.asarray(prediction), allow_pickle=False)
    return content.getvalue()


_DECODERS: Mapping[str, Callable[[str | bytes], Any]] = {JSON: _from_json, CSV: _from_csv, NPY: _from_npy}
_ENCODERS: Mapping[str, Callable[[Any], str | bytes]] = {JSON: _to_json, CSV: _to_csv, NPY: _to_npy}
