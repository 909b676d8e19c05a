"""WFMs that are broken altogether: they answer every request in the same way, or not at all."""

from aiohttp import web

from simulator.protocol.problem import Problem, ProblemType
from simulator.wfm.api import ManagementApi


class RefusesEverything(ManagementApi):
    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        del request
        return self.refuse(Problem.of(ProblemType.NOT_AUTHORIZED, "nobody is served here"))


class NotFoundForEverything(ManagementApi):
    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        del request
        return self.refuse(Problem.of(ProblemType.BLANK, "there is nothing here", status=404))


class AcceptsEverything(ManagementApi):
    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        del request
        return web.json_response({})


class FailsAlways(ManagementApi):
    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        del request
        return self.refuse(Problem.of(ProblemType.BLANK, "the WFM failed", status=500, retry_after_s=1))


class HangsUp(ManagementApi):
    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()


class WebPages(ManagementApi):
    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        del request
        return web.Response(text="<html><body>Please log in</body></html>", content_type="text/html")


class Redirects(ManagementApi):
    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        del request
        return web.Response(status=302, headers={"Location": "https://login.example/"})


ALL = (
    RefusesEverything,
    NotFoundForEverything,
    AcceptsEverything,
    FailsAlways,
    HangsUp,
    WebPages,
    Redirects,
)
