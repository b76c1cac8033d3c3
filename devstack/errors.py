"""What keeps a stack from running. Each text is for the person at the terminal and says what to do.

StackError
├── ChildError        a process did not start, did not get ready, or failed
├── PortError         a port is taken, or asked for twice
├── RestartsError     a process ends again and again
├── ServiceHomeError  the database's folder belongs to somebody else
├── StateError        the state folder is in use
└── SeedError         the demo data could not be made
"""


class StackError(RuntimeError):
    """The stack cannot start or go on."""


class ChildError(StackError):
    """A process of the stack did not start, or did not get ready. The text ends with the end of its log."""


class PortError(StackError):
    """A port is taken, or asked for twice. The text names the variable that moves it."""


class RestartsError(StackError):
    """A process ended by itself so often that starting it again does not help."""


class ServiceHomeError(StackError):
    """A folder that must be ours alone belongs to somebody else, or is a link."""


class StateError(StackError):
    """The state folder cannot be used by this run."""


class SeedError(StackError):
    """The demo data could not be made; the text says what was refused."""
