#!/usr/bin/env python3
"""A minimal Margo device (1.0.0-rc.3), written apart from the reference: procedural, one thread, standard library only.

    gadget.py run HOME     poll the WFM that HOME/settings.json names
    gadget.py hook HOME    do what the JSON on stdin asks for: reboot, power-cut, factory-reset, configure, ...

Everything it knows is in files below HOME: settings.json (where the WFM is, the credentials, how it behaves),
state.json (the desired state it adopted), running/<deployment>/<component> (what "runs": the revision), pid.
It fetches each deployment by itself, never the bundle. It trusts the PEM anchors it was given.

To show that it is judged, settings.json may name one "defect" of those in DEFECTS.
"""

# a subject, not a part of the suite: it is written in the way of small devices, which know no types
# mypy: ignore-errors
# ruff: noqa: C901, PLR0911, PLR0912, PLW0603, S603, S607, T201

import contextlib
import gzip
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

HOME = Path(sys.argv[2] if len(sys.argv) > 2 else ".")
PROPERTIES = {
    "vendor": "Gadgets & Sons", "modelNumber": "G-2", "serialNumber": "0002",
    "cpus": [{"cores": 2, "architecture": "arm64"}], "memory": "2Gi", "storage": "16Gi", "peripherals": [],
    "interfaces": [{"type": "ethernet"}], "otelCollector": True,
    "supportedRuntimes": ["oci"], "supportedDeploymentTypes": ["helm", "compose"],
}  # fmt: skip
STATES = ["failed", "removing", "installing", "pending", "removed", "installed"]  # the most severe first
MAX_VERSION = 2**64 - 1
DEFECTS = {  # what is wrong with the device then
    "blames the component": "the error of a deployment does not name the deployment",
    "claims what failed": "after an update that failed, the new version is reported although the old revision runs",
    "forgets": "no desired state is stored",
    "removes in silence": "a removal is not reported",
    "takes any bytes": "no digest is compared",
    "takes any size": "no need is compared with what is there",
    "takes any version": "an older desired state is taken",
    "takes any WFM": "the identity of the WFM is not looked at",
}
checked_leaves = {}


class Refused(Exception):
    """What came from the other side is not used."""


class Away(Exception):
    """No usable answer: come again, not before `args[0]` seconds."""


# --- files ---------------------------------------------------------------------------------------------------------


def load(name, otherwise):
    try:
        return json.loads((HOME / name).read_bytes())
    except (OSError, ValueError):
        return otherwise


def store(name, value):
    new = HOME / (name + ".new")
    with new.open("w") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(HOME / name)


def settings():
    return load("settings.json", {})


def defect(what):
    return settings().get("defect") == what


def say(*words):
    print(time.strftime("%H:%M:%S"), *words, flush=True)


# --- the YAML that deployments are written in: block and flow collections, plain and quoted scalars ------------------


def yaml(text):
    lines = []
    for line in text.replace("\r\n", "\n").split("\n"):
        bare = line.strip()
        if bare and not bare.startswith("#") and bare not in ("---", "..."):
            lines.append((len(line) - len(line.lstrip(" ")), bare))
    value, rest = block(lines, lines[0][0] if lines else 0)
    if rest:
        raise Refused(f"YAML: cannot read {rest[0][1]!r}")
    return value


def block(lines, depth):
    sequence = lines[0][1].startswith("- ") or lines[0][1] == "-"
    made = [] if sequence else {}
    while lines and lines[0][0] == depth and (lines[0][1].startswith("-") == sequence or not sequence):
        _, text = lines[0]
        if sequence:
            inner = text[1:].lstrip(" ")
            inside = depth + len(text) - len(inner)
            lines = ([(inside, inner)] if inner else []) + lines[1:]
            if inner and not key_of(inner):
                made.append(scalar(inner))
                lines = lines[1:]
                continue
            value, lines = block(lines, lines[0][0])
            made.append(value)
            continue
        found = key_of(text)
        if not found:
            raise Refused(f"YAML: cannot read {text!r}")
        key, after = found
        lines = lines[1:]
        while after and lines and lines[0][0] > depth:  # a plain or quoted scalar that goes on below
            after, lines = after + " " + lines[0][1], lines[1:]
        if after:
            made[key] = scalar(after)
        elif lines and (lines[0][0] > depth or (lines[0][0] == depth and lines[0][1].startswith("- "))):
            made[key], lines = block(lines, lines[0][0])
        else:
            made[key] = None
    return made, lines


