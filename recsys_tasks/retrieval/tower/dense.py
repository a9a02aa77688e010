"""The dense part of the towers: each member's MLP and softmax, their gradients, and Adam on the
layers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from recsys_tasks.arrays import Float32
from recsys_tasks.config import TwoTowerConfig
from recsys_tasks.retrieval.tower.embedding_rows import BETA_1, BETA_2, EPSILON
from recsys_tasks.retrieval.tower.runtime import tf, tfrs
from recsys_tasks.retrieval.tower.weights import LAYERS, MOMENTS, Arrays, Batch

MIN_FLOAT = np.finfo(np.float32).min / 100.0
"""Score of what is no negative; TFRS's."""


class Layers:
    """The members' layers and their moments, as variables made from arrays and read back as
    arrays.
    """

    def __init__(self, config: TwoTowerConfig, arrays: Arrays) -> None:
        self._members = config.members
        self._cosine = config.metric == "cosine"
        # TFRS would divide every score by a temperature: to scale the queries is the same and
        # cheaper.
        self._scale = config.logit_scale if self._cosine else 1.0
        self._softmax = _InBatchSoftmax()
        names = [name + moment for name in LAYERS for moment in MOMENTS]
        self._var = {name: tf.Variable(arrays[name], name=name.replace("/", "_")) for name in names}
        vectors = tf.TensorSpec(
            [None, config.members, config.dimensions // config.members], tf.float32
        )
        reals, real = tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.float32)
        signature = [[vectors] * 4, reals, reals, tf.TensorSpec([None, None], tf.bool), [real] * 3]
        self._step = tf.function(self._train_step, input_signature=signature, autograph=False)

    def train(self, inputs: list[Float32], batch: Batch, step: int) -> tuple[float, list[Float32]]:
        """Adam's step number `step` (from 1) on the layers; the mean loss and its gradients by the
        inputs.

        Inputs, `[n, members, k]` each: pooled history, mean of the last timestamp, mean user value,
        candidate.
        """
        number = tf.constant(step, tf.float32)
        rates = [batch.rate, tf.pow(BETA_1, number), tf.pow(BETA_2, number)]
        loss, gradients = self._step(
            inputs, batch.weight, batch.sampling_probability, batch.allowed, rates
        )
        return float(loss), [gradient.numpy() for gradient in gradients]

    def queries(self, pooled: Any, last: Any, user_values: Any) -> Any:
        """The user towers over what was pooled, `[n, members, k]` each."""
        hidden = tf.transpose(tf.concat([pooled, last, user_values], 2), [1, 0, 2])
        hidden = tf.nn.relu(tf.matmul(hidden, self._var["w1"]) + self._var["b1"])
        return pooled + tf.transpose(
            tf.matmul(hidden, self._var["w2"]) + self._var["b2"], [1, 0, 2]
        )

    def scaled(self, vectors: Any) -> Any:
        """Vectors of length one where the metric is cosine."""
        return tf.nn.l2_normalize(vectors, -1) if self._cosine else vectors

    def arrays(self) -> Arrays:
        """Parameters and moments."""
        return {name: variable.numpy() for name, variable in self._var.items()}

    def _train_step(
        self,
        inputs: list[Any],
        weight: Any,
        sampling_probability: Any,
        allowed: Any,
        rates: list[Any],
    ) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = self._loss(
                self.queries(*inputs[:3]), inputs[3], weight, sampling_probability, allowed
            )
        gradients = tape.gradient(loss, [*inputs, *(self._var[name] for name in LAYERS)])
        for name, gradient in zip(LAYERS, gradients[len(inputs) :], strict=True):
            self._adam(name, gradient, rates)
        return loss, gradients[: len(inputs)]

    def _loss(
        self, queries: Any, candidates: Any, weight: Any, sampling_probability: Any, allowed: Any
    ) -> Any:
        """Mean over the members of each one's own softmax."""
        queries, candidates = self._scale * self.scaled(queries), self.scaled(candidates)
        members = zip(tf.unstack(queries, axis=1), tf.unstack(candidates, axis=1), strict=True)
        losses = [
            self._softmax.call(query, candidate, weight, sampling_probability, allowed)
            for query, candidate in members
        ]
        return tf.add_n(losses) / (self._members * tf.reduce_sum(weight))

    def _adam(self, name: str, gradient: Any, rates: list[Any]) -> None:
        """Kingma and Ba 2015 on a parameter and its two moments, in one pass over memory."""
        var, m, v = (self._var[name + moment].handle for moment in MOMENTS)
        rate, power_1, power_2 = rates
        tf.raw_ops.ResourceApplyAdam(
            var=var,
            m=m,
            v=v,
            beta1_power=power_1,
            beta2_power=power_2,
            lr=rate,
            beta1=BETA_1,
            beta2=BETA_2,
            epsilon=EPSILON,
            grad=gradient,
        )


class _OwnCandidate(tf.keras.losses.Loss):
    """Cross-entropy of each query's own candidate, the one on the diagonal, without a matrix of
    labels.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """`[n]` losses from `y_pred [n, n]`."""
        return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.range(tf.shape(y_pred)[0]), y_pred)


class _InBatchSoftmax(tfrs.tasks.Retrieval):
    """TFRS's retrieval task for one candidate a query, the loss summed over the batch.

    The task's own `call` asks Python for the rank of a tensor, which only AutoGraph can convert:
    that took a quarter of a second and more of every training. Here the ranks are known; the
    operations and their order are the task's.
    """

    def __init__(self) -> None:
        super().__init__()
        self._own = _OwnCandidate(reduction=tf.keras.losses.Reduction.SUM)

    def call(
        self, query: Any, candidate: Any, weight: Any, sampling_probability: Any, allowed: Any
    ) -> Any:
        """The loss of `query [n, k]` and `candidate [n, k]`, whose row is the query's own.

        `weight [n]` of each query, `sampling_probability [n]` of each candidate, for the logQ
        correction, `allowed [n, n] bool`: whether candidate j may be a negative of query i.
        """
        scores = tf.linalg.matmul(query, candidate, transpose_b=True)
        scores = tfrs.layers.loss.SamplingProbablityCorrection()(scores, sampling_probability)
        scores = tf.where(allowed, scores, MIN_FLOAT)
        return self._own(tf.eye(tf.shape(scores)[0]), scores, sample_weight=weight)
