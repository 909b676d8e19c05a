@wfm
Feature: Clients do not meet
  What belongs to one client is neither shown to another nor changed by it, whatever the other one knows or claims.

  @needs:northbound @req:SEC-006 @req:SEC-007 @req:ID-49
  Scenario Outline: Client <one> cannot fetch the <content> of client <other>
    Given client A has been given the primary application
    And client B has been given the secondary application
    When client <one> fetches its <content>
    And client <one> asks for the <content> of client <other>
    And client <one> fetches its <content>
    And client <other> fetches its <content>
    Then the WFM has given to each client its own only

    Examples:
      | one | other | content    |
      | B   | A     | deployment |
      | A   | B     | deployment |
      | B   | A     | bundle     |
      | A   | B     | bundle     |

  @needs:northbound @req:SEC-006 @req:SEC-007 @req:ID-49
  Scenario Outline: Client <one> cannot report on a deployment of client <other>
    Given client A has been given the primary application
    And client B has been given the secondary application
    And client <one> has reported the state installed
    When client <one> reports the status of the deployment of client <other>
    And client <one> reports the states installed
    And client <other> reports the states installed
    Then the WFM has refused the foreign status only

    Examples:
      | one | other |
      | B   | A     |
      | A   | B     |

  @req:SEC-006 @req:SEC-007 @req:ID-49
  Scenario Outline: Client <one> cannot withdraw a device of client <other>
    Given client <other> has reported device "press-1"
    And client <one> has reported device "press-2"
    When client <one> withdraws device "press-2"
    And client <one> withdraws device "press-1" of client <other>
    And client <one> reports device "press-2"
    And client <one> withdraws device "press-2"
    And client <other> reports device "press-1"
    Then device "press-1" of client <other> is still there

    Examples:
      | one | other |
      | B   | A     |
      | A   | B     |

  @req:SEC-006 @req:SEC-007 @req:ID-49
  Scenario Outline: Client <one> cannot put a device behind a gateway of client <other>
    Given client <other> has reported the gateway "hall-1"
    And client <one> has reported device "press-1"
    When client <one> reports device "hall-1/press-7" behind the gateway of client <other>
    And client <one> reports the gateway "hall-1"
    And client <one> reports device "hall-1/press-7"
    Then the gateway of client <other> was none for client <one>

    Examples:
      | one | other |
      | B   | A     |
      | A   | B     |

  @needs:northbound @req:SEC-007 @req:SEC-008 @req:ID-49
  Scenario Outline: What client <one> reports does not change the device of client <other>
    Given client <other> has reported device "press-1"
    When client <one> reports device "press-1" under another serial number
    Then the operator sees device "press-1" of client <other> as it was reported
    And the operator sees device "press-1" of client <one> as it was reported

    Examples:
      | one | other |
      | B   | A     |
      | A   | B     |

  @needs:northbound @req:SEC-007 @req:ID-49
  Scenario Outline: The manifest of client <one> names nothing of client <other>
    Given client A has been given the primary application
    And client B has been given the secondary application
    When client <one> asks for its manifest
    And client <other> asks for its manifest
    Then the manifests of the two have nothing in common

    Examples:
      | one | other |
      | B   | A     |
      | A   | B     |

  @req:SEC-008 @req:ID-49
  Scenario: Two clients may use the same device id
    When client A reports device "press-1"
    And client B reports device "press-1"
    And client B withdraws device "press-1"
    And client A reports device "press-1"
    Then the WFM tells new devices from those it knows, client by client

  @needs:northbound @req:SEC-007 @req:ID-49
  Scenario: What one client is given does not concern another
    Given client A has been given the primary application
    And client B has asked for its manifest
    When client A is given the secondary application too
    And client B asks for its manifest
    Then nothing has changed for client B

  @needs:northbound @req:SEC-005 @req:ID-48 @req:ID-40
  Scenario Outline: Nobody becomes client A by claiming it in <claim>
    Given client A has been given the primary application
    When client B asks for its manifest, claiming to be client A in <claim>
    And client B asks for its manifest
    Then client B is given its own manifest, or none

    Examples:
      | claim                                   |
      | a forwarded certificate                 |
      | a forwarded certificate chain           |
      | a header of a common proxy              |
      | an authorization header                 |
      | a client id header                      |
      | the query of the address                |