def key_of(text):
    found = re.match(
        r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'\[{#&*!|>%@`-][^:#]*?|-[^\s:][^:]*?)\s*:(?:\s+(.*))?$""", text
    )
    return (str(scalar(found[1])), re.sub(r"\s+#.*$", "", found[2] or "")) if found else None


def scalar(text):
    text = text.strip()
    if text.startswith('"'):
        return json.loads(text)
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    if text[:1] in "[{":
        try:
            return json.loads(text)
        except ValueError:
            inner = text[1:-1].strip()
            return [scalar(part) for part in inner.split(",")] if text[0] == "[" and inner else {}
    if text[:1] in "&*!|>":
        raise Refused(f"YAML: {text[:1]} is not understood")
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"[-+]?\d+", text):
        return int(text)
    if re.fullmatch(r"[-+]?\d+\.\d*", text):
        return float(text)
    return text


# --- who the other side is -------------------------------------------------------------------------------------------


def inspect(der):
    """Read with the openssl program what Python's ssl does not tell of a certificate."""
    if der not in checked_leaves:
        command = ["openssl", "x509", "-inform", "DER", "-noout", "-text"]
        checked_leaves[der] = subprocess.run(command, input=der, capture_output=True, check=True).stdout.decode()
    return checked_leaves[der]


def own_wfm(svid):
    text = subprocess.run(["openssl", "x509", "-in", svid, "-noout", "-text"], capture_output=True, check=True).stdout
    uri = re.search(r"URI:(spiffe://\S+)", text.decode())[1]
    return uri.rpartition("/client/")[0]


def connect(conf):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # who it is says the SPIFFE ID
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_ciphers("DEFAULT:@SECLEVEL=3")  # no key of the chain below 128 bits of security: RSA-3072, P-256
    context.load_verify_locations(conf["anchors"])
    context.load_cert_chain(conf["svid"], conf["key"])
    where = urlsplit(conf["url"])
    patience = conf.get("answer", 5)
    plain = socket.create_connection((where.hostname, where.port), patience)
    plain.settimeout(patience)
    wrapped = context.wrap_socket(plain)
    try:
        check_peer(wrapped.getpeercert(binary_form=True), own_wfm(conf["svid"]))
    except BaseException:
        wrapped.close()
        raise
    line = http.client.HTTPConnection(where.hostname, where.port)
    line.sock = wrapped
    return line


def check_peer(der, wanted):
    text = inspect(der)
    names = re.search(r"Subject Alternative Name:[^\n]*\n\s*([^\n]*)", text)
    uris = [part.strip()[4:] for part in names[1].split(",") if part.strip().startswith("URI:")] if names else []
    if uris != [wanted] and not defect("takes any WFM"):
        raise Refused(f"the WFM is {uris}, not {wanted}")
    if "CA:TRUE" in text or "Certificate Sign" in text or "CRL Sign" in text:
        raise Refused("the WFM's certificate could sign others")
    bits = int(re.search(r"Public-Key: \((\d+) bit", text)[1])
    curve = re.search(r"NIST CURVE: (\S+)", text)
    good = curve[1] in ("P-256", "P-384") if curve else "rsaEncryption" in text and bits >= 3072
    if not good:
        raise Refused(f"the WFM's key is too weak: {curve[1] if curve else bits}")


# --- requests --------------------------------------------------------------------------------------------------------

line = None


def ask(method, path, headers=(), body=None):
    """Give status, headers and body of an answer. Raises Away, after closing the line."""
    global line
    try:
        line = line or connect(settings())
        sent = json.dumps(body).encode() if body is not None else None
        more = {"Content-Type": "application/json"} if sent else {}
        line.request(method, path, sent, {**dict(headers), **more})
        answer = line.getresponse()
        data = answer.read(8_000_000)
    except (OSError, http.client.HTTPException, Refused) as error:
        hang_up()
        raise Away(0, f"{type(error).__name__}: {error}") from None
    if answer.getheader("Connection", "").lower() == "close":
        hang_up()
    if answer.status >= 400:
        raise complaint(answer, data)
    return answer.status, answer.headers, data


