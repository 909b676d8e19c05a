"""The built-in device as a stand-in for a real one: it knows nothing but what the connection sheet tells it."""

import json
import threading
import time
from pathlib import Path
from typing import Any

from conformance.bench.loop import BackgroundLoop
from simulator.device.config import DeviceConfig
from simulator.device.driver import SimulatedDevice
from simulator.identity.svid import Svid
from simulator.identity.trust import StaticTrust


class StandIn:
    """Somebody who takes the connection sheet and sets up a device with it; `settings` are of its configuration."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self._folder = folder / "device"
        self.settings: dict[str, Any] = {"poll_interval_s": 0.05, "retry_base_s": 0.05, "retry_cap_s": 0.5, **settings}
        self.loop = BackgroundLoop()
        self.device: SimulatedDevice | None = None
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._set_up, daemon=True)
        self._thread.start()

    def configured(self, config: DeviceConfig) -> DeviceConfig:
        """Give the configuration that the device is set up with: for stand-ins that are broken."""
        return config

    def _set_up(self) -> None:
        sheet = self._folder / "connection.txt"
        end = time.monotonic() + 20.0
        while not sheet.is_file() and time.monotonic() < end and not self._leaving.wait(0.02):
            pass
        said = json.loads((self._folder / "connection.json").read_text(encoding="utf-8"))
        self.device = SimulatedDevice(self.configured(self.prepared(said)))
        self.loop.run(self.device.start())

    def prepared(self, said: dict[str, str]) -> DeviceConfig:
        """Give the configuration that the entries of the sheet make."""
        svid = Svid.load(Path(said["SVID with chain"]), Path(said["SVID key"]))
        trust = StaticTrust.load(Path(said["Trust bundle"]), said["Trust domain"])
        return DeviceConfig(said["WFM URL"], svid, trust, **self.settings)

    def leave(self) -> None:
        """Switch it off."""
        self._leaving.set()
        self._thread.join(timeout=20.0)
        if self.device is not None:
            self.loop.run(self.device.stop())
        self.loop.close()
