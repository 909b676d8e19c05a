"""Looking into the device beyond what it says and what runs on it: its log, where the seat can read that."""

from conformance.bench.device_bench import DeviceBench
from conformance.bench.errors import Blocked
from conformance.record.events import Fact


def read_security_log(bench: DeviceBench) -> Fact:
    """Record what the device has logged as security events so far. Raises Blocked where its log cannot be read."""
    log = bench.loop.run(bench.seat.log(), bench.seat.patience_s)
    if log is None:
        raise Blocked("the device's log cannot be read")
    return bench.note("security-log", entries=[entry["message"] for entry in log if entry["kind"] == "security"])
