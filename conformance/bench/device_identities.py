"""The words of the scenarios for the credentials of a WFM: what is wrong with them, or only unusual."""

from collections.abc import Mapping

DEFECTS: Mapping[str, str] = {
    "expired a day ago": "expired",
    "is valid from tomorrow on": "not-yet-valid",
    "has an expired authority": "expired-intermediate",
    "is of an authority that nobody trusts": "untrusted-root",
    "is signed by itself": "self-signed",
    "is signed by a client": "signed-by-leaf",
    "is for another host only": "other-host-only",
    "names two workloads": "two-uri-sans",
    "names two workloads, the right one last": "two-uri-sans-good-last",
    "names nobody": "no-uri-san",
    "names a host instead of a workload": "only-dns-san",
    "names a web address": "http-scheme",
    "names only a trust domain": "root-path",
    "names only a trust domain and a slash": "slash-path",
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
    "names a WFM without a name": "empty-segment",
    "names a WFM of two dots": "dot-segment",
    "names the WFM with a sign that is not allowed": "tilde-segment",
    "names the WFM in percent signs": "percent-segment",
    "has an RSA key that is too short": "rsa-2048",
    "has a key on a curve that is not allowed": "p-521",
    "has an authority whose key is too short": "weak-intermediate",
    "leaves out its authority": "missing-intermediate",
    "leaves out its authority and says where it can be had": "missing-intermediate-aia",
}

UNUSUAL: Mapping[str, str] = {
    "names another host": "other-host",
    "names the host that it is reached by": "own-host",
    "says who tells of revocation": "revocation-addresses",
    "has an RSA key": "rsa-3072",
    "has an authority with an RSA key": "rsa-authority",
    "has an authority with an RSA key that signs in the newer way": "rsa-pss-authority",
}
"""The words of the scenarios for credentials that are good and unusual."""
