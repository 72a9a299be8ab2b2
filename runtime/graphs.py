"""The four compiled graphs of a bundle, and other weights for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runtime.backends.base import Arrays, Backend, Graph, RefittingBackend
from runtime.bundle import Bundle
from runtime.errors import BackendFailure
from runtime.manifest import GRAPH_NAMES, GraphName, Variant
from runtime.ports import ports_of


class Graphs:
    """For one thread, that of the engine."""

    def __init__(self, bundle: Bundle, backend: Backend) -> None:
        """Compile all graphs. Raises `BundleError` or `BackendError`."""
        self._bundle, self._backend = bundle, backend
        self._ports = ports_of(bundle.manifest.model)
        self._variants = {
            name: bundle.variant(name, backend.stored, backend.machine) for name in GRAPH_NAMES
        }
        self.built_for = self._variants["tick"].built_for
        self._weights: Bundle | None = None
        self._graphs = self._load(GRAPH_NAMES, None)

    def run(self, name: GraphName, inputs: Arrays) -> Arrays:
        """Every output that the graph must have. Raises `BackendFailure`."""
        outputs = self._graphs[name].run(inputs)
        wanted = [port.name for port in self._ports[name].outputs]
        if missing := [output for output in wanted if output not in outputs]:
            raise BackendFailure(f"graph {name} did not return {', '.join(missing)}")
        return outputs

    def replace_weights(self, weights: Bundle | None) -> None:
        """Load the graphs whose weights differ with those of `weights`, which a package made of
        this bundle (None: the bundle's own), and close the ones that they take the place of.

        The files of `weights` are not needed afterwards. Both are in memory for a moment, so that
        when this raises, `BundleError` or `BackendError`, nothing has changed.
        """
        if weights is None and self._weights is None:
            return
        before, after = (one or self._bundle for one in (self._weights, weights))
        changed = [
            name for name in GRAPH_NAMES if self._onnx(name, before) != self._onnx(name, after)
        ]
        loaded = self._load(changed, weights)
        for name in changed:
            self._graphs[name].close()
        self._graphs |= loaded
        self._weights = weights

    def close(self) -> None:
        """May be called twice."""
        _close(self._graphs)

    def _onnx(self, name: GraphName, weights: Bundle) -> Variant:
        """What the graph is loaded from, or its engine refitted from."""
        return weights.variant(name, [self._variants[name].precision])

    def _load(self, names: Sequence[GraphName], weights: Bundle | None) -> dict[GraphName, Graph]:
        loaded: dict[GraphName, Graph] = {}
        try:
            for name in names:
                loaded[name] = self._load_one(name, weights)
        except BaseException:
            _close(loaded)
            raise
        return loaded

    def _load_one(self, name: GraphName, weights: Bundle | None) -> Graph:
        variant, manifest, backend = self._variants[name], self._bundle.manifest, self._backend
        if weights is None:
            return backend.load(name, self._bundle.graph_path(variant), manifest)
        path = weights.graph_path(self._onnx(name, weights))
        if variant.built_for is None:
            return backend.load(name, path, manifest)
        assert isinstance(backend, RefittingBackend)  # those that run engines are
        return backend.load_refitted(name, self._bundle.graph_path(variant), path, manifest)


def _close(graphs: Mapping[GraphName, Graph]) -> None:
    for graph in graphs.values():
        graph.close()
