"""The jars of Flink and of Beam's job server: fetched by Maven, checked against the lock."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from configs.errors import UsageError

HERE = Path(__file__).resolve().parent
POM, LOCK, CLASSPATH = HERE / "pom.xml", HERE / "jars.lock", HERE / "target" / "classpath"
_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:build-classpath"


def find_jars() -> list[Path]:
    """Return the jars of the cluster, in the order of their class path.

    Maven is asked only where they are not here yet, or `pom.xml` is newer. Raises `UsageError`
    where Maven or Java is missing, a jar cannot be had, or is not the one that the lock names.
    """
    if shutil.which("java") is None:
        raise UsageError("java: not found; on Debian: apt-get install default-jdk-headless")
    if not _is_fresh():
        _fetch()
    jars = _listed()
    _check(jars)
    return jars


def write_lock() -> int:
    """Pin the jars that `pom.xml` asks for by their SHA-256; return how many there are."""
    _fetch()
    jars = _listed()
    lines = sorted(f"{_sha256(jar)}  {jar.name}" for jar in jars)
    LOCK.write_text("\n".join(lines) + "\n")
    return len(jars)


def _is_fresh() -> bool:
    return (
        CLASSPATH.exists()
        and CLASSPATH.stat().st_mtime >= POM.stat().st_mtime
        and all(jar.exists() for jar in _listed())
    )


def _listed() -> list[Path]:
    return [Path(name) for name in CLASSPATH.read_text().strip().split(":")]


def _fetch() -> None:
    if shutil.which("mvn") is None:
        raise UsageError("mvn: not found; on Debian: apt-get install maven")
    CLASSPATH.parent.mkdir(exist_ok=True)
    words = ["mvn", "--quiet", "--batch-mode", "--file", str(POM), _GOAL]
    words.append(f"-Dmdep.outputFile={CLASSPATH}")
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        errors = [line for line in done.stdout.splitlines() if "ERROR" in line] or ["no word of it"]
        raise UsageError(f"mvn could not fetch the jars of {POM}: {errors[0].strip()}")


def _check(jars: Sequence[Path]) -> None:
    """Compare with the lock, once for each list of jars: 160 MB take half a second."""
    pinned = {line.split("  ")[1]: line.split("  ")[0] for line in LOCK.read_text().splitlines()}
    for jar in jars:
        if pinned.get(jar.name) != _sha256(jar):
            raise UsageError(
                f"{jar}: not the jar that {LOCK} names; remove it and try again, or after a "
                "change of pom.xml: make flink-lock"
            )


def _sha256(jar: Path) -> str:
    with jar.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
