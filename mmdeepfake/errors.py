"""The faults a user can mend: tools print their message alone, without a traceback."""


class InputError(Exception):
    """Something given from outside is missing, broken or contradictory.

    The message says what is wrong, the value got, what is allowed, and where.
    """


class DataNotFoundError(InputError, FileNotFoundError):
    """A file or folder that the user named or a config points at does not exist."""


class DataError(InputError, ValueError):
    """A file, folder or field is there, but cannot be used as it is."""


class ConfigError(InputError, ValueError):
    """A config contradicts itself or asks for something that does not exist."""


class LeakError(DataError):
    """A model would be tested on what it was trained or chosen on."""


class OutputError(InputError, OSError):
    """A file or folder cannot be written; the whole run has to stop."""
