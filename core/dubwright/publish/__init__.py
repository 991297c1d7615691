"""What is looked at before a version goes out."""

from importlib.util import find_spec

from dubwright.errors import DubwrightError

__all__ = ["require_pyblish"]


def require_pyblish() -> None:
    """See that what publish needs is installed.

    Raises:
        DubwrightError: it is not.
    """
    missing = [name for name in ("pyblish", "py3langid") if find_spec(name) is None]
    if missing:
        raise DubwrightError(
            "Publish cannot be run here",
            where="the environment",
            why=f"{', '.join(missing)} is not installed",
            repair="pip install 'dubwright[publish]'",
        )
