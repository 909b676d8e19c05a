"""The servers that `conditional_gets` measures; each prints its port and serves until it is ended."""

import asyncio
import sys
from pathlib import Path

import uvloop
from aiohttp import web

from simulator.identity.svid import Svid
from simulator.identity.trust import StaticTrust
from simulator.listening import serve as serve_runner
from simulator.wfm.api import ManagementApi
from simulator.wfm.callers import FixedCaller
from simulator.wfm.core import DesiredState
from simulator.wfm.http import HttpServer
from simulator.wfm.server import ReferenceWfm, WfmConfig
from simulator.wfm.service import WfmService

PATH = "/api/v1/deployments"
DOMAIN, WFM_ID, CLIENT = "bench.example", "wfm", "device"


async def bare() -> int:
    """The least an aiohttp application can do: one route, one comparison, 304."""
    tag = DesiredState().manifest(CLIENT).etag

    async def handler(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        return web.Response(body=b"{}", headers={"ETag": tag})

    application = web.Application()
    application.router.add_get(PATH, handler)
    runner = web.AppRunner(application, access_log=None)
    return (await serve_runner(runner, "127.0.0.1", 0)).port


async def wfm_plain() -> int:
    """The management API, whole, without TLS; every request comes from one client."""
    api = ManagementApi(WfmService(DesiredState()), FixedCaller(CLIENT))
    return await HttpServer(api.handle).start("127.0.0.1", 0, None)


async def wfm_mutual_tls(folder: str) -> int:
    """The reference WFM as it is; identity files are read from the folder."""
    trust = StaticTrust.load(Path(folder, "bundle.json"), DOMAIN)
    svid = Svid.load(Path(folder, "svid.pem"), Path(folder, "svid_key.pem"))
    wfm = ReferenceWfm(WfmConfig(DOMAIN, WFM_ID, svid=svid, trust=trust, northbound_port=None))
    await wfm.start()
    return wfm.management_port


async def serve(name: str, *arguments: str) -> None:
    """Start a server by name, tell its port, and serve for ever."""
    servers = {"bare": bare, "wfm": wfm_plain}
    port = await (servers[name]() if name in servers else wfm_mutual_tls(*arguments))
    print(port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:]))
