"""What is said of a picture that cannot be used."""


class ImageError(ValueError):
    """The client's bytes are no picture that can be used; the text says why, to a person."""
