"""The project's requirements as ranges; `make lock` turns them into the versions of the locks.

Two stacks. Only one set of versions has all five packages (TensorFlow, Keras 2, TensorFlow Datasets,
TensorFlow Addons, TFX), and it needs Python 3.10: Addons ends at TensorFlow 2.15, tfx 1.15.1 is the
last that works with TensorFlow's own Keras 2, and tfx-bsl 1.15.1 has no wheels for Python after 3.10.
From Python 3.11 on Keras 2 is tf-keras, and LAMB is ours (perceiver_keras/stack.py).
"""

from pathlib import Path

from setuptools import find_packages, setup


def classic(*requirements):
    """For Python 3.10."""
    return [f"{requirement}; python_version < '3.11'" for requirement in requirements]


def modern(*requirements):
    """From Python 3.11 on."""
    return [f"{requirement}; python_version >= '3.11'" for requirement in requirements]


CORE = [
    *classic(
        "tensorflow>=2.15,<2.16",
        "keras>=2.15,<2.16",
        "tensorflow-addons>=0.23,<0.24",  # LAMB
        "numpy>=1.23,<2",
        "protobuf>=3.20.3,<4.24",
        # The next one's messages need protobuf 5; TFDS asks for any, and then has no `core`.
        "tensorflow-metadata>=1.13,<1.17",
        "tensorboard>=2.15,<2.16",
    ),
    *modern(
        "tensorflow>=2.16,<2.22",
        "tf-keras>=2.16,<2.22",
        "numpy>=1.26,<3",
        "protobuf>=4.21,<7",
        "tensorflow-metadata>=1.15,<2",
        "tensorboard>=2.16,<2.22",
        "importlib-resources>=5",  # data set builders of TFDS import it
    ),
    # From Python 3.12 on earlier ones can't draw a seed once `keras.utils.set_random_seed` was called.
    "tf-keras>=2.19; python_version >= '3.12'",
    "tensorflow-datasets>=4.9.4,<5",
    "mlcroissant>=1,<2",  # the `tfds` command always imports it
    "setuptools>=64,<81",  # tensorboard, tfx and kfp import pkg_resources
    "absl-py>=1.4",
    "ml-dtypes>=0.2",
    "packaging>=21",  # doctor
    "pyarrow>=10",  # Parquet
    "click>=8.1,<9",
    "etils>=1.5",  # TFDS's paths
    "jinja2>=3.1,<4",  # the report
    "pyyaml>=6,<7",  # --config files
    "rich>=13",
    "matplotlib>=3.7,<4",
    "pillow>=9.4",
    "scikit-learn>=1.3,<2",  # the embedded digits
    "safetensors>=0.4,<1",
]
PIPELINE = [
    *classic(
        "tfx==1.15.1",
        "kfp>=1.8.14,<2",
        "apache-beam==2.59.0",  # later versions dropped dill, which tfx imports
        "tensorflow-serving-api>=2.15,<2.16",
        "ml-metadata>=1.15,<1.16",
        "tensorflow-data-validation>=1.15,<1.16",
        "tensorflow-model-analysis>=0.46,<0.47",
        "tensorflow-transform>=1.15,<1.16",
        "tfx-bsl>=1.15,<1.16",
    ),
    # Wheels of ml-metadata and TFDV for these need glibc 2.39.
    *modern(
        "tfx>=1.21,<1.22",
        "kfp>=2,<3",
        "apache-beam>=2.70,<3",
        "tensorflow-serving-api>=2.16,<2.22",
        "ml-metadata>=1.21,<1.22",
        "tensorflow-data-validation>=1.21,<1.22",
        "tensorflow-model-analysis>=0.50,<0.60",
        "tensorflow-transform>=1.21,<1.22",
        "tfx-bsl>=1.21,<1.22",
    ),
    # tfx chooses the versions of these.
    "h5py>=3.8",  # how many parameters a saved model has
    "keras-tuner>=1.4,<2",
    "portalocker>=2.7",
    "scipy>=1.10",  # quantiles of drift's noise
]
# The embedded server of `perceiver serve`; REST and gRPC, without TFX.
SERVE = [
    "grpcio>=1.60",
    "grpcio-health-checking>=1.48",
    "httptools>=0.6",
    "orjson>=3.9",
    "starlette>=0.40",
    *classic("tensorflow-serving-api>=2.15,<2.16"),
    *modern("tensorflow-serving-api>=2.16,<2.22"),
    "uvicorn>=0.30",
    "uvloop>=0.19",
]
TEXT = [
    *classic("tensorflow-text>=2.15,<2.16"),
    *modern("tensorflow-text>=2.16,<2.22"),
    "sentencepiece>=0.1.99",
]
# `export --to onnx`. onnx 1.18 wants a newer protobuf than TensorFlow 2.15 takes, and older ones have no wheels for
# Python 3.13; tf2onnx 1.17 is the first that takes protobuf 4 and later.
ONNX = [
    *classic("tf2onnx>=1.16.1,<2", "onnx>=1.14,<1.18"),
    *modern("tf2onnx>=1.17,<2", "onnx>=1.18,<2"),
    "onnxruntime>=1.15,<2",
]
VIDEO = ["imageio-ffmpeg>=0.6", "scikit-video>=1.1.11"]
# It moves flask, werkzeug, click and others back, so it has an environment and a lock of its own.
AIRFLOW = ["apache-airflow>=2.11,<2.12", "psycopg2-binary>=2.9"]  # SQLite runs one task at a time
GPU = [
    *classic("tensorflow[and-cuda]>=2.15.1,<2.16"),
    *modern("tensorflow[and-cuda]>=2.16,<2.22"),
]
# To find a TPU by its name. TensorFlow 2.15 for TPUs is on no index (tensorflow-tpu begins with
# 2.16); TPU VMs bring it.
TPU = ["google-api-python-client>=1.8,<3", "oauth2client>=4.1.3,<5"]
DEV = [
    "build>=1",
    "check-jsonschema>=0.29",  # the published schema of compose files
    "hypothesis>=6",
    "prometheus-client>=0.20",  # its parser reads the server's metrics
    "pytest>=7.4",
    "pytest-xdist>=3.5",
    "ruff>=0.6",
    *classic("scipy>=1.10,<1.13"),
    *modern("scipy>=1.10"),
    "uv>=0.4",
    "wheel>=0.41",
]

