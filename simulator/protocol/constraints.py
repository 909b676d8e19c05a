"""Device constraints: capacity and eligibility rules that an application puts on devices (AD-022..AD-027, SEL-*)."""

from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StringConstraints, model_validator

from simulator.protocol.documents import Document

Operator = Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "ContainsAll", "ContainsAny"]
Scalar = str | StrictBool | StrictInt | StrictFloat

_LISTS = ("In", "NotIn")
_COMPARISONS = ("Gt", "Lt")
_PRESENCE = ("Exists", "DoesNotExist")


class MatchExpression(Document):
    """One condition on a property or label; which members it needs depends on the operator (AD-027)."""

    key: str
    operator: Operator
    values: tuple[Scalar, ...] | None = None
    item_selector: "Selector | None" = None

    @model_validator(mode="after")
    def _members_fit(self) -> Self:
        needs_values = self.operator in _LISTS + _COMPARISONS
        needs_items = not needs_values and self.operator not in _PRESENCE
        if needs_values != bool(self.values):
            raise ValueError(f"{self.operator} {'needs' if needs_values else 'takes no'} values")
        if needs_items != (self.item_selector is not None):
            raise ValueError(f"{self.operator} {'needs an' if needs_items else 'takes no'} itemSelector")
        if self.operator in _COMPARISONS and len(self.values or ()) != 1:
            raise ValueError(f"{self.operator} needs exactly one value")
        return self


class Selector(Document):
    """Conditions that must all hold (SEL-06)."""

    match_expressions: Annotated[tuple[MatchExpression, ...], Field(min_length=1)]


class EligibilityRule(Document):
    """Property and label conditions, both to hold; rules are alternatives (SEL-06)."""

    property_selector: Selector | None = None
    label_selector: Selector | None = None


class CpuRequirement(Document):
    """One CPU entry must have the cores and, if named, one of the architectures (SEL-04)."""

    cores: Annotated[StrictInt | StrictFloat, Field(ge=0)]
    architectures: tuple[Literal["amd64", "arm64", "arm", "riscv64", "other"], ...] | None = None


class CapacityRequirements(Document):
    """What a device has to have at least (SEL-03)."""

    cpu: CpuRequirement | None = None
    memory: Annotated[str, StringConstraints(pattern=r"^[0-9]+ ?(Mi|Gi|Ki)$")] | None = None
    storage: Annotated[str, StringConstraints(pattern=r"^[0-9]+ ?(Mi|Gi|Ki|Ti|Pi|Ei)$")] | None = None


class DeviceConstraints(Document):
    """Constraints, passed from application description to deployment unchanged (AD-022, DEP-01)."""

    capacity_requirements: CapacityRequirements | None = None
    eligibility_rules: tuple[EligibilityRule, ...] | None = None
