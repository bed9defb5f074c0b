"""The project's requirements as ranges; `make lock` turns them into the versions of requirements.lock.

Only one set of versions has all five packages (TensorFlow, Keras 2, TensorFlow Datasets, TensorFlow
Addons, TFX), and it needs Python 3.10: Addons ends at TensorFlow 2.15, tfx 1.15.1 is the last that
works with Keras 2, and tfx-bsl 1.15.1 has no wheels for Python after 3.10.
"""

from pathlib import Path

from setuptools import find_packages, setup

CORE = [
    "tensorflow>=2.15,<2.16",
    "keras>=2.15,<2.16",
    "tensorflow-addons>=0.23,<0.24",  # LAMB
    "tensorflow-datasets>=4.9.4,<5",
    "mlcroissant>=1,<2",  # the `tfds` command always imports it
    "numpy>=1.23,<2",
    "protobuf>=3.20.3,<4.24",
    # The next one's messages need protobuf 5; TFDS asks for any, and then has no `core`.
    "tensorflow-metadata>=1.13,<1.17",
    "setuptools>=64,<81",  # tensorboard, tfx and kfp import pkg_resources
    "tensorboard>=2.15,<2.16",
    "absl-py>=1.4",
    "ml-dtypes>=0.2",
    "packaging>=21",  # doctor
    "pyarrow>=10",  # Parquet
    "click>=8.1,<9",
    "jinja2>=3.1,<4",  # the report
    "pyyaml>=6,<7",  # --config files
    "rich>=13",
    "matplotlib>=3.7,<4",
    "pillow>=9.4",
    "scikit-learn>=1.3,<2",  # the embedded digits
    "safetensors>=0.4,<1",
]
PIPELINE = [
    "tfx==1.15.1",
    "kfp>=1.8.14,<2",
    "apache-beam==2.59.0",  # later versions dropped dill, which tfx imports
    "tensorflow-serving-api>=2.15,<2.16",
    # tfx chooses the versions of these.
    "h5py>=3.8",  # how many parameters a saved model has
    "keras-tuner>=1.4,<2",
    "ml-metadata>=1.15,<1.16",
    "portalocker>=2.7",
    "scipy>=1.10",  # quantiles of drift's noise
    "tensorflow-data-validation>=1.15,<1.16",
    "tensorflow-model-analysis>=0.46,<0.47",
    "tensorflow-transform>=1.15,<1.16",
]
TEXT = ["tensorflow-text>=2.15,<2.16", "sentencepiece>=0.1.99"]
VIDEO = ["imageio-ffmpeg>=0.6", "scikit-video>=1.1.11"]
GPU = ["tensorflow[and-cuda]>=2.15.1,<2.16"]
DEV = [
    "build>=1",
    "hypothesis>=6",
    "pytest>=7.4",
    "pytest-xdist>=3.5",
    "ruff>=0.6",
    "scipy>=1.10,<1.13",
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
        "License :: OSI Approved :: Apache Software License",
        "Programming Language :: Python :: 3.10",
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
    # Files that TFDS expects next to a builder, the template of the report, and claims.json.
    package_data={"": ["*.tsv", "*.md", "*.txt", "*.bib", "*.html", "*.css", "*.json"]},
    python_requires=">=3.10,<3.11",
    install_requires=CORE,
    extras_require={
        "pipeline": PIPELINE,
        "text": TEXT,
        "video": VIDEO,
        "gpu": GPU,
        "dev": DEV,
    },
    entry_points={"console_scripts": ["perceiver = perceiver_keras.cli:main"]},
    # On a case-insensitive disk the default, `build`, is the file BUILD.
    options={"build": {"build_base": ".build"}},
    zip_safe=False,
)
