"""Roles alone: what SageMaker's jobs, pipelines and endpoints act under, allowed to read one bucket that exists."""

import pulumi

from components.identity.aws import AwsIdentity
from components.naming import Naming

naming = Naming("example", pulumi.get_stack(), "data-team")
identity = AwsIdentity(naming.prefix, {"naming": naming})
identity.allow("access", identity.grants)
identity.allow("shared", {"jobs": [{"Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::our-shared-data/*"]}]})

pulumi.export("job_role", identity.roles["jobs"])
