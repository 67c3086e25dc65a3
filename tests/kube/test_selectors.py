"""The model's label selectors against the API server's own answers: a check that neither lab nor oracle can fake."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator, Mapping

import pytest

from prober.model import LabelSelector, Operator, Requirement
from tests.kube import objects
from tests.kube.api import Api
from tests.kube.cluster import Cluster
from tests.kube.selecting import query

pytestmark = pytest.mark.kube

_KEYS = ("app", "example.com/tier")
_VALUES = ("a", "b", "")
# every way to label something with these keys and values, each key also left out
_LABELS = tuple(
    {key: value for key, value in zip(_KEYS, values, strict=True) if value is not None}
    for values in itertools.product((*_VALUES, None), repeat=len(_KEYS))
)


def _requirements(key: str) -> Iterator[Requirement]:
    for operator in (Operator.EXISTS, Operator.DOES_NOT_EXIST):
        yield Requirement(key=key, operator=operator)
    for operator in (Operator.IN, Operator.NOT_IN):
        for count in (1, 2):
            for values in itertools.combinations(_VALUES, count):
                yield Requirement(key=key, operator=operator, values=values)


def _selectors() -> Iterator[LabelSelector]:
    """Yield selectors with every requirement, alone and beside one of the other key, and with equality."""
    yield LabelSelector()
    for equal in _LABELS:
        yield LabelSelector(match_labels=equal)
    first, second = (tuple(_requirements(key)) for key in _KEYS)
    for requirement in (*first, *second):
        yield LabelSelector(expressions=(requirement,))
        yield LabelSelector(match_labels={"app": "a"}, expressions=(requirement,))
    for pair in itertools.product(first, second):
        yield LabelSelector(expressions=pair)
    for pair in itertools.combinations(first, 2):  # on one key
        yield LabelSelector(expressions=pair)


@pytest.fixture
def labelled(kube_none: Cluster) -> Iterator[tuple[Api, str, Mapping[str, Mapping[str, str]]]]:
    """A namespace with one object for each way to label one; their labels by name."""
    name = f"labels-{secrets.token_hex(3)}"
    things = {f"thing-{n}": labels for n, labels in enumerate(_LABELS)}
    with kube_none.api() as api:
        objects.create(api, objects.namespace(name))
        for thing, labels in things.items():
            metadata = {"namespace": name, "name": thing, "labels": labels}
            objects.create(api, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
        yield api, f"/api/v1/namespaces/{name}/configmaps", things
        api.delete(objects.path(objects.namespace(name)))


def test_model_selects_what_the_api_server_selects(
    labelled: tuple[Api, str, Mapping[str, Mapping[str, str]]],
) -> None:
    """For hundreds of selectors over all label sets, both take the same objects."""
    api, path, things = labelled
    for selector in _selectors():
        found = api.get(path, {"labelSelector": query(selector)})["items"]
        expected = {item["metadata"]["name"] for item in found if item["metadata"]["name"] in things}
        assert expected == {name for name, labels in things.items() if selector.matches(labels)}, str(selector)
