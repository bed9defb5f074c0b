"""A folder with the names of a SavedModel's files, many enough that copying takes a while."""

import os


def whole_model(folder) -> str:
    for sub in ("variables", "assets", "assets.extra"):
        (folder / sub).mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"index")
    for shard in range(40):
        (folder / f"variables/variables.data-{shard:05d}-of-00040").write_bytes(os.urandom(20_000))
    return str(folder)


def contents(folder) -> dict[str, bytes]:
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(path, name), "rb") as file:
                found[os.path.relpath(file.name, folder)] = file.read()
    return found
