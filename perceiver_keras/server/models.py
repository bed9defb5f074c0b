"""The models that are served: versions come and go on disk, and requests hold on to the one that they began with.

A version is available only after it was loaded and warmed up whole; the one before it stays until then, and is closed
when its last request is answered. A broken version is told and skipped, and tried again when its files change.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from perceiver_keras.server import folders
from perceiver_keras.server.loaded import LoadedModel
from perceiver_keras.server.metrics import Metrics
from perceiver_keras.server.settings import Limits, ModelSource
from perceiver_keras.server.status import Code, ServingError, from_exception, invalid
from perceiver_keras.server.warm_up import warm_up

# TensorFlow Serving's states, under its numbers.
START, LOADING, AVAILABLE, UNLOADING, END = 10, 20, 30, 40, 50


@dataclass(eq=False)
class Version:
    """One version: its state, why it is not available, and who uses it."""

    number: int
    state: int = START
    error: ServingError | None = None
    loaded: LoadedModel | None = None
    users: int = 0
    print: folders.Print = ()


@dataclass(eq=False)
class Model:
    """What is known of a model's versions.

    Attributes:
      source: Where they lie, and which are served.
      versions: By number.
      before: The model of another folder that answers under this name until this one has an available version.
    """

    source: ModelSource
    versions: dict[int, Version] = field(default_factory=dict)
    before: Model | None = None

    def available(self) -> list[int]:
        """The numbers that can be asked, ascending."""
        return sorted(n for n, version in self.versions.items() if version.state == AVAILABLE)

    def answering(self) -> Model:
        """This one, or the one before it."""
        return self.before if self.before and not self.available() else self

    def known(self) -> list[Version]:
        """All versions, the newest first; of one number, the one that answers first."""
        both = [model.versions for model in (self.before, self) if model]
        return sorted((v for versions in both for v in versions.values()), key=lambda v: -v.number)


class Models:
    """All of them. Everything but loading happens in the event loop's thread."""

    def __init__(
        self,
        sources: Sequence[ModelSource],
        limits: Limits,
        metrics: Metrics,
        say: Callable[[str], None],
    ) -> None:
        self._limits, self._metrics, self._say = limits, metrics, say
        self._models = {source.name: Model(source) for source in sources}
        # A request may choose among these, and name no other place on this machine.
        self._paths = frozenset(source.base_path for source in sources)
        self._loader = ThreadPoolExecutor(1, "load")
        self._turn = asyncio.Lock()

    @property
    def names(self) -> list[str]:
        """The models, whether they have a version or not."""
        return sorted(self._models)

    def ready(self) -> bool:
        """Whether every model has an available version."""
        return all(model.answering().available() for model in self._models.values())

    @contextlib.contextmanager
    def using(self, name: str, version: int | None, label: str | None) -> Iterator[Version]:
        """The version that a request asks for; it stays open until the block ends.

        Raises:
          ServingError: INVALID_ARGUMENT without a name or for an unknown label, else NOT_FOUND.
        """
        chosen = self._choose(name, version, label)
        chosen.users += 1
        try:
            yield chosen
        finally:
            chosen.users -= 1
            if chosen.state == UNLOADING and not chosen.users:
                self._close(name, chosen)

    def _choose(self, name: str, version: int | None, label: str | None) -> Version:
        if not name:
            raise invalid("ModelSpec has no name specified.")
        if label is not None:
            version = self._labelled(name, label)
        model = self._answering(name)
        numbers = model.available() if model else []
        if version is None and numbers:
            version = numbers[-1]
        if version not in numbers:
            asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {asked}")
        return model.versions[version]

    def _answering(self, name: str) -> Model | None:
        model = self._models.get(name)
        return model and model.answering()

    def _labelled(self, name: str, label: str) -> int:
        model = self._answering(name)
        if model is None or label not in model.source.labels:
            raise invalid(f"Unrecognized servable version label: {label}")
        return model.source.labels[label]

    def status(self, name: str, version: int | None, label: str | None) -> list[Version]:
        """One version, or all of a model; raises `ServingError` if there is none."""
        if label is not None:
            version = self._labelled(name, label)
        known = self._models[name].known() if name in self._models else []
        found = [one for one in known if version in (None, one.number)]
        if not found:
            which = "any versions" if version is None else f"version {version}"
            raise ServingError(Code.NOT_FOUND, f"Could not find {which} of model {name}")
        return found

    async def watch(self, seconds: float) -> None:
        """Looks at the folders for ever; one that fails is told and looked at again."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.look()
            except Exception as error:
                self._say(f"The version folders could not be read: {error}")

    async def look(self) -> None:
        """Brings the served versions to what lies on disk."""
        async with self._turn:
            await asyncio.gather(*(self._update(model) for model in list(self._models.values())))

    async def _update(self, model: Model) -> None:
        source, versions = model.source, model.versions
        while True:
            found = await self._in_loader(folders.versions, source.base_path)
            if not found:
                return  # what is loaded stays: a folder that is gone for a moment must not end the service
            await self._forget_changed(model, found)
            broken = [n for n, v in versions.items() if v.state == END and v.error]
            wanted = folders.wanted(source, found, broken)
            new = [n for n in wanted if n not in versions or versions[n].state in (START, END)]
            if not new:
                break
            await self._load(model, new[-1])
        # Some version stays as long as none of the wanted ones can be asked.
        if any(n in wanted for n in model.available()):
            for number in model.available():
                if number not in wanted:
                    self._unload(source.name, versions[number])
            before, model.before = model.before, None
            self._unload_all(before)

    async def _forget_changed(self, model: Model, found: list[int]) -> None:
        """Broken versions that are gone, or have other files now, are new ones."""
        for number, version in list(model.versions.items()):
            if version.state != END:
                continue
            folder = f"{model.source.base_path}/{number}"
            gone = number not in found
            if gone or (
                version.error
                and await self._in_loader(folders.fingerprint, folder) != version.print
            ):
                del model.versions[number]

    async def _load(self, model: Model, number: int) -> None:
        name, folder = model.source.name, f"{model.source.base_path}/{number}"
        version = model.versions[number] = Version(number, LOADING)
        version.print = await self._in_loader(folders.fingerprint, folder)
        try:
            version.loaded, requests, seconds = await self._in_loader(self._loaded, folder, name)
        except Exception as error:
            version.state, version.error = END, from_exception(error)
            self._metrics.loads.add(name, version.error.code.name)
            self._say(f"{name} version {number} is skipped: {version.error.message} ({folder})")
            return
        version.state = AVAILABLE
        self._metrics.loads.add(name, "OK")
        warmed = f", {requests} warm-up requests" if requests else ""
        self._say(f"{name} version {number} is available ({seconds:.1f} s{warmed})")

    def _loaded(self, folder: str, name: str) -> tuple[LoadedModel, int, float]:
        """The model, its warm-up requests, and the seconds of both: others may have been loaded before."""
        begin = time.monotonic()
        loaded = LoadedModel(folder, self._limits.request_timeout_seconds)
        start = time.monotonic()
        try:
            count = warm_up(loaded, folder, self._limits.max_request_bytes)
        except BaseException:
            loaded.close()
            raise
        end = time.monotonic()
        self._metrics.warmup.observe((end - start) * 1e6, name, "OK")
        return loaded, count, end - begin

    def _unload_all(self, model: Model | None) -> None:
        for number in model.available() if model else []:
            self._unload(model.source.name, model.versions[number])

    def _unload(self, name: str, version: Version) -> None:
        version.state = UNLOADING
        if not version.users:
            self._close(name, version)

    def _close(self, name: str, version: Version) -> None:
        loaded, version.loaded, version.state = version.loaded, None, END
        self._loader.submit(loaded.close)
        self._say(f"{name} version {version.number} was unloaded")

    async def _in_loader(self, function: Callable, *arguments: object) -> object:
        return await asyncio.get_running_loop().run_in_executor(self._loader, function, *arguments)

    async def reload(self, sources: Sequence[ModelSource]) -> None:
        """Serves these models instead; one that has moved to another folder answers from the old one until it can.

        Raises:
          ServingError: a folder that the server was not started with, or a label of a version that can't be asked.
        """
        async with self._turn:
            for source in sources:
                if source.base_path not in self._paths:
                    raise ServingError(
                        Code.PERMISSION_DENIED,
                        f"model {source.name}: a request can't add a folder; the server serves the base paths that "
                        "it was started with",
                    )
                self._check_labels(source)
            old, self._models = self._models, {s.name: Model(s) for s in sources}
            for name, model in old.items():
                new, answering = self._models.get(name), model.answering()
                if not new:
                    self._unload_all(answering)
                elif new.source.base_path == answering.source.base_path:
                    new.versions = answering.versions
                elif answering.available():
                    new.before = answering
        await self.look()

    def _check_labels(self, source: ModelSource) -> None:
        """A label may be given only to a version that can be asked, so that it never leads nowhere."""
        model = self._answering(source.name)
        available = model.available() if model else []
        for label, number in source.labels.items():
            if number not in available:
                raise ServingError(
                    Code.FAILED_PRECONDITION,
                    f"Request to assign label to version {number} of model {source.name}, which is not currently "
                    f"available for inference (label {label})",
                )

    async def close(self) -> None:
        """Closes all that is loaded; nobody may be using it."""
        for model in self._models.values():
            self._unload_all(model.before)
            self._unload_all(model)
        await asyncio.to_thread(self._loader.shutdown)
