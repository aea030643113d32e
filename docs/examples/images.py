"""The job image alone: a repository, and the image made and pushed without a container daemon."""

import pulumi

from components.images.aws import AwsImages
from components.naming import Naming

naming = Naming("example", pulumi.get_stack(), "data-team")
images = AwsImages(naming.prefix, {"naming": naming, "python_version": "3.11"})

pulumi.export("image", images.image_uri)
