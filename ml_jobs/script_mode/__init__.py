"""SageMaker's script mode: the job image runs and serves a user's own script, sent by the vendor's SDK, unchanged.

The vendor's two toolkits (sagemaker-training, sagemaker-inference) say what a script may expect; see docs/own-code.md
for what is the same here and what differs. Nothing heavy is imported at module level: every job asks `is_training`.
"""

import os
from collections.abc import Mapping
from typing import Any

from ml_jobs.errors import JobError
from ml_jobs.settings import container_path

PROGRAM = "sagemaker_program"
SUBMIT_DIRECTORY = "sagemaker_submit_directory"
# Where the model's own code lies, as the vendor's SDK packs it, and the program's name where none is given.
PACKED_CODE = "/opt/ml/model/code"
DEFAULT_SERVED_PROGRAM = "inference.py"


def is_training(hyperparameters: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether a training job names a user's program: by hyperparameter, or by SAGEMAKER_PROGRAM."""
    return bool(hyperparameters.get(PROGRAM) or environ.get(PROGRAM.upper()))


def is_serving(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether a model is served by a user's program: one that is named, or code/inference.py in the model.

    Raises:
        JobError: the environment names both a program and a use case of Stile: a released model is served by Stile's
            own code only, which checks its digest.
    """
    program, use_case = environ.get(PROGRAM.upper()), environ.get("STILE_USE_CASE")
    if program and use_case:
        raise JobError(
            f"SAGEMAKER_PROGRAM is {program!r} and STILE_USE_CASE is {use_case!r}: a model is served by a script or by "
            "its use case; unset one"
        )
    if use_case:
        return False
    return bool(program) or (container_path(PACKED_CODE) / DEFAULT_SERVED_PROGRAM).is_file()