def complaint(answer, data):
    problem = {}
    with contextlib.suppress(ValueError):
        found = json.loads(data)
        problem = found if isinstance(found, dict) else {}
    wait = answer.getheader("Retry-After") or problem.get("retryAfterSeconds") or 0
    again = problem.get("retryable", answer.status in (429, 500, 502, 503, 504))
    return Away(float(wait) if str(wait).isdigit() else 0.0, f"status {answer.status}", again)


def hang_up():
    global line
    if line is not None:
        line.close()
        line = None


def patiently(method, path, body):
    """Send until it is taken, or refused for good."""
    wait = 0.2
    while True:
        try:
            return ask(method, path, (), body)
        except Away as away:
            say(method, path, *away.args[1:])
            if len(away.args) > 2 and not away.args[2]:
                return None
            wait = max(wait, away.args[0])
            rest(wait)
            wait = min(wait * 1.5, 5)


def rest(seconds):
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 0.05))


# --- the desired state -----------------------------------------------------------------------------------------------


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def fetch(state):
    """Ask for the desired state; give the new one whole, or None. Raises Refused, Away."""
    headers = {"Accept": "application/vnd.margo.manifest.v1+json"}
    if state.get("etag"):
        headers["If-None-Match"] = state["etag"]
    status, answered, data = ask("GET", "/api/v1/deployments", headers)
    if status == 304:
        return None
    if answered.get_content_type() != headers["Accept"]:
        raise Refused(f"content type {answered.get_content_type()}")
    etag = answered["ETag"]
    if etag and etag != f'"{digest(data)}"':
        raise Refused("the manifest does not fit its tag")
    try:
        manifest = json.loads(data, parse_float=not_a_number)
        version, wanted = manifest["manifestVersion"], manifest["deployments"]
        names = [item["deploymentId"] for item in wanted]
        if not all(isinstance(item[key], str) for item in wanted for key in ("deploymentId", "digest", "url")):
            raise Refused("a deployment that is not fully named")
        if type(version) is not int or not 0 < version <= MAX_VERSION or len(set(names)) != len(names):
            raise Refused("the manifest is malformed")
        check_bundle(manifest, bool(wanted))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"the manifest is malformed: {error!r}") from None
    if version <= state.get("version", 0) and not defect("takes any version"):
        raise Refused(f"version {version} after {state['version']}")
    documents = {item["deploymentId"]: read_deployment(item) for item in wanted}
    return {"version": version, "etag": etag, "documents": documents}


def not_a_number(text):
    raise ValueError(f"{text} where only whole numbers belong")


def check_bundle(manifest, any_wanted):
    if (manifest["bundle"] is None) == any_wanted:
        raise Refused("a bundle and no deployments, or the reverse")
    if any_wanted and (
        not re.fullmatch("sha256:[0-9a-f]{64}", manifest["bundle"]["digest"])
        or manifest["bundle"]["mediaType"] != "application/vnd.margo.bundle.v1+tar+gzip"
    ):
        raise Refused("the bundle has an unknown digest or type")


def read_deployment(item):
    known = HOME / "seen" / item["digest"].replace(":", "-")
    if not re.fullmatch("sha256:[0-9a-f]{64}", item["digest"]):
        raise Refused("an unknown kind of digest")
    if known.is_file():
        data = known.read_bytes()
    else:
        where = urlsplit(item["url"])
        if where.netloc and where.netloc != urlsplit(settings()["url"]).netloc:
            raise Refused("a deployment elsewhere")
        _, answered, data = ask(
            "GET", where.path, {"Accept": "application/yaml, application/vnd.margo.deployment.v1+yaml"}
        )
        if answered["Content-Encoding"] == "gzip":
            data = gzip.decompress(data)
    if digest(data) != item["digest"] and not defect("takes any bytes"):
        raise Refused(f"the bytes of {item['deploymentId']} do not fit their digest")
    try:
        document = yaml(data.decode())
        components(document), document["metadata"]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise Refused(f"a deployment that cannot be read: {error!r}") from None
    if document.get("id", item["deploymentId"]) != item["deploymentId"]:
        raise Refused("a deployment under another's name")
    known.parent.mkdir(exist_ok=True)
    if not defect("takes any bytes"):
        known.write_bytes(data)
    return {"digest": item["digest"], "document": document}


