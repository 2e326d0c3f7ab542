"""The errors a user can fix: tools print their message without a traceback."""


class InputError(Exception):
    """Input is missing, broken or contradictory.

    The message states the problem, the value, what is allowed, and where.
    """


class DataNotFoundError(InputError, FileNotFoundError):
    """A file or folder that the user or a config names does not exist."""


class DataError(InputError, ValueError):
    """A file, folder or field exists but cannot be used."""


class ConfigError(InputError, ValueError):
    """A config contradicts itself or asks for something that does not exist."""


class LeakError(DataError):
    """A model would be tested on data it was trained or chosen on."""


class OutputError(InputError, OSError):
    """A file or folder cannot be written; the whole run has to stop."""
