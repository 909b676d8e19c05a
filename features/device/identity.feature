@device
Feature: Identity
  A device talks only to its own WFM, and proves who it is whenever it does.

  @req:ID-25 @req:ID-34 @req:SEC-001 @req:SEC-002 @req:API-004 @req:API-007
  Scenario Outline: A WFM whose certificates are not valid is refused
    Given a device that is managed by the WFM
    When the WFM comes with a credential that <defect>
    Then the device does not talk to it, since its certificates are not valid
    When the WFM comes with its own credential again
    Then the device talks to it

    Examples:
      | defect                                |
      | expired a day ago                     |
      | is valid from tomorrow on             |
      | has an expired authority              |
      | is of an authority that nobody trusts |
      | is signed by itself                   |
      | is signed by a client                 |

  @req:ID-27
  Scenario Outline: A certificate that is no credential of a workload is refused
    Given a device that is managed by the WFM
    When the WFM comes with a credential that <defect>
    Then the device does not talk to it, since it is no credential of a workload
    When the WFM comes with its own credential again
    Then the device talks to it

    Examples:
      | defect                                  |
      | names two workloads                     |
      | names two workloads, the right one last |
      | names nobody                            |
      | names a host instead of a workload      |
      | names a web address                     |
      | names only a trust domain               |
      | names only a trust domain and a slash   |
      | could sign others                       |
      | may sign certificates                   |
      | may sign revocations                    |

  @req:ID-24 @req:ID-03
  Scenario Outline: A WFM of another trust domain is refused
    Given a device that is managed by the WFM
    When the WFM comes with a credential that <defect>
    Then the device does not talk to it, since it is of another trust domain
    When the WFM comes with its own credential again
    Then the device talks to it

    Examples:
      | defect                                          |
      | names a foreign trust domain                    |
      | names a foreign trust domain and the right host |
      | comes from a foreign trust domain               |

  @req:ID-52 @req:ID-14 @req:SEC-003 @behaviour:NW-03 @since:1.0.0-rc.3
  Scenario Outline: Another WFM is refused
    Given a device that is managed by the WFM
    When the WFM comes with a credential that <defect>
    Then the device does not talk to it, since it is another WFM
    When the WFM comes with its own credential again
    Then the device talks to it

    Examples:
      | defect                                        |
      | names another WFM                             |
      | names the WFM in other letters                |
      | names a client of the WFM                     |
      | names something below the WFM                 |
      | names no part of Margo                        |
      | names a WFM without a name                    |
      | names a WFM of two dots                       |
      | names the WFM with a sign that is not allowed |
      | names the WFM in percent signs                |

  @req:ID-22
  Scenario Outline: A weak key is refused
    Given a device that is managed by the WFM
    When the WFM comes with a credential that <defect>
    Then the device does not talk to it, since its key is too weak
    When the WFM comes with its own credential again
    Then the device talks to it

    Examples:
      | defect                                   |
      | has an RSA key that is too short         |
      | has a key on a curve that is not allowed |
      | has an authority whose key is too short  |

  @req:ID-26 @req:ID-20
  Scenario Outline: A certificate that is missing is not fetched from elsewhere
    Given a device that is managed by the WFM
    When the WFM comes with a credential that <defect>
    Then the device does not talk to it, since a certificate is missing
    When the WFM comes with its own credential again
    Then the device talks to it

    Examples:
      | defect                                                |
      | leaves out its authority                              |
      | leaves out its authority and says where it can be had |

  @req:ID-58 @req:ID-24
  Scenario Outline: The WFM is known by its credential, whatever hosts that names
    Given a device that is managed by the WFM
    When the WFM comes with a good credential that <names>
    Then it knows the WFM by its credential alone

    Examples:
      | names                                |
      | names another host                   |
      | names the host that it is reached by |

  @req:ID-32 @req:ID-31
  Scenario Outline: A WFM that speaks no newer TLS than 1.2 is left, or spoken to as RFC 9325 allows
    Given a device that is managed by the WFM
    When the WFM speaks only TLS 1.2, with <ciphers>
    Then the device falls back only as far as it may
    When the WFM speaks TLS 1.3 again
    Then the device goes on with it

    Examples:
      | ciphers                     |
      | the ciphers of today        |
      | a cipher that hides nothing |

  @req:ID-35 @req:ID-25
  Scenario: Nobody is asked whether a certificate was revoked
    Given a device that is managed by the WFM
    When the WFM comes with a good credential that says who tells of revocation
    Then it needs no word on whether a certificate was revoked

  @req:ID-23 @feature:rsa-or-eddsa
  Scenario Outline: A device that takes other keys takes them wherever they stand
    Given a device that is managed by the WFM
    When the WFM comes with a good credential that <key>
    Then the device talks to it, whatever key it has

    Examples:
      | key                                                          |
      | has an RSA key                                               |
      | has an authority with an RSA key                             |
      | has an authority with an RSA key that signs in the newer way |