# --- what may run here ---------------------------------------------------------------------------------------------


def mine(document):
    target = document["metadata"].get("deviceId")
    constraints = document["spec"]["deploymentProfile"].get("deviceConstraints") or {}
    rules = constraints.get("eligibilityRules") or []
    return target in (None, name(), "*") and (not rules or any(map(rule_holds, rules)))


def lacking(document):
    """What this device does not have that a deployment needs; None when it has all of it."""
    about, profile = capabilities()["properties"], document["spec"]["deploymentProfile"]
    if profile["type"] not in about["supportedDeploymentTypes"]:
        return f"deployments of type {profile['type']} cannot run here"
    needed = (profile.get("deviceConstraints") or {}).get("capacityRequirements") or {}
    if defect("takes any size"):
        return None
    cpu = needed.get("cpu") or {}
    fitting = [one for one in about["cpus"] if one["architecture"] in cpu.get("architectures", [one["architecture"]])]
    if cpu and not any(one["cores"] >= cpu.get("cores", 0) for one in fitting):
        return f"no CPU of this device has {cpu.get('cores')} cores of that architecture"
    for what in ("memory", "storage"):
        if what in needed and size(needed[what]) > size(about[what]):
            return f"{needed[what]} of {what} needed, {about[what]} there"
    return None


def size(text):
    return float(text[:-2]) * 1024 ** (1 + "KMGTPE".index(text[-2]))


def rule_holds(rule):
    about = capabilities()["properties"]
    plain = (rule.get("propertySelector") or {}).get("matchExpressions", [])
    labels = (rule.get("labelSelector") or {}).get("matchExpressions", [])
    whole = [rule["propertySelector"]] if "operator" in (rule.get("propertySelector") or {}) else []
    return all(holds(item, at(about, item["key"])) for item in plain + whole) and all(
        holds(item, None)
        for item in labels  # this device has no labels
    )


def at(value, pointer):
    for part in pointer.strip("/").split("/"):
        if isinstance(value, list):
            value = value[int(part)] if part.isdigit() and int(part) < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def holds(item, value):
    operator, values = item["operator"], item.get("values") or []
    if value is None or operator in ("Exists", "DoesNotExist"):
        return (value is None) == (operator == "DoesNotExist")
    if operator in ("ContainsAny", "ContainsAll"):
        inner = item["itemSelector"]["matchExpressions"]
        every = any if operator == "ContainsAny" else all
        listed = value if isinstance(value, list) else []
        return any(
            every(holds(part, at(one, part["key"])) for part in inner) for one in listed if isinstance(one, dict)
        )
    if not isinstance(value, str | int | float):
        return False
    if operator in ("Gt", "Lt"):
        limit = float(values[0])
        return isinstance(value, int | float) and (value > limit if operator == "Gt" else value < limit)
    return (value in values) == (operator == "In") if operator in ("In", "NotIn") else False


# --- installing ------------------------------------------------------------------------------------------------------


def components(document):
    return [
        (part["name"], str(part["properties"].get("revision", "")))
        for part in document["spec"]["deploymentProfile"]["components"]
    ]


def report(deployment, version, parts, why=None, title=""):
    """Tell the WFM; `why` is the error of each component that failed, `title` the name of the deployment."""
    states = [state for _, state in parts]
    overall = min(states, key=STATES.index)
    whole = why if defect("blames the component") else {**(why or {}), "source": title}
    body = {
        "deploymentId": deployment,
        "adoptedManifestVersion": version,
        "status": {"state": overall, **({"error": whole} if overall == "failed" else {})},
        "components": [
            {"name": part, "state": state, **({"error": {**why, "source": part}} if state == "failed" else {})}
            for part, state in parts
        ],
    }
    patiently("POST", f"/api/v1/deployments/{deployment}/status", body)


def held(deployment, version, former):
    """Give the version of the revision that runs: the former one's while nothing else has taken its place."""
    folder = HOME / "running" / deployment
    running = {file.name: file.read_text() for file in folder.iterdir()} if folder.is_dir() else {}
    untouched = former and running == former["parts"] and not defect("claims what failed")
    return former["version"] if untouched else version


