"""The resource class of `stile:tracking:Password`, a random password that our own plugin makes once and keeps."""

import pulumi


class Password(pulumi.CustomResource):
    """A password that nobody chose: 256 random bits, in letters, digits, hyphens and underscores.

    It is made with the resource and lives in the state, encrypted; a replacement makes another.

    Attributes:
        password: the password, a secret.
    """

    password: pulumi.Output[str]

    def __init__(self, resource_name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the password.

        Args:
            resource_name: the logical name.
            opts: the engine's options.
        """
        secret = pulumi.ResourceOptions(additional_secret_outputs=["password"])
        super().__init__(
            "stile:tracking:Password", resource_name, {"password": None}, pulumi.ResourceOptions.merge(secret, opts)
        )
