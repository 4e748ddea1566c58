"""Serve the published site on this machine, for a look before it is hosted anywhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from flows.errors import AfterhypeError
from flows.settings import Settings


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Keep requests off the terminal."""


def make_server(settings: Settings, port: int) -> ThreadingHTTPServer:
    """A server of the published site on the loopback address; port 0 picks a free one.

    The site's link is followed at each request, so a new publication shows at the next reload.
    Raises AfterhypeError when nothing is published or the port is taken.
    """
    site = settings.published_dir / "site"
    if not (site / "index.html").exists():
        raise AfterhypeError(f"{site}: nothing is published yet. Run `afterhype run` first.")
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(site)))
    except OSError as error:
        raise AfterhypeError(
            f"port {port}: {error.strerror}. Choose another: `afterhype serve --port 0`."
        ) from error


def serve_site(settings: Settings, port: int, announce: Callable[[str], None]) -> None:
    """Serve until interrupted; ``announce`` gets the address."""
    with make_server(settings, port) as server:
        announce(f"http://127.0.0.1:{server.server_address[1]}/  (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            announce("Stopped.")
