"""Calling a hook: every kind within its time, with bounded output, and with an end that can be told in one sentence."""

import asyncio
import contextlib
import importlib
import json
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Protocol
from urllib.parse import quote

import httpx

from conformance.bench.hooks.model import PLACEHOLDER, CommandHook, Hook, HttpHook, ManualHook, PythonHook

MAX_OUTPUT = 64 * 1024
TOLD = 300
"""How many characters of what a hook printed are told."""


class HookFailed(Exception):
    """A hook did not do what it was called for: why, in one sentence."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a hook is asked to do."""

    hook: str
    action: str
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def document(self) -> dict[str, Any]:
        """The call as JSON has it."""
        return {"hook": self.hook, "action": self.action, **self.more}

    def fill(self, text: str, spell: Callable[[str], str] = str) -> str:
        """Fill the placeholders of a text; a value that is no text is spelled as JSON."""
        values = self.document

        def value(name: str) -> str:
            found = values.get(name, "")
            return spell(found if isinstance(found, str) else json.dumps(found))

        return PLACEHOLDER.sub(lambda match: value(match[1]), text)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call that succeeded: what the hook printed or a person typed, and its exit code or status."""

    said: str = ""
    code: int | None = None

    @property
    def reply(self) -> Any:
        """What was said as JSON; None when it is none."""
        try:
            return json.loads(self.said)
        except ValueError:
            return None


class Person(Protocol):
    """Somebody who can be asked to do something by hand."""

    async def ask(self, instruction: str, timeout_s: float) -> str:
        """Give what was typed. Raises HookFailed when nobody is there, or declines."""
        ...


class Nobody:
    """There is no person: the run was not started at a terminal."""

    async def ask(self, instruction: str, timeout_s: float) -> str:
        """Refuse."""
        del timeout_s
        raise HookFailed(f"nobody can be asked, since this is no terminal: {instruction}")


async def carry_out(hook: Hook, call: Call, person: Person) -> Answer:
    """Call a hook. Raises HookFailed: not to be started, an error, or no end within its time."""
    try:
        async with asyncio.timeout(hook.timeout):
            match hook:
                case CommandHook():
                    return await _command(hook, call)
                case HttpHook():
                    return await _http(hook, call)
                case PythonHook():
                    return await _python(hook, call)
                case ManualHook():
                    return Answer(await person.ask(call.fill(hook.manual), hook.timeout))
    except TimeoutError:
        raise HookFailed(f"no end within {hook.timeout:g} s") from None


async def _command(hook: CommandHook, call: Call) -> Answer:
    argv = [call.fill(part) for part in hook.command]
    # files rather than pipes: what the program leaves running in the background may hold them as long as it likes
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(json.dumps(call.document).encode() + b"\n")
        given.seek(0)
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, stdin=given, stdout=out, stderr=err, start_new_session=True
            )
        except (OSError, ValueError) as error:
            raise HookFailed(f"{argv[0]} cannot be started: {getattr(error, 'strerror', None) or error}") from None
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise
        said = _kept(out)
        if code:
            raise HookFailed(f"{argv[0]} ended with exit code {code}{_told(_kept(err) or said)}")
        return Answer(said, code)


def _kept(file: IO[bytes]) -> str:
    """Give what was printed, up to a bound."""
    file.seek(0)
    return file.read(MAX_OUTPUT).decode("utf-8", "replace")


async def _http(hook: HttpHook, call: Call) -> Answer:
    url = call.fill(hook.http, lambda text: quote(text, safe=""))
    body = json.dumps(call.document) if hook.body is None else call.fill(hook.body, lambda text: json.dumps(text)[1:-1])
    headers = {"Content-Type": "application/json", **hook.headers}
    kept = bytearray()
    try:
        async with (
            httpx.AsyncClient(timeout=hook.timeout) as client,
            client.stream(hook.method, url, content=None if hook.method == "GET" else body, headers=headers) as answer,
        ):
            async for chunk in answer.aiter_bytes():
                kept += chunk[: MAX_OUTPUT - len(kept)]
                if len(kept) >= MAX_OUTPUT:
                    break
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise HookFailed(f"{hook.method} {url}: {str(error) or type(error).__name__}") from None
    said = kept.decode("utf-8", "replace")
    if not answer.is_success:
        raise HookFailed(f"{hook.method} {url} was answered with status {answer.status_code}{_told(said)}")
    return Answer(said, answer.status_code)


def function_of(hook: PythonHook) -> Callable[[dict[str, Any]], Any]:
    """Find the function of a hook. Raises HookFailed."""
    module, _, name = hook.python.partition(":")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except Exception as error:  # noqa: BLE001 - whatever a foreign module does when it is imported
        raise HookFailed(f"{module} cannot be imported: {type(error).__name__}: {error}") from None
    if not callable(found):
        raise HookFailed(f"{module} has no function {name}")
    return found  # type: ignore[no-any-return]


async def _python(hook: PythonHook, call: Call) -> Answer:
    function = function_of(hook)
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(result)
        else:
            done.set_exception(HookFailed(f"{hook.python} raised {type(error).__name__}: {error}"))

    def work() -> None:
        result, error = None, None
        try:
            result = function(call.document)
        except BaseException as raised:  # noqa: BLE001 - a hook may raise anything
            error = raised
        with contextlib.suppress(RuntimeError):  # the run was over before the hook was
            loop.call_soon_threadsafe(settle, result, error)

    # a daemon: a function that never ends must not keep the program from ending
    threading.Thread(target=work, name=f"hook {call.hook}", daemon=True).start()
    result = await done
    return Answer("" if result is None else json.dumps(result, default=str)[:MAX_OUTPUT])


def _told(text: str) -> str:
    line = " ".join(text.split())
    return f": {line[:TOLD]}" if line else ""
