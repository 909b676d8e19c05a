"""The numbers by which both engines name things: slots, talks, classes of requests, purposes of random numbers.

Slots are the places in which a device waits for something; events at one time happen in the order (device, slot),
in both engines. Nothing else breaks a tie.
"""

from typing import Final

# --- slots of a device -----------------------------------------------------------------------------------
BOOT: Final = 0
SITE: Final = 1
REBOOT: Final = 2
DRIFT: Final = 3
START: Final = 4
TIMER: Final = 5  # one for each talk
RETRY: Final = 9
OPERATION: Final = 10  # one for each component
ANSWER: Final = 14  # one for each talk
WIRE: Final = 18  # one for each talk: the request is on its way to the WFM
SLOTS: Final = 22
SLOT_BITS: Final = 5

# --- talks -----------------------------------------------------------------------------------------------
POLL: Final = 0
FETCH: Final = 1
STATUS: Final = 2
ANNOUNCE: Final = 3
TALKS: Final = 4
MAX_COMPONENTS: Final = 4

# --- classes of requests, by what came of them -----------------------------------------------------------
UNCHANGED: Final = 0
MANIFEST: Final = 1
BUNDLE: Final = 2
REPORT: Final = 3
CAPABILITIES: Final = 4
SERVED: Final = 5  # as many classes as are served
OVERLOADED: Final = 5
LIMITED: Final = 6
REFUSED: Final = 7
UNREACHABLE: Final = 8
LOST: Final = 9
LATE: Final = 10
CLASSES: Final = 11
CLASS_NAMES: Final = (
    "poll-unchanged",
    "poll-manifest",
    "bundle",
    "status",
    "capabilities",
    "answered-503",
    "answered-429",
    "wfm-down",
    "site-offline",
    "lost",
    "too-late",
)

# --- purposes of random numbers --------------------------------------------------------------------------
R_AGENT: Final = 0  # the agent's own: start, jitter of polls and backoffs, in the order in which it asks
R_RTT: Final = 1
R_LOSS: Final = 2
R_SERVICE: Final = 3
R_DURATION: Final = 4
R_FAILURE: Final = 5
R_DEFECT: Final = 6
R_BOOT: Final = 7
R_REBOOT: Final = 8
R_DRIFT: Final = 9
R_WAVE: Final = 10
R_MEMORY: Final = 11
R_PROFILE: Final = 12

# --- why an installation failed --------------------------------------------------------------------------
NO_CAUSE: Final = 0
PULL: Final = 1
STARTUP: Final = 2
UNHEALTHY: Final = 3
TIMEOUT: Final = 4
TOO_SMALL: Final = 5
CAUSES: Final = 6
CAUSE_NAMES: Final = ("none", "pull", "start", "health", "timeout", "too-small")

# --- outcomes of a settled deployment, as traced ---------------------------------------------------------
INSTALLED: Final = 1
FAILED: Final = 2

# --- publications ----------------------------------------------------------------------------------------
RELEASE: Final = 0
ROLLBACK: Final = 1
RESTORE: Final = 2

# --- columns of cohorts: numbers -------------------------------------------------------------------------
C_PERIOD: Final = 0
C_JITTER: Final = 1
C_SPREAD: Final = 2
C_RETRY_BASE: Final = 3
C_RETRY_CAP: Final = 4
C_INSTALL_RETRY: Final = 5
C_INSTALL_CAP: Final = 6
C_TIMEOUT: Final = 7
C_LOSS: Final = 8
C_FAIL_AFTER: Final = 9
C_HOURS_START: Final = 10
C_HOURS_LENGTH: Final = 11  # negative: polls at any hour
C_REBOOTS: Final = 12  # mean distance in seconds; 0: none
C_DRIFTS: Final = 13
C_XFER: Final = 14  # seconds for the answer's bytes, one column for each served class
C_COLUMNS: Final = 19

# --- columns of cohorts: whole numbers -------------------------------------------------------------------
K_FIRST: Final = 0
K_COUNT: Final = 1
K_RETRIES: Final = 2
K_RTT: Final = 3  # row of the tables
K_BOOT: Final = 4
K_APP: Final = 5
K_SITE: Final = 6  # first site
K_SITES: Final = 7
K_BLANK: Final = 8  # 1: nothing is installed at the start
K_COLUMNS: Final = 9

# --- columns of the WFM: numbers and whole numbers -------------------------------------------------------
W_RETRY_503: Final = 0
W_RETRY_429: Final = 1
W_RATE: Final = 2  # requests/s; 0: no limit
W_BURST: Final = 3
W_COLUMNS: Final = 4
TABLE_STEPS: Final = 256
"""A distribution is a table of its quantiles at this many equal steps of probability."""
POINTS: Final = TABLE_STEPS + 1
EXP_TABLE: Final = 0
"""The first table: an exponential distribution with the mean 1."""
OUTBOX: Final = 12
"""Reports a simulated device keeps at most."""
BACKOFF_JITTER: Final = 0.1
"""As the agent core's."""
