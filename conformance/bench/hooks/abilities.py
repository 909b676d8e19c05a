"""What can be done to a device through hooks: each ability with its actions, and what a call of it carries."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Ability:
    """One thing that scenarios ask for by `@needs:<name>`.

    `actions` maps each action to what it asks for, `carries` each further member of a call to what it means, and
    `examples` each kind of hook to a declaration that could be used.
    """

    name: str
    does: str
    actions: Mapping[str, str]
    examples: Mapping[str, str]
    carries: Mapping[str, str] = field(default_factory=dict)


_SETTINGS = {"settings": "the settings by name, each with its value"}
_WHERE = {"deployment": "id of the deployment", "component": "name of the component"}

_LIST = (
    Ability(
        "reboot",
        "switches the device off and on in an orderly way",
        {"reboot": "restart the device; end as soon as the restart is under way or done"},
        {
            "command": "{command: [ssh, root@edge-9, reboot], timeout: 30}",
            "http": '{http: "http://pdu.example/outlet/3/cycle", method: POST}',
            "python": '{python: "my_hooks:reboot"}',
            "manual": '{manual: "Restart the device from its menu"}',
        },
    ),
    Ability(
        "power-cut",
        "takes the power away without warning, and gives it back",
        {
            "cut": "take the power away now: the bench calls when the requests of the device show that it is there",
            "arm": "cut your own power when you come to this point; only called with `precise: true`",
            "restore": "give the power back",
        },
        {
            "command": '{command: [pdu-control, outlet-3, "{action}"], timeout: 20}',
            "http": '{http: "http://pdu.example/outlet/3/{action}", method: PUT}',
            "python": '{python: "my_hooks:power"}',
            "manual": '{manual: "Mains plug: {action}", timeout: 120}',
        },
        {"at": "the point: manifest-taken, artefacts-fetched, component-installing, state-stored or status-sent"},
    ),
    Ability(
        "factory-reset",
        "resets the device to its state of delivery, keeping credentials and addresses of WFM and identity service",
        {
            "reset": "forget every desired state, deployment and trust bundle that was fetched, then start as at "
            "first boot"
        },
        {
            "command": "{command: [ssh, root@edge-9, margo-agent, factory-reset]}",
            "http": '{http: "http://edge-9.example:9000/factory-reset"}',
            "python": '{python: "my_hooks:factory_reset"}',
            "manual": '{manual: "Hold the reset key for ten seconds", timeout: 900}',
        },
    ),
    Ability(
        "configure",
        "changes settings as the user of the device would",
        {
            "set": "change these settings, and answer with JSON: {setting: its value as the device has it now}; "
            "without that answer a setting counts only where the device shows it",
            "restore": "take back what was changed",
        },
        {
            "command": "{command: [./configure-device.sh]}",
            "http": '{http: "http://edge-9.example:9000/settings", method: PATCH}',
            "python": '{python: "my_hooks:configure"}',
            "manual": '{manual: "Settings ({action}): {settings}"}',
        },
        {
            "settings": "poll_s: seconds between polls; downtime_s: a downtime of so many seconds from now on; "
            "not_before_s: no polls for so many seconds from now on; serial: another serial number; "
            "types: other deployment types; answer_s: how long answers are waited for; install_retry_s: when a failed "
            "installation is tried again; offline_stop_s: how long workloads run on without the WFM; proxy: a URL; "
            "export: the OTLP endpoint (HTTP) that telemetry is to be exported to, or null for nowhere; "
            "discovery: the URL of the identity service; pin: the pin of its key (base64 of the SHA-256 of its public "
            "key) that counts instead of the anchors of the connection sheet"
        },
    ),
    Ability(
        "children",
        "has devices come, go and disappear behind a gateway",
        {"set": "carry this out", "restore": "put things back as they were"},
        {
            "command": "{command: [./children.sh]}",
            "http": '{http: "http://gateway.example:9000/children", method: PATCH}',
            "python": '{python: "my_hooks:children"}',
            "manual": '{manual: "Devices behind the gateway ({action}): {settings}"}',
        },
        {"settings": "child: a device that comes; gone: one that goes; unreachable, reachable: one cut off, or back"},
    ),
    Ability(
        "fault",
        "makes a component of a workload fail, hang or take long",
        {
            "set": "from now on this component behaves so: answer with JSON, {behaviour: the one it has now}; without "
            "that answer it counts only where a report or what runs shows it",
            "clear": "every component behaves as it should",
        },
        {
            "command": '{command: [./fault.sh, "{component}", "{behaviour}"]}',
            "http": '{http: "http://edge-9.example:9000/faults"}',
            "python": '{python: "my_hooks:fault"}',
            "manual": '{manual: "Have {component} of {deployment} be: {behaviour}"}',
        },
        {
            **_WHERE,
            "behaviour": "slow, fails, fails slowly, cannot be fetched, never ready, unhealthy, healthy only after a "
            "while, fails to go, or fine",
            "seconds": "how long what is slow takes, at least",
        },
    ),
    Ability(
        "tamper",
        "changes something behind the agent's back; an action that it does not know has to fail",
        {
            "erase-state": "remove what the agent has stored of the desired state, so that it is gone after a restart",
            "stop-workload": "stop a component by the means of its runtime",
            "remove-workload": "remove a component by the means of its runtime",
            "edit-workload": "change the configuration of a component by the means of its runtime",
            "foreign-workload": "start a workload that nobody ordered by the means of the runtime; component: its name",
            "damage-state": "overwrite a part of what the agent has stored, so that it is damaged after a restart",
            "fill-storage": "leave no space where the agent stores its state, and answer with JSON: {free: the bytes "
            "that are left}, less than 4096; without that answer nothing is judged by it",
            "free-storage": "give that space back",
        },
        {
            "command": '{command: [./tamper.sh, "{action}", "{deployment}", "{component}"]}',
            "http": '{http: "http://edge-9.example:9000/tamper/{action}"}',
            "python": '{python: "my_hooks:tamper"}',
            "manual": '{manual: "{action} {deployment} {component}"}',
        },
        _WHERE,
    ),
    Ability(
        "workloads",
        "tells what really runs; not needed, but it shows what reports alone cannot",
        {
            "look": "answer with JSON: {deployment id: {component: revision}} of all that runs; what nobody ordered "
            "under any id, such as foreign"
        },
        {
            "command": "{command: [./running.sh], timeout: 10}",
            "http": '{http: "http://edge-9.example:9000/workloads", method: GET}',
            "python": '{python: "my_hooks:workloads"}',
        },
    ),
    Ability(
        "inspect",
        "tells how what runs is configured",
        {
            "look": "answer with JSON: {deployment id: {component: {configuration: {name: value}, containers: "
            "{container: {variable: value}}, begun: how often it was started, files: {path in its archive: "
            "permissions on the device, in octal}}}}; files may be left out"
        },
        {
            "command": "{command: [./inspect.sh], timeout: 10}",
            "http": '{http: "http://edge-9.example:9000/inspect", method: GET}',
            "python": '{python: "my_hooks:inspect"}',
        },
    ),
    Ability(
        "uptime",
        "tells since when the device is up; not needed, but without it what a reboot leaves shows little",
        {"look": "answer with JSON: {seconds: how long the device is up}; fail while it is not"},
        {
            "command": "{command: [./uptime.sh], timeout: 10}",
            "http": '{http: "http://edge-9.example:9000/uptime", method: GET}',
            "python": '{python: "my_hooks:uptime"}',
        },
    ),
    Ability(
        "log",
        "reads the log of the device, with its security events",
        {"read": "answer with JSON: [{kind: security, or anything else; message: the line}], the oldest first"},
        {
            "command": "{command: [./log.sh], timeout: 10}",
            "http": '{http: "http://edge-9.example:9000/log", method: GET}',
            "python": '{python: "my_hooks:log"}',
        },
    ),
    Ability(
        "identity",
        "gives the device another credential for the same client",
        {
            "install": "present this credential from the next connection on",
            "restore": "present this one again: it is that of the connection sheet",
        },
        {
            "command": '{command: [./install-svid.sh, "{certificate}", "{key}"]}',
            "http": '{http: "http://edge-9.example:9000/svid", method: PUT}',
            "python": '{python: "my_hooks:identity"}',
            "manual": '{manual: "Install {certificate} and {key} on the device"}',
        },
        {
            "certificate": "file of the SVID with its chain (PEM)",
            "key": "file of its key (PEM)",
            "expired": "whether the credential has expired, which the device is to present all the same",
        },
    ),
)
ABILITIES: Mapping[str, Ability] = {ability.name: ability for ability in _LIST}
PLACEHOLDERS = tuple(dict.fromkeys(["hook", "action", *(name for item in _LIST for name in item.carries)]))
"""What may stand in braces in a command, a URL, a body or an instruction."""
SIMULATED_ONLY: Mapping[str, str] = {
    "effects": "effects can be counted in a simulated device only; on a real one RB-03 is tried by the scenarios that "
    "cut its power at points of an update that can be seen",
}
"""What no hook can do to a real device, and why: scenarios that need it do not apply to one."""
BUILT_IN = frozenset({"network"})
"""What the bench does by itself: it is the network."""
