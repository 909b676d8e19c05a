@wfm
Feature: Only clients of this WFM are let in
  A client is who its certificate says, and nobody else. The WFM lets in its own clients with a sound certificate,
  turns everybody else away before anything is said, and no longer serves those it has parted from.

  @req:SEC-003 @req:SEC-004 @req:ID-48 @req:ID-27
  Scenario Outline: A certificate that is no client certificate is turned away: <defect>
    Given client A has asked for its manifest
    When somebody presents a certificate with this defect: <defect>
    And client A goes on as before
    Then the WFM has turned away the bad certificate only

    Examples:
      | defect                                        |
      | two URI names, the first one good             |
      | two URI names, the last one good              |
      | no URI name at all                            |
      | a DNS name instead of a URI name              |
      | the URI name has the scheme http              |
      | the SPIFFE ID has no path                     |
      | the path of the SPIFFE ID is a single slash   |
      | the leaf has cA set                           |
      | the leaf's key usage has keyCertSign          |
      | the leaf's key usage has cRLSign              |

  @req:SEC-003 @req:SEC-004 @req:ID-48 @req:ID-24
  Scenario Outline: A certificate of another trust domain is turned away: <defect>
    Given client A has asked for its manifest
    When somebody presents a certificate with this defect: <defect>
    And client A goes on as before
    Then the WFM has turned away the bad certificate only

    Examples:
      | defect                                                |
      | a foreign trust domain, signed by a trusted CA        |
      | a foreign trust domain beside a DNS name that matches |
      | a foreign trust domain with its own CA                |

  @req:SEC-003 @req:SEC-004 @req:ID-48 @req:ID-25 @req:ID-34
  Scenario Outline: A certificate without a sound chain is turned away: <defect>
    Given client A has asked for its manifest
    When somebody presents a certificate with this defect: <defect>
    And client A goes on as before
    Then the WFM has turned away the bad certificate only

    Examples:
      | defect                                        |
      | the leaf expired a day ago                    |
      | the leaf is valid from tomorrow on            |
      | the intermediate expired a day ago            |
      | another CA for a trust domain of the same name |
      | the leaf is signed with its own key           |
      | the leaf is signed by the SVID of a client    |
      | the intermediate is not sent                  |

  @req:SEC-003 @req:ID-48 @req:ID-26
  Scenario: A missing link of the chain is not looked for elsewhere
    Given client A has asked for its manifest
    When somebody presents a certificate with this defect: the intermediate is not sent, but AIA tells where it is
    And client A goes on as before
    Then the WFM has turned away the bad certificate only

  @req:SEC-003 @req:ID-48 @req:ID-22
  Scenario Outline: A weak or unlisted key is turned away: <defect>
    Given client A has asked for its manifest
    When somebody presents a certificate with this defect: <defect>
    And client A goes on as before
    Then the WFM has turned away the bad certificate only

    Examples:
      | defect                                      |
      | the leaf has an RSA key of 2048 bits        |
      | the leaf has a key on the curve P-521       |
      | the intermediate has an RSA key of 2048 bits |

  @req:SEC-003 @req:SEC-004 @req:ID-48 @req:ID-50
  Scenario Outline: Somebody who is no client of this WFM is turned away: <defect>
    Given client A has asked for its manifest
    When somebody presents a certificate with this defect: <defect>
    And client A goes on as before
    Then the WFM has turned away the bad certificate only

    Examples:
      | defect                                 |
      | a client of another WFM                |
      | the wfm-id differs in case only        |
      | one path segment too many              |
      | another word where `client` belongs    |
      | a path outside /margo/                 |
      | an empty wfm-client-id                 |
      | an empty wfm-id                        |
      | a wfm-client-id of two dots            |
      | a wfm-client-id with a tilde           |
      | a percent-encoded wfm-client-id        |

  @req:SEC-003 @req:SEC-004 @req:ID-48 @req:ID-51
  Scenario: A sound certificate of the wrong shape does not make a client
    Given client A has asked for its manifest
    When somebody presents a certificate with this defect: the SPIFFE ID of the WFM itself
    And client A goes on as before
    Then the WFM has turned away the bad certificate only

  @req:SEC-002 @req:SEC-004 @req:ID-30 @req:ID-48
  Scenario: Without a certificate nobody is served
    Given client A has asked for its manifest
    When somebody asks without any certificate
    And client A goes on as before
    Then the WFM has turned away the bad certificate only

  @req:SEC-002 @req:SEC-004 @req:ID-40 @req:ID-48
  Scenario: A certificate in a header is no certificate
    Given client A has asked for its manifest
    When somebody without a certificate forwards that of client A
    And client A goes on as before
    Then the WFM has turned away the bad certificate only

  @req:ID-33
  Scenario: Outdated encryption is not used
    Given client A has asked for its manifest
    When client A offers TLS 1.1 at most
    And client A goes on as before
    Then outdated encryption has been turned down

  @req:ID-32
  Scenario: What becomes of a client that knows TLS 1.2 only is noted
    Given client A has asked for its manifest
    When client A offers TLS 1.2 at most
    And client A goes on as before
    Then it is noted whether TLS 1.2 is a way to fall back on

  @req:ID-21 @req:ID-25 @req:SEC-003
  Scenario Outline: A sound certificate is let in: <kind>
    When a client presents a sound certificate <kind>
    Then the WFM lets it in

    Examples:
      | kind                                 |
      | with a key on P-256                  |
      | with a DNS name beside its identity  |
      | together with the root               |
      | about to expire in an hour           |

  @req:ID-23
  Scenario Outline: Whether a key that is optional is let in is noted: <kind>
    Given client A has asked for its manifest
    When a client presents a sound certificate <kind>
    And client A goes on as before
    Then it is noted whether the WFM lets it in

    Examples:
      | kind                    |
      | with a key on P-384     |
      | with an Ed25519 key     |
      | with an RSA key         |

  @req:ID-36 @req:ID-38 @req:ID-57
  Scenario: A connection does not outlive the certificate it was made with
    Given client A has asked for its manifest
    When a client stays connected while its certificate expires
    And client A goes on as before
    Then the connection has ended with the certificate
    And a resumed session has not brought it back

  @req:SEC-005
  Scenario: A client that renewed its certificate is the same client
    Given client A has asked for its manifest
    And client A has reported device "press-1"
    When client A presents a renewed certificate and reports device "press-1" again
    And client A goes on as before
    Then the WFM knows the client with either certificate

  @needs:retire @req:SEC-011 @req:SEC-012 @req:SEC-013 @req:ID-37 @req:ID-53 @req:ID-54 @req:ID-55 @req:ID-56 @req:DS-077
  @behaviour:DR-03
  Scenario: A client whose relationship has ended is not served any longer
    Given client A has asked for its manifest
    And client B has reported device "press-1"
    When the operator retires client B
    And client B tries everything it could do before
    And client A goes on as before
    Then the WFM has refused client B everything and client A nothing
