"""The exception of the live recogniser."""


class LiveError(ValueError):
    """A model, source or display that the live recogniser cannot use; the message is meant for the user."""