def install(deployment, entry, version, former):
    """Bring one deployment to run, where `former` was held; gives whether all of it does."""
    folder, wanted = HOME / "running" / deployment, components(entry["document"])
    title = entry["document"]["metadata"]["name"]
    if lack := lacking(entry["document"]):
        parts, error = [(part, "failed") for part, _ in wanted], {"code": "RESOURCES", "message": lack}
        report(deployment, held(deployment, version, former), parts, error, title)
        return False
    folder.mkdir(parents=True, exist_ok=True)
    report(deployment, version, [(part, "pending") for part, _ in wanted])
    done = []
    for index, (part, revision) in enumerate(wanted):
        faults = load("faults.json", {})  # a fault is of a component, or of one revision of it
        behaviour = faults.get(f"{part}@{revision}", faults.get(part, "fine"))
        report(
            deployment, version, [*done, (part, "installing"), *((late, "pending") for late, _ in wanted[index + 1 :])]
        )
        why = install_component(entry, part, behaviour)
        if why:
            error = {"code": "INSTALL", "message": why}
            rest_of_it = [(late, "pending") for late, _ in wanted[index + 1 :]]
            parts = [*done, (part, "failed"), *rest_of_it]
            report(deployment, held(deployment, version, former), parts, error, title)
            return False
        (folder / part).write_text(revision)
        done.append((part, "installed"))
    for old in folder.iterdir():
        if old.name not in dict(wanted):
            old.unlink()
    report(deployment, version, done)
    return True


def install_component(entry, part, behaviour):
    """Wait as long as it takes; gives what went wrong."""
    if behaviour in ("slow", "fails slowly"):
        rest(0.5)
    if behaviour == "never ready":
        found = [
            p["properties"] for p in entry["document"]["spec"]["deploymentProfile"]["components"] if p["name"] == part
        ]
        limit = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", str(found[0].get("timeout", "30s")))
        hours, minutes, seconds = (int(number or 0) for number in limit.groups())
        rest(hours * 3600 + minutes * 60 + seconds)
        return "it was not ready in its time"
    return behaviour if behaviour in ("fails", "fails slowly", "cannot be fetched", "unhealthy") else None


def remove(deployment, version, document):
    folder, parts = HOME / "running" / deployment, [part for part, _ in components(document)]
    if defect("removes in silence"):
        shutil.rmtree(folder, ignore_errors=True)
        return
    report(deployment, version, [(part, "removing") for part in parts])
    faults = load("faults.json", {})
    for part in parts:
        if faults.get(part) == "fails to go":
            store("faults.json", {key: value for key, value in faults.items() if key != part})
            error = {"code": "REMOVE", "message": "it does not go"}
            stuck = [(one, "failed" if one == part else "removing") for one in parts]
            report(deployment, version, stuck, error, document["metadata"]["name"])
            rest(0.3)
    shutil.rmtree(folder, ignore_errors=True)
    report(deployment, version, [(part, "removed") for part in parts])


def reconcile(state):
    """Bring what runs to the desired state that was adopted; what is settled already is left alone."""
    version = state["version"]
    wanted = {name_: entry for name_, entry in state["documents"].items() if mine(entry["document"])}
    for deployment, old in list(state["old"].items()):
        if deployment not in wanted:
            remove(deployment, version, old["document"])
            del state["old"][deployment]
            keep(state)
    for deployment, entry in wanted.items():
        if state["old"].get(deployment, {}).get("digest") == entry["digest"] and runs(deployment, entry):
            continue
        former = state["old"].get(deployment, {}).get("held")
        state["old"][deployment] = {**entry, "digest": "", "held": former}
        keep(state)
        if install(deployment, entry, version, former):
            parts = dict(components(entry["document"]))
            state["old"][deployment] = {**entry, "held": {"version": version, "parts": parts}}
        else:
            state["old"][deployment] = {**entry, "held": former, "failed": True}
        keep(state)
    state["settled"] = True
    keep(state)


def keep(state):
    """Store the desired state and what came of it, so that a loss of power costs nothing."""
    if not defect("forgets"):
        store("state.json", state)


def runs(deployment, entry):
    if entry.get("failed"):
        return True
    folder = HOME / "running" / deployment
    return all(
        (folder / part).is_file() and (folder / part).read_text() == rev for part, rev in components(entry["document"])
    )


# --- the device ------------------------------------------------------------------------------------------------------


def name():
    return settings().get("name", "gadget")


