"""Counter-based random numbers: the number for (seed, device, purpose, n) is always the same, whoever asks and when.

splitmix64 over a linear combination of the four; the top 53 bits make a float in [0, 1). The compiled engine has the
same arithmetic in its own words (`simulator.fleet.machine`); a test holds the two against each other.
"""

from collections.abc import Sequence

from simulator.fleet.layout import TABLE_STEPS

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
BY_DEVICE = 0xBF58476D1CE4E5B9
BY_COUNT = 0x94D049BB133111EB
SCALE = 2.0**-53


def uniform(seed: int, device: int, purpose: int, n: int) -> float:
    """The number in [0, 1) for this device, purpose and count."""
    return finish((seed * GOLDEN + device * BY_DEVICE + (n * 16 + purpose) * BY_COUNT) & MASK)


def finish(z: int) -> float:
    """Mix 64 bits to a float in [0, 1)."""
    z = ((z ^ (z >> 30)) * BY_DEVICE) & MASK
    z = ((z ^ (z >> 27)) * BY_COUNT) & MASK
    z ^= z >> 31
    return (z >> 11) * SCALE


def sample(table: Sequence[float], u: float) -> float:
    """The quantile at probability `u`, on the line between the two points of the table around it."""
    x = u * TABLE_STEPS
    i = int(x)
    low = table[i]
    return low + (x - i) * (table[i + 1] - low)