# Installed, these are inside perceiver_keras: site-packages/pipeline would be hidden by anyone's
# own. In the checkout perceiver_keras/checkout.py gives them the same names.
INSIDE = ("benchmarks", "components", "pipeline")

setup(
    name="perceiver-keras",
    version="0.1.0",
    description="Perceiver IO for TensorFlow and Keras, from data to served model",
    long_description=(
        Path("README.md").read_text(encoding="utf-8") if Path("README.md").exists() else ""
    ),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=[
        *(f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 14)),
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    packages=[
        *find_packages(include=["perceiver_keras", "perceiver_keras.*"]),
        *(
            f"perceiver_keras.{name}"
            for name in find_packages(
                include=[f"{top}{below}" for top in INSIDE for below in ("", ".*")]
            )
        ),
    ],
    package_dir={f"perceiver_keras.{name}": name for name in INSIDE},
    # Files that TFDS expects next to a builder, the template of the report, claims.json, the
    # server's page, and what `perceiver init` writes.
    package_data={
        "": ["*.tsv", "*.md", "*.txt", "*.bib", "*.html", "*.css", "*.json"],
        "perceiver_keras.commands": ["template/**/*.txt"],
        "perceiver_keras.server": ["web/*.html", "web/*.css", "web/*.js"],
    },
    python_requires=">=3.10,<3.14",
    install_requires=CORE,
    extras_require={
        "pipeline": PIPELINE,
        "serve": SERVE,
        "text": TEXT,
        "onnx": ONNX,
        "video": VIDEO,
        "airflow": AIRFLOW,
        "gpu": GPU,
        "tpu": TPU,
        "dev": DEV,
    },
    entry_points={"console_scripts": ["perceiver = perceiver_keras.cli:main"]},
    # On a case-insensitive disk the default, `build`, is the file BUILD.
    options={"build": {"build_base": ".build"}},
    zip_safe=False,
)
