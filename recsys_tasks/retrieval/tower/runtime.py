"""The one place that imports TensorFlow, with the settings that must come before the import."""

from __future__ import annotations

import os

# TensorFlow Recommenders is written for Keras 2, and both libraries read these once, on import.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf
import tensorflow_recommenders as tfrs

from recsys_tasks.config import ResourcesConfig

__all__ = ["prepare", "tf", "tfrs"]


def prepare(resources: ResourcesConfig) -> None:
    """Threads, seed and reproducible operations; call it before anything is computed.

    Threads can be set once in a process: later calls keep what the first one set.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(resources.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        pass  # TensorFlow already runs in this process
    tf.random.set_seed(resources.seed)
    tf.config.experimental.enable_op_determinism()
