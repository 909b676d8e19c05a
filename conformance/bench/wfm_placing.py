"""Applications that demand something of a device, a device that meets it, and one that differs in one value.

Which of the two fits is written down with each demand; nothing here evaluates a rule.
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

from conformance.bench.applications import Release
from conformance.bench.northbound import NorthboundError
from conformance.bench.wfm_bench import WfmBench
from conformance.bench.wfm_clients import Deployed
from conformance.bench.wfm_requests import capabilities
from simulator.protocol.application import DESCRIPTION_FILE, parse_description
from simulator.protocol.documents import dump_yaml

FITTING, UNFITTING = "press-fitting", "press-unfitting"
LINE, CELLS, SPARE = "site.example/line", "site.example/cells", "site.example/spare"
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Demand:
    """What an application demands; `good` and `bad` are properties and labels of the two devices, beside the usual."""

    shows: tuple[str, ...]
    constraints: Json
    good: Json = field(default_factory=dict)
    bad: Json = field(default_factory=dict)
    good_labels: Json = field(default_factory=dict)
    bad_labels: Json = field(default_factory=dict)


def _is(key: str, operator: str, *values: Any) -> dict[str, Any]:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


def _has(key: str, operator: str, *inner: Json) -> dict[str, Any]:
    return {"key": key, "operator": operator, "itemSelector": {"matchExpressions": list(inner)}}


def _properties(*expressions: Json) -> dict[str, Any]:
    return {"propertySelector": {"matchExpressions": list(expressions)}}


def _labels(*expressions: Json) -> dict[str, Any]:
    return {"labelSelector": {"matchExpressions": list(expressions)}}


def _rules(*rules: Json) -> Json:
    return {"eligibilityRules": list(rules)}


def _capacity(**needed: Any) -> Json:
    return {"capacityRequirements": needed}


def _cpus(*cpus: tuple[int, str]) -> Json:
    return {"cpus": [{"cores": cores, "architecture": name} for cores, name in cpus]}


def _vendor(name: str) -> Json:
    return {"vendor": name}


_PACKING = _labels(_is(LINE, "In", "packing"))
_OTHER_LINE = {LINE: "milling"}
_OF_CORES = ("SEL-03", "SEL-04", "DC-022")
_RULE = ("SEL-06",)
_OF_PROPERTY = ("SEL-08",)
_OF_LABEL = ("SEL-09",)
_GPU, _EXAMPLE = _is("/type", "In", "gpu"), _is("/manufacturer", "In", "Example")

DEMANDS: Mapping[str, Demand] = MappingProxyType(
    {
        "sixteen cores in one CPU": Demand(
            _OF_CORES,
            _capacity(cpu={"cores": 16}),
            bad=_cpus((8, "amd64"), (8, "arm64")),
        ),
        "eight cores of one architecture": Demand(
            _OF_CORES,
            _capacity(cpu={"cores": 8, "architectures": ["arm64"]}),
            _cpus((4, "amd64"), (8, "arm64")),
            _cpus((8, "amd64"), (4, "arm64")),
        ),
        "one of two architectures": Demand(
            ("SEL-03",),
            _capacity(cpu={"cores": 2, "architectures": ["arm", "arm64"]}),
            _cpus((2, "arm64")),
            _cpus((2, "amd64")),
        ),
        "memory of a size": Demand(
            ("SEL-03",), _capacity(memory="32Gi"), {"memory": "32Gi"}, {"memory": "31Gi"}
        ),
        "memory of a size told in another unit": Demand(
            ("SEL-03",), _capacity(memory="8Gi"), {"memory": "8192Mi"}, {"memory": "8191Mi"}
        ),
        "storage of a size": Demand(
            ("SEL-03",), _capacity(storage="1Ti"), {"storage": "1024Gi"}, {"storage": "1023Gi"}
        ),
        "cores, memory and storage together": Demand(
            ("SEL-03",),
            _capacity(cpu={"cores": 2}, memory="2Gi", storage="16Gi"),
            {"storage": "16Gi"},
            {"storage": "15Gi"},
        ),
        "capacity beside a rule": Demand(
            ("SEL-03",),
            {**_capacity(memory="2Gi"), **_rules(_PACKING)},
            {"memory": "2Gi"},
            {"memory": "1Gi"},
        ),
        "a rule beside capacity": Demand(
            _RULE, {**_capacity(memory="2Gi"), **_rules(_PACKING)}, bad_labels=_OTHER_LINE
        ),
        "one of two rules": Demand(
            _RULE,
            _rules(_properties(_is("/vendor", "In", "A")), _properties(_is("/vendor", "In", "B"))),
            _vendor("B"),
            _vendor("C"),
        ),
        "a rule of properties and labels": Demand(
            _RULE, _rules({**_properties(_is("/vendor", "In", "B")), **_PACKING}), _vendor("B"), _vendor("C")
        ),
        "a rule of labels and properties": Demand(
            _RULE,
            _rules({**_properties(_is("/vendor", "In", "Example Machines")), **_PACKING}),
            bad_labels=_OTHER_LINE,
        ),
        "every one of several conditions": Demand(
            _RULE,
            _rules(_properties(_is("/vendor", "In", "B"), _is("/modelNumber", "In", "EM-300"))),
            {"vendor": "B"},
            {"vendor": "B", "modelNumber": "EM-400"},
        ),
        "a text among several": Demand(
            _OF_PROPERTY, _rules(_properties(_is("/vendor", "In", "A", "B"))), _vendor("B"), _vendor("C")
        ),
        "a text that is none of several": Demand(
            _OF_PROPERTY, _rules(_properties(_is("/vendor", "NotIn", "A", "B"))), _vendor("C"), _vendor("B")
        ),
        "none of several, where there is any": Demand(
            _OF_PROPERTY,
            _rules(_properties(_is("/cpus/0/architecture", "NotIn", "arm"))),
            _cpus((4, "amd64")),
            {"cpus": [{"cores": 4}]},
        ),
        "a property that is there": Demand(
            _OF_PROPERTY,
            _rules(_properties(_is("/cpus/0/architecture", "Exists"))),
            _cpus((4, "amd64")),
            {"cpus": [{"cores": 4}]},
        ),
        "a property that is not there": Demand(
            _OF_PROPERTY,
            _rules(_properties(_is("/cpus/0/architecture", "DoesNotExist"))),
            {"cpus": [{"cores": 4}]},
            _cpus((4, "amd64")),
        ),
        "a number that is greater": Demand(
            _OF_PROPERTY, _rules(_properties(_is("/cpus/0/cores", "Gt", 8))), _cpus((9, "amd64")), _cpus((8, "amd64"))
        ),
        "a number that is less": Demand(
            _OF_PROPERTY, _rules(_properties(_is("/cpus/0/cores", "Lt", 9))), _cpus((8, "amd64")), _cpus((9, "amd64"))
        ),
        "a number compared as a number": Demand(
            _OF_PROPERTY, _rules(_properties(_is("/cpus/0/cores", "Gt", 9))), _cpus((16, "amd64")), _cpus((9, "amd64"))
        ),
        "something true and a label": Demand(
            _OF_PROPERTY,
            _rules({**_properties(_is("/otelCollector", "In", True)), **_PACKING}),
            bad_labels=_OTHER_LINE,
        ),
        "a text in a list": Demand(
            _OF_PROPERTY,
            _rules(_properties(_is("/supportedDeploymentTypes", "In", "custom"))),
            {"supportedDeploymentTypes": ["helm", "compose", "custom"]},
        ),
        "a text that is in no list": Demand(
            _OF_PROPERTY,
            _rules(_properties(_is("/supportedDeploymentTypes", "NotIn", "custom"))),
            bad={"supportedDeploymentTypes": ["helm", "compose", "custom"]},
        ),
        "one object that meets everything": Demand(
            _OF_PROPERTY,
            _rules(_properties(_has("/peripherals", "ContainsAll", _GPU, _EXAMPLE))),
            {"peripherals": [{"type": "camera"}, {"type": "gpu", "manufacturer": "Example"}]},
            {"peripherals": [{"type": "camera", "manufacturer": "Example"}, {"type": "gpu", "manufacturer": "Other"}]},
        ),
        "one object that meets something": Demand(
            _OF_PROPERTY,
            _rules(_properties(_has("/peripherals", "ContainsAny", _GPU, _is("/type", "In", "microphone")))),
            {"peripherals": [{"type": "camera"}, {"type": "microphone"}]},
            {"peripherals": [{"type": "camera"}, {"type": "speaker"}]},
        ),
        "objects that are no values, or a label": Demand(
            _OF_PROPERTY, _rules(_properties(_is("/peripherals", "NotIn", "gpu")), _PACKING), bad_labels=_OTHER_LINE
        ),
        "an object that is no value, or a label": Demand(
            _OF_PROPERTY, _rules(_properties(_is("/cpus/0", "NotIn", "amd64")), _PACKING), bad_labels=_OTHER_LINE
        ),
        "a label": Demand(_OF_LABEL, _rules(_PACKING), bad_labels=_OTHER_LINE),
        "a label that is none of several": Demand(
            _OF_LABEL, _rules(_labels(_is(LINE, "NotIn", "milling", "turning"))), bad_labels=_OTHER_LINE
        ),
        "none of several labels, where there is any": Demand(
            _OF_LABEL, _rules(_labels(_is(LINE, "NotIn", "milling"))), bad_labels={LINE: None}
        ),
        "a label that is there": Demand(_OF_LABEL, _rules(_labels(_is(LINE, "Exists"))), bad_labels={LINE: None}),
        "a label that is not there": Demand(
            _OF_LABEL, _rules(_labels(_is(LINE, "DoesNotExist"))), good_labels={LINE: None}
        ),
        "a label that is true": Demand(
            _OF_LABEL, _rules(_labels(_is(SPARE, "In", True))), good_labels={SPARE: True}, bad_labels={SPARE: False}
        ),
        "a number among a label's": Demand(
            _OF_LABEL, _rules(_labels(_is(CELLS, "In", 3))), bad_labels={CELLS: [1, 2]}
        ),
        "a text among a label's": Demand(
            _OF_LABEL,
            _rules(_labels(_is(LINE, "In", "packing"))),
            good_labels={LINE: ["milling", "packing"]},
            bad_labels={LINE: ["milling", "turning"]},
        ),
        "a label that is a greater number": Demand(
            _OF_LABEL, _rules(_labels(_is(CELLS, "Gt", 9))), good_labels={CELLS: 10}, bad_labels={CELLS: 9}
        ),
        "a text in its own case": Demand(
            ("SEL-10",), _rules(_properties(_is("/vendor", "In", "ACME"))), _vendor("ACME"), _vendor("Acme")
        ),
        "a text in full": Demand(
            ("SEL-10",),
            _rules(_properties(_is("/vendor", "In", "Acme"))),
            _vendor("Acme"),
            _vendor("Acme Ltd"),
        ),
        "a label in its own case": Demand(
            ("SEL-10",), _rules(_PACKING), bad_labels={LINE: "Packing"}
        ),
    }
)  # fmt: skip
"""Demands by the words that feature files have for them."""


def report_both(bench: WfmBench, name: str, what: str) -> None:
    """Report the device that meets a demand, and the one that does not."""
    demand = DEMANDS[what]
    for device, properties, labels in (
        (UNFITTING, demand.bad, demand.bad_labels),
        (FITTING, demand.good, demand.good_labels),
    ):
        document = deepcopy(capabilities(device))
        document["properties"].update(deepcopy(dict(properties)))
        document["labels"] = {
            key: value for key, value in {**document["labels"], **labels}.items() if value is not None
        }
        bench.report(name, device, document)


def place(bench: WfmBench, name: str, what: str, *devices: str) -> None:
    """Have the WFM place an application with a demand on those of the devices that meet it."""
    release, client, demand = _demanding(bench, what), bench.client(name), DEMANDS[what]
    for device in devices:
        bench.need_device(name, device)
    before = bench.manifest(name)
    bench.bring(release)
    placed: dict[str, str] = {}
    refused = None
    try:
        placed = bench.subject.operator().place(client.wfm_client_id, devices, release.application_id, release.version)
    except NorthboundError as error:
        refused = str(error)
    for number, (deployment_id, device) in enumerate(placed.items()):
        deployed = Deployed(deployment_id, "primary", device, release, {})
        client.deployments[f"placed {len(client.deployments) + number}"] = deployed
        bench.wanted("deployed", client, deployed, before)
    bench.note(
        "placement-asked",
        {"before": before.exchange},
        client=client.identity,
        application=release.application_id,
        constraints=dict(demand.constraints),
        demands=list(demand.shows),
        devices=list(devices),
        fitting=[device for device in devices if device == FITTING],
        placed=placed,
        refused=refused,
    )
    if placed:
        shown = partial(_all_shown, frozenset(placed))
        bench.await_manifest(name, before, shown, "what was placed")


def _all_shown(names: frozenset[str], offer: Any) -> bool:
    return names <= set(offer.deployment_ids)


def _demanding(bench: WfmBench, what: str) -> Release:
    """Make an application of its own that demands this and nothing else, from the primary one."""
    given = bench.application("primary").release(1)
    raw = deepcopy(dict(given.document))
    raw["id"] = f"{raw['id']}-{re.sub('[^a-z]+', '-', what.lower())}"
    for profile in raw["deploymentProfiles"]:
        profile["deviceConstraints"] = deepcopy(dict(DEMANDS[what].constraints))
    data = dump_yaml(raw)
    return Release(1, parse_description(data), MappingProxyType({**given.files, DESCRIPTION_FILE: data}))
