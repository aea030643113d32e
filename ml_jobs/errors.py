"""The errors of the jobs: what a person can mend in data, parameters or rules."""


class JobError(Exception):
    """A job cannot do what was asked; the message says what, where and the fix. Jobs end with exit code 1."""


class DataContractError(JobError):
    """The data breaks its contract; the message names column, check and how many rows."""


class ModelDigestError(JobError):
    """A model file is not the one that was released."""
