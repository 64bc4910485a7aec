"""The exceptions of PEP 249. Each carries the engine's stable code."""

from __future__ import annotations

import re


class Warning(Exception):
    """Something worth knowing that did not stop the statement. Pyralog raises none yet."""


class Error(Exception):
    """Everything that goes wrong in Pyralog.

    Attributes
    ----------
    code : str
        The stable code, such as ``"CONFLICT"`` or ``"DAMAGED"``.
    retryable : bool
        Whether the same transaction, begun anew, may succeed.
    """

    code: str
    retryable: bool

    def __init__(self, message: str = "", code: str = "UNKNOWN") -> None:
        super().__init__(message)
        self.code = code
        self.retryable = code == "CONFLICT"

    def __reduce__(self) -> tuple[type[Error], tuple[str, str]]:
        return type(self), (str(self), self.code)


class InterfaceError(Error):
    """The package itself was used wrongly: a closed result, a fetch without a statement."""


class DatabaseError(Error):
    """The database refused or failed."""


class DataError(DatabaseError):
    """A value does not fit: out of range, not convertible, not representable in Python."""


class OperationalError(DatabaseError):
    """It lies outside the statement: conflict, disk, memory, lock, damage, interrupt, state of the transaction."""


class IntegrityError(DatabaseError):
    """A constraint does not allow the row."""


class InternalError(DatabaseError):
    """Pyralog contradicts itself: please report it."""


class ProgrammingError(DatabaseError):
    """The statement is wrong: syntax, names, parameters, arguments."""


class NotSupportedError(DatabaseError):
    """Known, but not offered."""


_TYPES: dict[str, type[Error]] = {
    "INVALID_ARGUMENT": ProgrammingError,
    "NOT_FOUND": ProgrammingError,
    "ALREADY_EXISTS": ProgrammingError,
    "NOT_SUPPORTED": NotSupportedError,
    "CONSTRAINT": IntegrityError,
    "INTERNAL": InternalError,
    "UNKNOWN": InternalError,
}
# The engine has one code for what PEP 249 takes apart; its texts begin so.
_OF_DATA = re.compile(
    r"Conversion Error|Out of Range Error|Invalid Input Error"
    r"|column \"[^\"]*\"(: | is stored as .*cannot be put| is given a value)|column '[^']*' cannot be carried exactly",
    re.DOTALL,
)


def error_of_code(code: str, message: str) -> Error:
    """Make the exception for a code of the engine."""
    kind = _TYPES.get(code, OperationalError)
    if code == "INVALID_ARGUMENT" and _OF_DATA.match(message):
        kind = DataError
    return kind(message, code)


def of_parameter(error: BaseException, name: str) -> BaseException:
    """Give the exception with the name of the parameter that it is about."""
    if isinstance(error, Error):
        return type(error)(f"parameter ${name}: {error}", error.code)
    return error
