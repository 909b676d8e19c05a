"""The words of the scenarios for what is wrong with a WFM's credential."""

from collections.abc import Mapping

DEFECTS: Mapping[str, str] = {
    "expired a day ago": "expired",
    "is valid from tomorrow on": "not-yet-valid",
    "has an expired authority": "expired-intermediate",
    "is of an authority that nobody trusts": "untrusted-root",
    "is signed by itself": "self-signed",
    "is signed by a client": "signed-by-leaf",
    "names two workloads": "two-uri-sans",
    "names two workloads, the right one last": "two-uri-sans-good-last",
    "names nobody": "no-uri-san",
    "names a host instead of a workload": "only-dns-san",
    "names a web address": "http-scheme",
    "names only a trust domain": "root-path",
    "could sign others": "ca-leaf",
    "may sign certificates": "key-cert-sign",
    "may sign revocations": "crl-sign",
    "names a foreign trust domain": "foreign-trust-domain",
    "names a foreign trust domain and the right host": "foreign-trust-domain-matching-dns",
    "comes from a foreign trust domain": "foreign-authority",
    "names another WFM": "wrong-wfm-id",
    "names the WFM in other letters": "case-changed-wfm-id",
    "names a client of the WFM": "client-shaped",
    "names something below the WFM": "extra-segment",
    "names no part of Margo": "not-margo",
    "has an RSA key that is too short": "rsa-2048",
    "has a key on a curve that is not allowed": "p-521",
    "leaves out its authority": "missing-intermediate",
    "leaves out its authority and says where it can be had": "missing-intermediate-aia",
}
