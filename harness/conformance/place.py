"""Where a run works: in basins that it made, or under a prefix in a given basin. It removes what it made."""

from __future__ import annotations

from pathlib import Path
from signal import Signals
from typing import Any, Final

from ..targets.endpoint import PREFIX, Endpoint
from ..targets.options import resolve
from ..targets.target import TargetFailure, TargetOptions
from ..world.world import World
from .reply import NoAnswer, NotOffered, Reply
from .service import Service
from .settings import Settings
from .stream import Basin
from .transcript import Transcript

_GONE: Final = (202, 404)


class Place:
    """The basin of a run, and the prefix of the names of its streams there.

    ``interrupts`` are the signals that want the run to end.
    """

    def __init__(self, settings: Settings, world: World) -> None:
        self.settings = settings
        self.transcript = Transcript(settings.token)
        self.makes_basins: Final = settings.basin is None
        self._world = world
        self._stem = f"{PREFIX}{world.random.fresh(6).hex()}"
        self.prefix: Final = f"{self._stem}-"
        self.basin: Final = settings.basin or self._stem
        self._made: list[str] = []
        self._answers = False
        self.interrupts: list[Signals] = []

    def service(self, *, until_interrupted: bool = False) -> Service:
        """Return a client of the endpoint. Its connections belong to the running event loop."""
        stopped = (lambda: bool(self.interrupts)) if until_interrupted else (lambda: False)
        return Service(self.settings, self._world.network, self.transcript, stopped)

    def new_basin(self) -> str:
        """Return the name of a basin to make, which will be removed."""
        return self.will_remove(f"{self._stem}-{len(self._made)}")

    def will_remove(self, basin: str) -> str:
        """Note a basin that is about to be made. It is removed in the end, whether or not it exists then."""
        if basin not in self._made:
            self._made.append(basin)
        return basin

    async def set_up(self) -> None:
        """Make the basin, or find out that the given one answers. Raise TargetFailure if that fails."""
        service = self.service()
        try:
            if self.makes_basins:
                answer = await service.request("POST", "/basins", {"basin": self.will_remove(self.basin)})
            else:
                answer = await service.request("GET", "/streams?limit=1", headers={"s2-basin": self.basin})
        except NoAnswer as failure:
            if not failure.sent:
                self._made.clear()
            raise TargetFailure(f"{self.settings.url}: {failure}") from None
        except NotOffered as failure:
            self._made.clear()
            raise TargetFailure(f"{self.settings.url}: {failure}{self._hint}") from None
        finally:
            await service.aclose()
            self.transcript.take()
        if answer.status not in (200, 201):
            self._made.clear()
            raise TargetFailure(f"{self.settings.url}, basin {self.basin}: {self._shown(answer)}{self._hint}")
        self._answers = True

    @property
    def _hint(self) -> str:
        return "; name an existing basin with --basin" if self.makes_basins else ""

    async def clean(self) -> None:
        """Remove everything that the run made. Raise TargetFailure that names what may be left."""
        if not self.makes_basins:
            if not self._answers:
                return
            endpoint = self._endpoint()
            await endpoint.remove(await endpoint.leftovers(self.prefix), self.prefix)
            return
        service = self.service()
        left = dict.fromkeys(self._made, "not tried")
        try:
            for name in self._made:
                answer = await service.request("DELETE", f"/basins/{name}")
                if answer.status in _GONE or answer.code == "basin_deletion_pending":
                    del left[name]
                else:
                    left[name] = self._shown(answer)
        except (NoAnswer, NotOffered) as failure:
            left[name] = str(failure)
        finally:
            await service.aclose()
            if left:
                raise TargetFailure(
                    f"{self.settings.url}: these basins may be left: "
                    + "; ".join(f"{name} ({why})" for name, why in left.items())
                )

    def _endpoint(self) -> Endpoint:
        settings = self.settings
        given: dict[str, Any] = {
            "url": settings.url,
            "basin": self.basin,
            "token-env": settings.token_env,
            "ca-bundle": settings.ca_bundle,
        }
        own = resolve("endpoint", Endpoint.options, given)
        options = TargetOptions(folder=Path(), run_id="", timeout=settings.timeout, own=own, world=self._world)
        return Endpoint(options)

    def _shown(self, answer: Reply) -> str:
        return self.transcript.struck(f"{answer.status} {answer.body[:200].decode(errors='replace')}")


class Basins:
    """What makes basins for cases that configure one. ``service`` is the endpoint."""

    def __init__(self, place: Place, service: Service) -> None:
        self.service = service
        self._place = place

    def name(self) -> str:
        """Return the name of a basin that does not exist yet. What is made under it is removed in the end."""
        return self._place.new_basin()

    async def create(self, name: str, token: str | None = None, **config: Any) -> Reply:
        """Return the answer to the creation of a basin."""
        headers = {} if token is None else {"s2-request-token": token}
        body = {"basin": self._place.will_remove(name), "config": config}
        return await self.service.request("POST", "/basins", body, headers)

    async def created(self, **config: Any) -> Basin:
        """Return a new basin."""
        name = self.name()
        answer = await self.create(name, **config)
        assert answer.status == 201, f"a basin is to be created, not {answer}"
        return Basin(self.service, name, self._place.prefix)
