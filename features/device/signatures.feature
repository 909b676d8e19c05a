@device @until:1.0.0-rc.2-signed
Feature: Signatures
  Whatever a device sends it signs, at the moment it sends it, with the key of its certificate.

  @req:SIG-001 @req:SIG-002 @req:SIG-003 @req:SIG-004 @req:SIG-005 @req:DC-005 @req:ST-002 @req:API-008 @req:API-014
  Scenario: Whatever the device sends is signed
    Given the device runs "primary" release 1
    When the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it
    And everything that it sent is signed as it has to be
    When the WFM withdraws "primary"
    Then the device removes "primary" and reports it

  @req:SIG-005 @req:SIG-004 @req:DT-001 @needs:network
  Scenario: What had to wait is signed when it is sent
    Given the device runs "primary" release 1
    When the network is cut for longer than a signature is good
    And the WFM publishes "primary" release 2
    And the network is restored
    Then what it sends then is signed when it is sent
    And the device asks for its desired state again
    And the device installs "primary" and reports it

  @req:DS-039 @req:SIG-005
  Scenario Outline: A refused signature is no order, and the next one is made anew
    Given the device runs "primary" release 1
    When the WFM refuses the requests of the device, since <why>
    Then the device leaves "primary" alone
    And every attempt was signed anew
    When the WFM takes its requests again
    And the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it

    Examples:
      | why                                |
      | its signature is invalid           |
      | its certificate was revoked        |
      | the digest of its content is wrong |

  @req:API-007 @req:API-004 @req:API-006
  Scenario: A server with a certificate for another host is told nothing
    Given a device that is managed by the WFM
    When the WFM comes with a credential that is for another host only
    Then the device does not talk to it, since it is another host
    When the WFM comes with its own credential again
    Then the device talks to it
