"""The two towers, their loss and their optimizer, over named arrays.

An item's input is its id vector plus the mean of its value vectors; the item tower scales it to
unit length (metric cosine). The user tower pools the inputs of the newest history items with a
learned decay by moment (the items of one basket weigh the same), and adds an MLP of [pooled, mean of
the last moment, mean user value vector] to it.

There are several such towers in one model, its members, trained side by side on the same batches: each has its own
start, decay, MLP and softmax and its own part of every row, and none sees another's loss. Their vectors are laid
end to end and scaled so that a product of joined vectors is the mean of the members' products: an ensemble
(Lakshminarayanan, Pritzel and Blundell 2017, "Simple and scalable predictive uncertainty estimation using deep
ensembles") that is searched as one vector.
"""

from __future__ import annotations

from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from recsys_tasks.config import TwoTowerConfig
from recsys_tasks.ids import Keys
from recsys_tasks.retrieval._tf_runtime import tf, tfrs
from recsys_tasks.retrieval.tower_examples import FlatHistories
from recsys_tasks.retrieval.tower_inputs import Table, Vectors
from recsys_tasks.retrieval.tower_weights import DENSE, TABLES, Arrays, Batch

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7
MOMENTS = ("", "/m", "/v")
"""A parameter's own name, and its moments'."""
BLOCK = 8192


