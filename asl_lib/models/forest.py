"""Extremely randomised trees (Geurts, Ernst and Wehenkel 2006) in memory that does not grow with the classes.

scikit-learn grows them. Its trees keep the share of every class at every node: up to 8 GB for 800 trees, 300 glosses
and 1,000 clips with their mirror images. Here a tree is turned into compact arrays as soon as it is grown, so at most
one is in that form at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array, eye_array, vstack

from asl_lib._util.files import atomic_write, read_npz

CLIPS_TIMES_TREES = 2**18
"""How many paths through trees are followed at once: 20 MB."""
ARRAYS: dict[str, Any] = {"roots": np.int64, "feature": np.int16, "threshold": np.float32, "child": np.int32}
SHARES: dict[str, Any] = {"data": np.float64, "indices": np.int32, "indptr": np.int32}


@dataclass(frozen=True)
class Forest:
    """Grown trees, all nodes in one row; 10 bytes a node.

    Attributes:
        features: length of a description.
        roots: (trees,) int64, the first node of each tree; the nodes of a tree follow each other.
        feature: (nodes,) int16, the number in a description that the node compares; -1 for a leaf.
        threshold: (nodes,) float32; a description with at most this number goes to the next node.
        child: (nodes,) int32, the node where other descriptions go; for a leaf its row in `shares`.
        shares: (rows, classes) share of each class. Row k < classes is the leaf that holds nothing but class k.
    """

    features: int
    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    child: np.ndarray
    shares: csr_array

    @classmethod
    def grow(cls, X: np.ndarray, y: np.ndarray, *, classes: int, trees: int, seed: int) -> Forest:
        """Return the trees that `ExtraTreesClassifier(trees, random_state=seed)` grows.

        Args:
            X: (n, F) descriptions, converted to float32 as scikit-learn does.
            y: (n,) class numbers below `classes`.
            classes: number of classes.
            trees: number of trees.
            seed: seed of the trees' own seeds.
        """
        from sklearn.tree import ExtraTreeClassifier

        X, seen, rng = np.asarray(X, np.float32), np.unique(y), np.random.RandomState(seed)
        roots, rows, shares = [0], classes, [eye_array(classes, format="csr")]
        nodes: list[dict[str, np.ndarray]] = []
        for _ in range(trees):
            learner = ExtraTreeClassifier(max_features="sqrt", random_state=rng.randint(np.iinfo(np.int32).max))
            tree = learner.fit(X, y).tree_
            leaf = tree.children_left < 0  # any other node's left child is the next node
            held = tree.value[leaf, 0]  # (leaves, seen classes)
            mixed = held.max(axis=1) < 1
            row = seen[held.argmax(axis=1)]
            row[mixed] = rows + np.arange(mixed.sum())
            spread = np.zeros((mixed.sum(), classes))
            spread[:, seen] = held[mixed]
            shares.append(csr_array(spread))
            rows += mixed.sum()
            child = tree.children_right + roots[-1]
            child[leaf] = row
            feature = np.where(leaf, -1, tree.feature)
            found = {"feature": feature, "threshold": _round_down(tree.threshold), "child": child}
            nodes.append({name: array.astype(ARRAYS[name]) for name, array in found.items()})
            roots.append(roots[-1] + len(leaf))
        arrays = {name: np.concatenate([tree[name] for tree in nodes]) for name in nodes[0]}
        arrays["roots"] = np.array(roots[:-1], ARRAYS["roots"])
        return cls(features=X.shape[1], **arrays, shares=vstack(shares, "csr"))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return (n, classes) probabilities of (n, F) descriptions: the mean of what the trees' leaves hold."""
        X, trees, classes = np.asarray(X, np.float32), len(self.roots), self.shares.shape[1]
        probabilities = np.zeros((len(X), classes))
        step = max(1, CLIPS_TIMES_TREES // trees)
        for start in range(0, len(X), step):
            some = X[start : start + step]
            at = np.tile(self.roots, len(some))  # the node that is reached, for each clip and tree
            walking = np.flatnonzero(self.feature[at] >= 0)
            while walking.size:
                node = at[walking]
                near = some[walking // trees, self.feature[node]] <= self.threshold[node]
                at[walking] = np.where(near, node + 1, self.child[node])
                walking = walking[self.feature[at[walking]] >= 0]
            votes = self.shares[self.child[at]]  # (clips x trees, classes)
            clip = np.repeat(np.arange(len(at)) // trees, np.diff(votes.indptr))
            # bincount adds tree after tree, as scikit-learn does: the last digit is the same.
            total = np.bincount(clip * classes + votes.indices, votes.data, len(some) * classes)
            probabilities[start : start + step] = total.reshape(-1, classes) / trees
        return probabilities

    def save(self, path: str | Path) -> None:
        """Write the trees to a `.npz` file, whole or not at all."""
        arrays = {name: getattr(self, name) for name in ARRAYS}
        arrays |= {name: getattr(self.shares, name).astype(dtype) for name, dtype in SHARES.items()}
        with atomic_write(path) as tmp, tmp.open("wb") as file:
            np.savez_compressed(file, **arrays, features=self.features, classes=self.shares.shape[1])

    @classmethod
    def load(cls, path: str | Path) -> Forest:
        """Return the trees of a file that `save` wrote.

        Raises:
            OSError: the file cannot be read.
            ValueError: it does not hold such trees.
        """
        found = read_npz(path, [*ARRAYS, *SHARES, "features", "classes"])
        for name, dtype in (ARRAYS | SHARES).items():
            if found[name].dtype != dtype or found[name].ndim != 1:
                raise ValueError(
                    f"'{name}' must be one row of {np.dtype(dtype)}; got {found[name].dtype} {found[name].shape}"
                )
        for name in ("features", "classes"):
            if found[name].ndim or found[name].dtype.kind != "i":
                raise ValueError(f"'{name}' must be a whole number; got {found[name].dtype} {found[name].shape}")
        shape = (len(found["indptr"]) - 1, int(found["classes"]))
        shares = csr_array(tuple(found[name] for name in SHARES), shape=shape)
        shares.check_format(full_check=True)
        forest = cls(features=int(found["features"]), **{name: found[name] for name in ARRAYS}, shares=shares)
        forest._check()
        return forest

    def _check(self) -> None:
        """Raise ValueError where a path through the trees would leave its tree or never reach a leaf."""
        nodes, inner = len(self.feature), self.feature >= 0
        ends = np.append(self.roots[1:], nodes)
        if (
            not nodes == len(self.threshold) == len(self.child)
            or self.roots[:1].tolist() != [0]
            or (ends <= self.roots).any()
        ):
            raise ValueError("the trees must have as many features, thresholds and children as nodes")
        node, end = np.flatnonzero(inner), np.repeat(ends, ends - self.roots)[inner]
        # Both children come later in the same tree, so there is no circle and each tree's last node is a leaf.
        if (self.child[inner] <= node + 1).any() or (self.child[inner] >= end).any():
            raise ValueError("a node's children must come after it in its tree")
        if ((self.feature < -1) | (self.feature >= self.features)).any():
            raise ValueError(f"the trees must compare numbers below {self.features}")
        leaves, (rows, classes) = self.child[~inner], self.shares.shape
        if rows < classes:  # probabilities of so many classes could fill the memory
            raise ValueError(f"the trees must have a row of shares for each of {classes} classes; got {rows} rows")
        if (
            (leaves < 0).any()
            or (leaves >= rows).any()
            or not ((self.shares.data >= 0) & (self.shares.data <= 1)).all()
        ):
            raise ValueError("a leaf must hold shares of the classes")


def _round_down(threshold: np.ndarray) -> np.ndarray:
    """Return the largest float32 up to each threshold: the same float32 numbers are below it."""
    rounded = threshold.astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)
