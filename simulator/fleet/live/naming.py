"""Applications and revisions as a description names them, and as Margo packages have them.

An application's id has letters, digits and dashes (AD-009), and versions are semantic (AD-017); descriptions may be
freer: a revision `2` goes as 2.0.0, and `hotfix`, the third one, as 0.0.3-hotfix.
"""

import re

from simulator.fleet.description import Application, Fleet
from simulator.protocol.ids import REVISION_PATTERN

Named = tuple[str, str]
"""An application and a revision."""


def packaged(fleet: Fleet) -> dict[Named, Named]:
    """Id and version of the package for each (application, revision) of the description; no two are the same."""
    ids: dict[str, str] = {application.name: application.name for application in fleet.applications}
    for name in ids:
        if "." in name:
            ids[name] = _free(name.replace(".", "-"), set(ids.values()))
    return {
        (application.name, revision): (ids[application.name], version)
        for application in fleet.applications
        for revision, version in _versions(application).items()
    }


def _versions(application: Application) -> dict[str, str]:
    """The semantic version of each revision: its name where that is one, else one made from it."""
    names = [revision.name for revision in application.revisions]
    padded = {name: ".".join([*name.split("."), "0", "0"][:3]) for name in names if re.fullmatch(_SHORT, name)}
    found: dict[str, str] = {}
    for number, name in enumerate(names, 1):
        version = padded.get(name, name)
        taken = version != name and (version in names or version in found.values())
        if taken or not re.fullmatch(REVISION_PATTERN, version):
            version = f"0.0.{number}-{'' if name[0].isalpha() else 'r'}{name.replace('.', '-')}"
        found[name] = version
    return found


_SHORT = r"(0|[1-9]\d*)(\.(0|[1-9]\d*))?"


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "-x"
    return name
