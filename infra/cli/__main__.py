"""`python -m infra.cli`, which the launcher starts."""

import os
import sys

from infra.cli.main import main

code = main()
sys.stdout.flush()
sys.stderr.flush()
# After a failed update Pulumi's SDK leaves a thread that waits for ever, and an event loop that complains when it goes.
os._exit(code)
