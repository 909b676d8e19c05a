"""The checks that watch every device scenario: imported here so that they are known wherever the steps are."""

from conformance.checks.monitors import device_capabilities, device_requests, device_rhythm, device_status

__all__ = ["device_capabilities", "device_requests", "device_rhythm", "device_status"]
