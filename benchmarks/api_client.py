"""The same windows through prometheus-api-client: decode all of it, write it as gzip JSON."""

import datetime as dt
import gzip
import json
import sys
from pathlib import Path

from prometheus_api_client import PrometheusConnect


def main() -> None:
    """Fetch and write each window."""
    given = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    into = Path(sys.argv[2])
    server = PrometheusConnect(url=given["url"])
    for each in given["asked"]:
        result = server.custom_query_range(
            each["query"],
            start_time=dt.datetime.fromtimestamp(each["start"], dt.UTC),
            end_time=dt.datetime.fromtimestamp(each["end"], dt.UTC),
            step=str(each["step"]),
        )
        with gzip.open(into / f"{each['start']}.json.gz", "wt") as file:
            for series in result:
                file.write(json.dumps(series, separators=(",", ":")))
                file.write("\n")


main()
