"""nginx before another server: headers, tokens, tenants, limits and gateway errors."""

from __future__ import annotations

from pathlib import Path

from .process import Process, Server, program

_READY = "/-/nginx-ready"
_AROUND = """\
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/tmp;
  proxy_temp_path {folder}/tmp;
  fastcgi_temp_path {folder}/tmp;
  uwsgi_temp_path {folder}/tmp;
  scgi_temp_path {folder}/tmp;
{http}
  server {{
    listen 127.0.0.1:{port}{tls};
    location = {ready} {{ access_log off; return 204; }}
{server}
  }}
}}
"""


class Nginx(Server):
    """nginx with one server of the given configuration.

    `server` is the body of the `server` block (locations and so on), `http` what stands beside it
    (`map`, `limit_req_zone`). With `tls`, a certificate and its key as two PEM files, it speaks
    https. The access log is `access_log`.
    """

    def __init__(
        self, folder: Path, server: str, *, http: str = "", tls: tuple[Path, Path] | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tmp").mkdir(exist_ok=True)
        self.access_log = folder / "access.log"
        if tls:
            server = f"ssl_certificate {tls[0]}; ssl_certificate_key {tls[1]};\n{server}"

        def command(port: int) -> list[str]:
            text = _AROUND.format(
                folder=folder,
                http=http,
                server=server,
                port=port,
                ready=_READY,
                tls=" ssl" if tls else "",
            )
            configuration = folder / "nginx.conf"
            configuration.write_text(text, encoding="utf-8")
            return [program("nginx"), "-p", str(folder), "-e", "stderr", "-c", str(configuration)]

        self.process = Process(
            "nginx", command, folder=folder, ready=_READY, scheme="https" if tls else "http"
        )
