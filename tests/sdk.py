"""What the installed SDKs of the clouds have: their resource types, by the token that stands in a state."""

import importlib
import re


def has_type(token: str) -> bool:
    """True if the installed SDK has a class for a token such as `aws:s3/bucket:Bucket`."""
    found = re.fullmatch(r"(aws|gcp):(\w+)/(\w+):(\w+)", token)
    if not found:
        return False
    module = importlib.import_module(f"pulumi_{found[1]}.{found[2]}")
    return hasattr(module, found[4])
