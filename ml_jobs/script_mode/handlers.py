"""A user's serving functions: found in their script, filled up with the defaults, and called as the toolkit does.

Source: the vendor's sagemaker-inference toolkit 1.10 (its transformer), read 2026-11; `predict_fn`'s default is that of
the vendor's scikit-learn container.
"""

import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from ml_jobs.errors import JobError
from ml_jobs.script_mode import formats

Handler = Callable[..., Any]
NAMES = ("model_fn", "input_fn", "predict_fn", "output_fn", "transform_fn")


@dataclass(frozen=True)
class Context:
    """What a function that takes one argument more than usual is given, as the vendor's `context`."""

    system_properties: dict[str, Any] = field(default_factory=dict)


class Handlers:
    """The functions of one script, and the model that its `model_fn` returned."""

    def __init__(self, script: ModuleType, folder: Path) -> None:
        """Load the model of a folder.

        Raises:
            JobError: the script lacks `model_fn`, or defines functions that exclude each other. What `model_fn` itself
                raises goes through.
        """
        found = {name: getattr(script, name) for name in NAMES if callable(getattr(script, name, None))}
        where = script.__file__
        if "model_fn" not in found:
            raise JobError(f"{where} defines no model_fn(model_dir), which loads the model")
        if "transform_fn" in found and found.keys() & {"input_fn", "predict_fn", "output_fn"}:
            raise JobError(f"{where} defines transform_fn, which takes the place of input_fn, predict_fn and output_fn")
        self._input: Handler = found.get("input_fn", _decode)
        self._predict: Handler = found.get("predict_fn", _predict)
        self._output: Handler = found.get("output_fn", formats.encode)
        self._transform: Handler = found.get("transform_fn", self._three_steps)
        self._context = Context({"model_dir": str(folder), "gpu_id": None})
        self._model = self._call(found["model_fn"], str(folder))

    def transform(self, body: str | bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """Return the answer to one request, and its content type. What a function raises goes through.

        Raises:
            TypeError: the script's last function returned neither a text nor bytes.
        """
        result = self._call(self._transform, self._model, body, content_type, accept)
        answer, kind = result if isinstance(result, tuple) else (result, accept)
        if isinstance(answer, str):
            answer = answer.encode()
        if not isinstance(answer, bytes | bytearray):
            raise TypeError(f"the script returned {type(answer).__name__} as answer; it must be a text or bytes")
        return bytes(answer), str(kind)

    def _three_steps(self, model: Any, body: str | bytes, content_type: str, accept: str) -> Any:
        data = self._call(self._input, body, content_type)
        prediction = self._call(self._predict, data, model)
        return self._call(self._output, prediction, accept)

    def _call(self, function: Handler, *arguments: Any) -> Any:
        """Call a function, with the context if it takes one argument more."""
        taken = len(inspect.signature(function).parameters)
        return function(*arguments, self._context) if taken == len(arguments) + 1 else function(*arguments)


def _decode(body: str | bytes, content_type: str) -> Any:
    return formats.decode(body, content_type.partition(";")[0].strip().lower())


def _predict(data: Any, model: Any) -> Any:
    return model.predict(data)


def load_script(code: Path, program: str) -> ModuleType:
    """Import a script of a folder of code, under its own name, with the folder first on Python's path.

    Raises:
        JobError: it is not there, or is no Python file. What the script raises while it is imported goes through.
    """
    path = code / program
    if path.suffix != ".py":
        path = path.with_name(f"{path.name}.py")  # the vendor takes a module's name too
    if not path.is_file():
        found = ", ".join(sorted(file.name for file in code.glob("*.py"))) or "nothing"
        raise JobError(f"SAGEMAKER_PROGRAM is {program!r}, which is not in {code}; there is {found}")
    sys.path.insert(0, str(code))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None  # noqa: S101 - it is a Python file
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
