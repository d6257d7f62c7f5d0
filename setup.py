"""Package Aisle; Beam's workers install it from here (`--setup_file ./setup.py`)."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent
README = HERE / "README.md"
ROOMS = ("aisle", "configs", "pipelines", "trainer", "transforms")


def read_version() -> str:
    """Read `__version__` from the text of aisle/__init__.py: building must import nothing."""
    text = (HERE / "aisle" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if not found:
        raise RuntimeError('aisle/__init__.py has no line like __version__ = "1.2.3"')
    return found.group(1)


# tensorflow, tensorflow-transform and tfx-bsl are released together and must move together: saved
# transform graphs and compiled kernels are tied to them. The rest is bounded by its next major, or
# where the first four stop (apache-beam: numpy, pyarrow).
REQUIRES = [
    "tensorflow>=2.21,<2.22",
    "tensorflow-transform>=1.21,<1.22",
    "tfx-bsl>=1.21,<1.22",
    "apache-beam[gcp]>=2.77,<3",
    "charset-normalizer>=3.4,<4",
    "google-cloud-storage>=3,<4",
    "google-crc32c>=1.7,<2",
    "isal>=1.7,<2",
    "jinja2>=3.1,<4",
    "keras>=3.15,<4",
    "keras-tuner>=1.4.8,<2",
    "markupsafe>=3,<4",
    "matplotlib>=3.10,<4",
    "numpy>=2,<2.5",
    "opensearch-py>=3,<4",
    "pandas>=3,<4",
    "pika>=1.3,<2",
    "psycopg[binary]>=3.2,<4",
    "pyarrow>=22,<26",
    "pydantic>=2.12,<3",
    "pyyaml>=6,<7",
    "rich>=14,<16",
    "scikit-learn>=1.7,<2",
    "scipy>=1.16,<2",
    "sqlalchemy>=2,<3",
    "tenacity>=9,<10",
]

EXTRAS = {
    "dev": [
        "gcp-storage-emulator>=2026.7,<2027",
        "mypy>=2,<3",
        "pytest>=9,<10",
        "pytest-xdist>=3.8,<4",
        "ruff>=0.17,<0.18",
        "uv>=0.13,<0.14",
    ],
    "bench": ["fasttext>=0.9.3,<0.10", "polars>=2,<3", "psutil>=7,<8"],
    "gpu": ["tensorflow[and-cuda]>=2.21,<2.22"],
    # Core and standard provider only: the Google provider wants google-api-python-client 2, which
    # tfx-bsl refuses. It belongs into an environment of Airflow's own. The DAGs read the config
    # there: the last two. Its own database may be PostgreSQL. airflow.lock pins these.
    "airflow": [
        "apache-airflow-core>=3.3,<3.4",
        "apache-airflow-providers-standard>=1,<2",
        "psycopg[binary]>=3.2,<4",
        "pydantic>=2.12,<3",
        "pyyaml>=6,<7",
    ],
}

setup(
    name="aisle",
    version=read_version(),
    description="Put every product on its right shelf: product categorisation with Beam and Keras",
    long_description=README.read_text(encoding="utf-8") if README.exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    # 3.11 is what requirements.lock is resolved for and what is tested; Beam's workers must run the
    # same minor version as the machine that starts them.
    python_requires=">=3.11,<3.12",
    packages=find_packages(include=[f"{room}{end}" for room in ROOMS for end in ("", ".*")]),
    package_data={"configs": ["*.yaml"], "pipelines": ["templates/*"], "trainer": ["templates/*"]},
    install_requires=REQUIRES,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["aisle = aisle.__main__:command"]},
)