class Tower:
    """Parameters and moments as variables, made from arrays and read back as arrays."""

    def __init__(self, config: TwoTowerConfig, arrays: Arrays, item_values: Table, user_values: Table, seed: int):
        self._config = config
        self._seed = seed
        names = [*TABLES, *DENSE]
        names = [name + moment for moment in MOMENTS for name in names]
        self._var = {name: tf.Variable(arrays[name], name=name.replace("/", "_")) for name in names}
        self._scratch = {name: [_rows_in_work(arrays[name].shape[1]) for _ in MOMENTS] for name in TABLES}
        self._step = tf.Variable(int(arrays["step"]), dtype=tf.int64)
        self._item_values = tf.constant(item_values)
        self._user_values = tf.constant(user_values)
        self._members = config.members
        self._cosine = config.metric == "cosine"
        # TFRS would divide every score by a temperature: to scale the queries is the same and cheaper.
        self._scale = config.logit_scale if self._cosine else 1.0
        self._softmax = _softmax()
        keys, reals = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.float32)
        pairs = tf.TensorSpec([None, None], tf.bool)
        rate = tf.TensorSpec([], tf.float32)
        signature = [keys] * 5 + [reals] * 2 + [pairs, rate]
        self._train = tf.function(self._train_step, input_signature=signature, autograph=False)

    def train(self, batch: Batch) -> Any:
        """One step of Adam on a batch; the mean loss as a scalar tensor."""
        h = batch.history
        asked = (h.item, h.row, h.age, batch.user, batch.target)
        return self._train(*asked, batch.weight, batch.probability, batch.allowed, batch.rate)

    def arrays(self) -> Arrays:
        """Parameters and moments."""
        found = {name: variable.numpy() for name, variable in self._var.items()}
        found["step"] = np.asarray(self._step.numpy(), np.int64)
        return found

    def item_vectors(self) -> Vectors:
        """Item tower of every key, `[m, d] float32`."""
        m = self._item_values.shape[0]
        blocks = [self._joined(self._items_of(tf.range(a, min(a + BLOCK, m)))).numpy() for a in range(0, m, BLOCK)]
        vectors: Vectors = np.concatenate(blocks) if blocks else np.zeros((0, self._config.dimensions), np.float32)
        return vectors

    def user_vectors(self, history: FlatHistories, users: Keys) -> Vectors:
        """User tower, `[n, d] float32`, of n histories and their users' keys."""
        # Not compiled: a few large blocks are faster than tracing them.
        found: Vectors = self._joined(self._users_of(history.item, history.row, history.age, users)).numpy()
        return found

    # --- towers -------------------------------------------------------------------------------

    def _mean_values(self, rows: Any, places: Any, values: Any) -> Any:
        """Mean of each entity's value vectors, `[u, d]`: `rows[places]` are those of `values [u, v]`, 0 pads."""
        real = tf.reshape(values > 0, [-1])
        entity = tf.repeat(tf.range(tf.shape(values)[0]), tf.shape(values)[1])
        # Gather and mean in one: nothing of size [u, v, d] is laid out, neither forward nor backward.
        return tf.sparse.segment_mean(
            rows, tf.boolean_mask(places, real), tf.boolean_mask(entity, real), num_segments=tf.shape(values)[0]
        )

    def _input_of(self, items: Any) -> Any:
        values = tf.gather(self._item_values, items)
        distinct, places = tf.unique(tf.reshape(values, [-1]))
        means = self._mean_values(tf.gather(self._var["value"], distinct), places, values)
        return tf.gather(self._var["item"], items) + means

    def _by_member(self, rows: Any) -> Any:
        """`[n, d]` rows as `[n, members, d / members]`."""
        return tf.reshape(rows, [-1, self._members, self._config.dimensions // self._members])

    def _joined(self, vectors: Any) -> Any:
        """`[n, d]` of `[n, members, d / members]`: their product is the mean of the members' products."""
        return tf.reshape(vectors, [-1, self._config.dimensions]) / self._members**0.5

    def _scaled(self, vectors: Any) -> Any:
        return tf.nn.l2_normalize(vectors, -1) if self._cosine else vectors

    def _items_of(self, items: Any) -> Any:
        return self._scaled(self._by_member(self._input_of(items)))

    def _users_of(self, item: Any, row: Any, age: Any, users: Any) -> Any:
        distinct, places = tf.unique(item)
        seen = tf.gather(self._input_of(distinct), places)
        values = tf.gather(self._user_values, users)
        about, about_places = tf.unique(tf.reshape(values, [-1]))
        means = self._mean_values(tf.gather(self._var["user_value"], about), about_places, values)
        return self._scaled(self._user_tower(seen, row, age, means, self._var))

    def _user_tower(self, seen: Any, row: Any, age: Any, about: Any, dense: Any) -> Any:
        """`[n, members, k]` from history inputs `[r, d]` laid end to end and mean user values `[n, d]`."""
        seen = self._by_member(seen)
        newest = tf.cast(tf.equal(age, 0), tf.float32)[:, None, None]
        last = tf.math.segment_sum(seen * newest, row) / tf.math.segment_sum(newest, row)
        weight = tf.exp(tf.gather(dense["decay"], age))[:, :, None]
        pooled = tf.math.segment_sum(seen * weight, row) / tf.math.segment_sum(weight, row)
        hidden = tf.transpose(tf.concat([pooled, last, self._by_member(about)], 2), [1, 0, 2])
        hidden = tf.nn.relu(tf.matmul(hidden, dense["w1"]) + dense["b1"])
        return pooled + tf.transpose(tf.matmul(hidden, dense["w2"]) + dense["b2"], [1, 0, 2])

    # --- training -----------------------------------------------------------------------------

    def _train_step(
        self,
        item: Any,
        row: Any,
        age: Any,
        user: Any,
        target: Any,
        weight: Any,
        probability: Any,
        allowed: Any,
        rate: Any,
    ) -> Any:
        items, places = tf.unique(tf.concat([item, target], 0))
        values, user_values = tf.gather(self._item_values, items), tf.gather(self._user_values, user)
        value_ids, value_places = tf.unique(tf.reshape(values, [-1]))
        user_ids, user_places = tf.unique(tf.reshape(user_values, [-1]))
        touched = {"item": items, "value": value_ids, "user_value": user_ids}
        rows = {name: tf.gather(self._var[name], ids) for name, ids in touched.items()}
        dense = {name: self._var[name].read_value() for name in DENSE}
        with tf.GradientTape() as tape:
            tape.watch([rows, dense])
            inputs = rows["item"] + self._mean_values(rows["value"], value_places, values)
            # One mask an item and step, not one an occurrence: a third of the step's time at long histories.
            seen = tf.gather(self._dropped(inputs, self._config.dropout, 0), places[: tf.size(item)])
            about = self._mean_values(rows["user_value"], user_places, user_values)
            queries = self._user_tower(seen, row, age, about, dense)
            candidates = self._dropped(tf.gather(inputs, places[tf.size(item) :]), self._config.item_dropout, 1)
            loss = self._loss(queries, candidates, weight, probability, allowed)
        gradients = tape.gradient(loss, [rows, dense], unconnected_gradients=tf.UnconnectedGradients.ZERO)
        self._apply(touched, rows, gradients[0], gradients[1], rate)
        return loss

    def _loss(self, queries: Any, candidates: Any, weight: Any, probability: Any, allowed: Any) -> Any:
        """Mean over the members of each one's own softmax."""
        queries, candidates = self._scale * self._scaled(queries), self._scaled(self._by_member(candidates))
        total = tf.add_n(
            [
                self._softmax(
                    queries[:, member],
                    candidates[:, member],
                    sample_weight=weight,
                    candidate_sampling_probability=probability,
                    score_mask=allowed,
                    compute_metrics=False,
                    compute_batch_metrics=False,
                )
                for member in range(self._members)
            ]
        )
        return total / (self._members * tf.reduce_sum(weight))

    def _dropped(self, vectors: Any, rate: float, stream: int) -> Any:
        if rate == 0.0:
            return vectors
        seed = tf.stack([tf.constant(self._seed * 2 + stream, tf.int64), self._step])
        return tf.nn.experimental.stateless_dropout(vectors, rate, seed=seed, rng_alg="philox")

    def _apply(self, touched: Any, rows: Any, row_gradients: Any, dense_gradients: Any, size: Any) -> None:
        """Adam on the rows of this batch only: a step costs what it touches, whatever the catalogue's size."""
        self._step.assign_add(1)
        for name, ids in touched.items():
            own, scratch = [self._var[name + moment] for moment in MOMENTS], self._scratch[name]
            scratch[0].assign(rows[name])
            for table, taken in zip(own[1:], scratch[1:], strict=True):
                taken.assign(tf.gather(table, ids))
            gradient = row_gradients[name]
            if name != "item":  # Row 0 pads. Where a batch has no value at all, TensorFlow leaves its gradient unset.
                gradient = tf.where((ids > 0)[:, None], gradient, 0.0)
            self._adam(scratch, gradient, size)
            for table, taken in zip(own, scratch, strict=True):
                table.scatter_update(tf.IndexedSlices(taken.read_value(), ids))
        for name, gradient in dense_gradients.items():
            self._adam([self._var[name + moment] for moment in MOMENTS], gradient, size)

    def _adam(self, variables: Any, gradient: Any, size: Any) -> None:
        """Kingma and Ba 2015 on a parameter and its two moments, in one pass over memory."""
        step = tf.cast(self._step, tf.float32)
        var, m, v = (variable.handle for variable in variables)
        tf.raw_ops.ResourceApplyAdam(
            var=var,
            m=m,
            v=v,
            beta1_power=tf.pow(BETA_1, step),
            beta2_power=tf.pow(BETA_2, step),
            lr=size,
            beta1=BETA_1,
            beta2=BETA_2,
            epsilon=EPSILON,
            grad=tf.convert_to_tensor(gradient),
        )


class _OwnCandidate(tf.keras.losses.Loss):
    """Cross-entropy of each query's own candidate, the one on the diagonal, without a matrix of labels."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """`[n]` losses from `y_pred [n, n]`."""
        return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.range(tf.shape(y_pred)[0]), y_pred)


def _softmax() -> Any:
    """TFRS's retrieval task, called as it is with its tensors; the loss summed over the batch.

    Of a whole step its `call` alone asks Python about a tensor: `len` of a shape, which AutoGraph would have to
    convert. Ranks are known when a step is traced, so its `len` is given here: converting took .15 s of every training,
    and of all that a step calls three seconds.
    """
    task = tfrs.tasks.Retrieval(loss=_OwnCandidate(reduction=tf.keras.losses.Reduction.SUM))
    asked = type(task).call
    call = FunctionType(asked.__code__, {**asked.__globals__, "len": _length}, None, asked.__defaults__)
    return partial(call, task)


def _length(of: Any) -> int:
    """`len`, of tensors too, where it is known while tracing."""
    return int(of.shape[0]) if tf.is_tensor(of) else len(of)


def _rows_in_work(dimensions: int) -> Any:
    """A variable for the rows that a step takes out of a table: Adam in one pass is an operation on variables."""
    empty = tf.zeros([0, dimensions])
    return tf.Variable(empty, shape=[None, dimensions], trainable=False)