def capabilities():
    return {"properties": {"id": name(), **PROPERTIES, **settings().get("properties", {})}}


def run():
    (HOME / "pid").write_text(str(os.getpid()))
    if settings().get("defect", "forgets") not in DEFECTS:
        sys.exit(f"no such defect: {settings()['defect']}; known: {', '.join(DEFECTS)}")
    state = load("state.json", {"version": 0, "documents": {}, "old": {}, "settled": True})
    announced = None
    wait = 0.0
    while True:
        conf = settings()
        if time.time() < conf.get("quiet_until", 0):
            hang_up()
            rest(0.05)
            continue
        if capabilities() != announced:
            announced = capabilities()
            patiently("PUT", f"/api/v1/capabilities/{name()}", announced)
        drifted = any(not runs(key, entry) for key, entry in state["old"].items())
        if not state["settled"] or drifted:
            reconcile(state)
        pause = conf.get("poll", 1.0)
        try:
            new = fetch({**state, "etag": state.get("etag")})
            wait = 0.0
            if new:
                state = {**state, **new, "settled": False}
                keep(state)
                reconcile(state)
        except Refused as refused:
            say("refused:", *refused.args)
        except Away as away:
            say("away:", *away.args)
            wait = min(max(wait * 1.5, 4 * pause, 0.2), 5.0)
            pause = max(pause, wait, away.args[0])
            wait = max(wait, min(away.args[0], 5.0))
        rest(pause)


def stop(number):
    with contextlib.suppress(OSError, ValueError):
        pid = int((HOME / "pid").read_text())
        os.kill(pid, number)
        for _ in range(200):
            os.kill(pid, 0)
            time.sleep(0.02)


def start():
    with (HOME / "log").open("ab") as log:
        command = [sys.executable, __file__, "run", str(HOME)]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def change(**more):
    store("settings.json", {**settings(), **more})


def hook():
    call = json.load(sys.stdin)
    action, more = call["action"], call.get("settings", {})
    match call["hook"]:
        case "reboot":
            stop(signal.SIGTERM)
            start()
        case "power-cut":
            stop(signal.SIGKILL) if action == "cut" else start()
        case "factory-reset":
            stop(signal.SIGTERM)
            for file in ("state.json", "faults.json"):
                (HOME / file).unlink(missing_ok=True)
            for folder in ("running", "seen"):
                shutil.rmtree(HOME / folder, ignore_errors=True)
            start()
        case "configure":
            delivered = load("delivered.json", {}) or settings()
            store("delivered.json", delivered)
            if action == "restore":
                store("settings.json", delivered)
            elif set(more) - {"poll_s", "serial", "types", "downtime_s", "not_before_s", "answer_s"}:
                sys.exit(f"no such settings: {', '.join(more)}")
            if "poll_s" in more:
                change(poll=more["poll_s"])
            if "answer_s" in more:
                change(answer=more["answer_s"])
            if "serial" in more:
                change(properties={"serialNumber": more["serial"]})
            if "types" in more:
                change(properties={"supportedDeploymentTypes": more["types"]})
            if "downtime_s" in more or "not_before_s" in more:
                change(quiet_until=time.time() + more.get("downtime_s", more.get("not_before_s")))
            print(json.dumps(more))
        case "fault":
            faults = load("faults.json", {})
            store("faults.json", {**faults, call["component"]: call["behaviour"]} if action == "set" else {})
            print(json.dumps({"behaviour": load("faults.json", {}).get(call.get("component"))}))
        case "tamper" if action == "stop-workload":
            (HOME / "running" / call["deployment"] / call["component"]).unlink()
        case "tamper" if action == "erase-state":
            (HOME / "state.json").unlink(missing_ok=True)
        case "uptime":
            started = int((HOME / "pid").stat().st_mtime)
            os.kill(int((HOME / "pid").read_text()), 0)
            print(json.dumps({"seconds": max(0, time.time() - started)}))
        case "workloads":
            found = {}
            for file in sorted((HOME / "running").glob("*/*")):
                found.setdefault(file.parent.name, {})[file.name] = file.read_text()
            print(json.dumps(found))
        case _:
            sys.exit(f"{call['hook']} {action}: this device has no such thing")


if __name__ == "__main__":
    {"run": run, "hook": hook}[sys.argv[1]]()
