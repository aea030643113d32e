"""The job image alone: a repository, and the image made and pushed without a container daemon."""

import pulumi

from components.images.gcp import GcpImages
from components.naming import Naming
from components.place import Place

naming = Naming("example", pulumi.get_stack(), "data-team")
place = Place("us-central1", "our-project", "123456789012")
images = GcpImages(naming.prefix, {"naming": naming, "place": place, "python_version": "3.11"})

pulumi.export("image", images.image_uri)
