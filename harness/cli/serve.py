"""``fencepost serve``: runs the bundled reference stream server."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ..bearer import bearer_token
from ..failure import UsageFailure
from ..server.limits import HEAD_BYTES, Limits

if TYPE_CHECKING:
    from ..server.failpoints import Failpoints
    from ..server.serving import Certificate
    from ..server.storage import Storage
    from ..server.values import BasinConfig, Retention
    from ..world.network import Listener
    from ..world.world import World
    from .tls import TlsOptions

log: Final = logging.getLogger("fencepost.serve")

LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class _Options:
    data: Path | None
    bugs: tuple[str, ...]
    token: str | None
    auth: bool
    basins: tuple[str, ...]
    retention: Retention | None
    limits: Limits
    control: bool
    tls: TlsOptions


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=4566, show_default=True, help="Port to listen on; 0 for any."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep a durable journal in DIR, which is made if it is missing.",
)
@click.option("--memory", is_flag=True, help="Keep everything in memory and lose it with the process (the default).")
@click.option("--bug", "bugs", multiple=True, metavar="NAME", help="Plant a bug (see: fencepost bugs). Repeatable.")
@click.option("--token-env", metavar="VAR", help="Require the bearer token that the environment variable VAR holds.")
@click.option(
    "--auth",
    is_flag=True,
    help="Accept the access tokens that the server issued too, for what each permits. The token of --token-env, which "
    "this needs, permits everything.",
)
@click.option(
    "--tls-cert",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Speak TLS with the certificate chain in FILE, as PEM; with --tls-key.",
)
@click.option(
    "--tls-key", type=click.Path(path_type=Path), metavar="FILE", help="The key of that certificate, not encrypted."
)
@click.option(
    "--tls-self",
    is_flag=True,
    help="Speak TLS with a self-signed certificate for localhost, 127.0.0.1 and ::1, which is kept in the folder of "
    "--data or made anew; the log says where clients find it.",
)
@click.option(
    "--basin", "basins", multiple=True, metavar="NAME", help="Make this basin if it does not exist. Repeatable."
)
@click.option(
    "--retention",
    metavar="SECONDS",
    help="How long streams in the basins of --basin keep records unless they say otherwise; infinite for ever.  "
    "[default: 7 days]",
)
@click.option(
    "--max-body",
    type=click.IntRange(1),
    default=LIMITS.body_bytes,
    show_default=True,
    metavar="BYTES",
    help="Largest body of a request.",
)
@click.option(
    "--max-arriving",
    type=click.IntRange(1),
    default=LIMITS.arriving_bytes,
    show_default=True,
    metavar="BYTES",
    help="What all bodies that are still arriving may hold together; what goes beyond is refused with hot_server.",
)
@click.option(
    "--body-timeout",
    type=click.FloatRange(0.1),
    default=LIMITS.body_seconds,
    show_default=True,
    metavar="SECONDS",
    help="How long a body may take to arrive.",
)
@click.option(
    "--max-connections",
    type=click.IntRange(1),
    default=LIMITS.connections,
    show_default=True,
    metavar="N",
    help=f"Connections beyond these wait to be accepted. A request head on one has at most {HEAD_BYTES} bytes.",
)
@click.option(
    "--idle-timeout",
    type=click.FloatRange(0.1),
    default=LIMITS.idle_seconds,
    show_default=True,
    metavar="SECONDS",
    help="How long a connection may stay idle, or with half a request head.",
)
@click.option(
    "--control",
    is_flag=True,
    help="Take commands on standard input, a socket (docs/world.md), and stop when it ends: with whoever started this.",
)
def command(
    host: str,
    port: int,
    data: Path | None,
    memory: bool,
    bugs: tuple[str, ...],
    token_env: str | None,
    auth: bool,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_self: bool,
    basins: tuple[str, ...],
    retention: str | None,
    max_body: int,
    max_arriving: int,
    body_timeout: float,
    max_connections: int,
    idle_timeout: float,
    control: bool,
) -> None:
    """Run the bundled reference stream server.

    It speaks S2's HTTP API under /v1 and serves /health and /metrics beside it. Once it answers requests, one line on
    standard output says where. SIGTERM and SIGINT let requests in flight finish and end it with exit code 0; a second
    signal ends it at once.

    \b
    Examples:
      fencepost serve --memory --basin my-basin
      fencepost serve --port 0 --data ./journal
      fencepost serve --bug stale-fence-cache
      fencepost serve --data ./journal --tls-self
      FENCEPOST_TOKEN=… fencepost serve --token-env FENCEPOST_TOKEN
      FENCEPOST_TOKEN=… fencepost serve --token-env FENCEPOST_TOKEN --auth
    """
    from ..server.serving import bind, connections_within
    from ..world.world import real_world
    from .tls import TlsOptions

    if data is not None and memory:
        raise UsageFailure("--data and --memory exclude each other: the journal is kept in one place")
    if auth and token_env is None:
        raise UsageFailure("--auth needs --token-env: the token that issues the others has to come from somewhere")
    connections = connections_within(max_connections)
    limits = Limits(max_body, body_timeout, max_arriving, connections, idle_timeout)
    tls = TlsOptions(tls_cert, tls_key, tls_self)
    options = _Options(data, bugs, bearer_token(token_env), auth, basins, _retention(retention), limits, control, tls)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if connections < max_connections:
        log.warning("only %d connections can be open, because of the limit on open files (ulimit -n)", connections)
    world = real_world(seed=0)  # the server draws nothing from it but fresh salts and secrets, and gaps of heartbeats
    _run(options, world, lambda: bind(world.network, host, port))


def _retention(text: str | None) -> Retention | None:
    from ..server.values import Retention

    if text is None:
        return None
    if text == "infinite":
        return Retention(None)
    if not text.isdecimal() or not 0 < int(text) < 1 << 40:
        raise UsageFailure(f"--retention {text!r} is neither a whole number of seconds above 0 nor infinite")
    return Retention(int(text))


def _config(retention: Retention | None) -> BasinConfig | None:
    """Return the configuration of the basins to make. None keeps that of an existing one."""
    from ..server.values import BasinConfig, StreamConfig

    return None if retention is None else BasinConfig(default_stream_config=StreamConfig(retention=retention))


def _run(options: _Options, world: World, bind: Callable[[], Listener]) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        ended_well = runner.run(_serve(options, world, bind))
        if not ended_well:
            # Some client left a request half-sent. All that was accepted is answered and on disk.
            log.info("leaving connections behind that would not end")
            sys.stdout.flush()
            os._exit(0)


async def _serve(options: _Options, world: World, bind: Callable[[], Listener]) -> bool:
    from .tls import certificate_of

    with certificate_of(options.tls, options.data, world) as certificate:
        return await _serve_with(options, world, bind(), certificate)


async def _serve_with(options: _Options, world: World, listener: Listener, certificate: Certificate | None) -> bool:
    from ..server.app import App
    from ..server.errors import ServiceError
    from ..server.failpoints import Failpoints
    from ..server.metrics import MeteredStorage, Metrics
    from ..server.service import Service
    from ..server.serving import STOP_SECONDS, serve
    from ..server.storage import StorageError

    stop = asyncio.Event()
    _stop_on_signals(stop)
    failpoints = Failpoints()
    if options.control:
        world = await _take_commands(world, failpoints, stop)
    try:
        storage = MeteredStorage(_storage(options.data, world), world.clock)
        service = Service(storage, world.clock.wall_ms, options.bugs, failpoints, world.random)
        await service.start()
    except StorageError as error:
        raise UsageFailure(str(error)) from error
    try:
        for basin in options.basins:
            await service.ensure_basin(basin, _config(options.retention))
    except ServiceError as error:
        await service.close()
        raise UsageFailure(f"--basin {basin}: {error.message}") from error
    app = App(service, Metrics(storage), world.clock, options.token, options.limits, auth=options.auth)

    def ready(url: str) -> None:
        # What lives for long here is records, which the collector does not track: it need not look often.
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 50, 100)
        print(f"fencepost reference server listening on {url}", flush=True)
        log.info("keeping the journal in %s", options.data or "memory: it ends with this process")
        for bug in options.bugs:
            log.warning("planted bug: %s", bug)

    async def drain() -> None:
        app.draining = True
        failpoints.disarm_all()  # what is held there would never end
        await service.drain()
        await app.answered(STOP_SECONDS)

    try:
        return await serve(
            app,
            listener,
            world.network,
            ready=ready,
            stop=stop,
            drain=drain,
            limits=options.limits,
            certificate=certificate,
        )
    finally:
        await service.close()


async def _take_commands(world: World, failpoints: Failpoints, stop: asyncio.Event) -> World:
    """Let whoever started this make its world go wrong; the world that can be."""
    from ..server.controls import Controls
    from ..world.clock import AdjustableClock
    from ..world.control import ControlServer, listen_on_input
    from ..world.faulty_disk import FaultyDisk

    def hit(point: str) -> None:
        if failpoints.armed:
            failpoints.pass_by(f"journal.{point}")

    def ended() -> None:
        log.info("the control channel has ended: finishing what is in flight")
        stop.set()

    clock = AdjustableClock(world.clock)
    disk = FaultyDisk(world.disk, hit=hit)
    server = ControlServer(Controls(clock, disk.faults, failpoints).obey, ended)
    failpoints.reached = server.reached
    try:
        await listen_on_input(server)
    except OSError as error:
        raise UsageFailure(f"--control needs a socket as standard input: {error}") from error
    return replace(world, clock=clock, disk=disk)


def _storage(data: Path | None, world: World) -> Storage:
    from ..server.storage import FileStorage, MemoryStorage

    return MemoryStorage() if data is None else FileStorage(data.absolute(), world.disk, world.random)


def _stop_on_signals(stop: asyncio.Event) -> None:
    def on_signal(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        log.info("%s: finishing what is in flight", signal.Signals(number).name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
