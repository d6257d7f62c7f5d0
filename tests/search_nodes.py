"""Real OpenSearch and Elasticsearch nodes for the tests, made of what Maven has.

`.ci/run` writes the class path of each to tests/nodes/<product>/target/classpath.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from servers import LONGEST_WAIT_SECONDS, answers, free_port, missing, wait_until

NODES = Path(__file__).parent / "nodes"
PRODUCTS = ("opensearch", "elasticsearch")
_QUICK_START = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_OF_THE_PLUGIN = ("netty", "ssl-config")  # Elasticsearch loads these jars from a folder of modules


class Search:
    """A node in a process of its own, stopped and started at will; `url` is a sink's."""

    def __init__(self, folder: Path, product: str) -> None:
        self.folder, self.product, self.port = folder, product, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        jars = (NODES / product / "target" / "classpath").read_text().strip().split(os.pathsep)
        self._path = ["-cp", os.pathsep.join(jars)]
        if product == "elasticsearch":
            self._path = self._modules(jars)

    @property
    def url(self) -> str:
        return f"{self.product}+http://127.0.0.1:{self.port}"

    def start(self) -> None:
        words = ["java", *_QUICK_START, *self._path, str(NODES / self.product / "Node.java")]
        words += [str(self.folder), str(self.port), str(free_port())]
        with open(f"{self.folder}.log", "ab") as log:
            self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=log, stderr=log)
        wait_until(lambda: answers(self.port), f"{self.product} starts")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(LONGEST_WAIT_SECONDS)
            self._process = None

    def _modules(self, jars: list[str]) -> list[str]:
        """Lay out a home folder as Elasticsearch wants it; return the options of its modules."""
        plugin = self.folder / "modules" / "transport-netty4"
        for folder in (plugin, self.folder / "config", self.folder / "plugins"):
            folder.mkdir(parents=True)
        shutil.copy(NODES / self.product / "plugin-descriptor.properties", plugin)
        own = [jar for jar in jars if any(word in Path(jar).name for word in _OF_THE_PLUGIN)]
        for jar in own:
            shutil.copy(jar, plugin)
        rest = os.pathsep.join(jar for jar in jars if jar not in own)
        return ["-p", rest, "--add-modules=ALL-MODULE-PATH"]


def search(folder: Path, product: str) -> Iterator[Search]:
    """Give a started node of a product, or skip."""
    if shutil.which("java") is None or not (NODES / product / "target" / "classpath").exists():
        missing(f"{product} is not there: mvn -f tests/nodes/{product}/pom.xml (see .ci/run)")
    node = Search(folder / product, product)
    node.start()
    try:
        yield node
    finally:
        node.stop()
