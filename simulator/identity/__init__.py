"""Who is calling: SPIFFE IDs, certificate authorities, SVIDs, trust bundles, mutual TLS and the identity service.

Source: identity statements ID-01..ID-92 of revision 1.0.0-rc.3; the SPIFFE specifications SPIFFE-ID, X.509-SVID and
Trust Domain and Bundle. May import `simulator.protocol` and nothing else of ours.
"""
