@device @feature:trust-retrieval @needs:trust-service @since:1.0.0-rc.3
Feature: Trust
  A device that fetches its trust from an identity service takes it only where it was told to, and never adds it up.

  @req:ID-82 @req:PT-016 @needs:factory-reset
  Scenario: Without a usable bundle nobody is trusted
    Given an identity service from which the device takes its trust
    And it gives a trust bundle that is empty
    When the device is switched on and looks for trust
    Then it trusts nobody
    When the identity service gives a trust bundle that is good
    Then the device connects with what the service gave

  @req:ID-81 @req:ID-82 @needs:factory-reset
  Scenario: Keys for another use are no anchors
    Given an identity service from which the device takes its trust
    And it gives a trust bundle of keys for another use
    When the device is switched on and looks for trust
    Then it takes no anchor from keys for another use
    When the identity service gives a trust bundle that is good
    Then the device connects with what the service gave

  @req:ID-76 @req:ID-81 @req:ID-92 @needs:factory-reset
  Scenario: What the device does not know it passes over
    Given an identity service from which the device takes its trust
    And it gives a trust bundle with members and keys that nobody knows
    And it gives a discovery document with members that nobody knows
    When the device connects with the trust that it was given
    Then it passes over what it does not know
    And it asks for the documents in their format

  @req:ID-83
  Scenario Outline: A refresh that fails changes nothing
    Given an identity service from which the device takes its trust
    When the device connects with the trust that it was given
    And the identity service gives a trust bundle that is <broken>
    And the device has looked for a newer bundle and connects anew
    Then the bundle that the device holds goes on being used

    Examples:
      | broken  |
      | empty   |
      | broken  |
      | missing |

  @req:ID-84 @req:ID-25 @behaviour:DR-04
  Scenario: An anchor that was replaced counts no more
    Given an identity service from which the device takes its trust
    When the device connects with the trust that it was given
    And the anchor of the trust domain is replaced, and the WFM has the new one
    Then the device talks to the WFM with the new anchor
    When a WFM comes that has only the anchor that was replaced
    Then the device does not talk to the WFM with the replaced anchor

  @req:ID-38
  Scenario: A session that began with a former anchor is not taken up again
    Given an identity service from which the device takes its trust
    And a WFM that lets sessions be taken up again
    When the device connects with the trust that it was given
    And the anchor of the trust domain is replaced, while the WFM stays as it is
    Then the device takes up no session from before
    When the WFM gets a credential of the new anchor
    Then the device talks to the WFM with the new anchor

  @req:ID-78 @needs:factory-reset
  Scenario: A bundle at a plain address is not fetched
    Given an identity service from which the device takes its trust
    And it gives a discovery document with a plain address of the bundle
    When the device is switched on and looks for trust
    Then it takes no trust from a plain address
    When the identity service gives a discovery document that is good
    Then the device connects with what the service gave

  @req:ID-87 @req:ID-89 @needs:factory-reset @needs:configure
  Scenario: Discovery at a plain address is refused
    Given an identity service with a plain address for discovery
    When the device is switched on and looks for trust
    Then it looks for nothing at a plain address
    When the device is told the address where the service proves itself
    Then the device connects with what the service gave

  @req:ID-79 @needs:factory-reset
  Scenario: A bundle at an origin without proof is not used
    Given an identity service from which the device takes its trust
    And it gives a discovery document with the bundle at an origin without proof
    When the device is switched on and looks for trust
    Then it takes no trust from an origin without proof
    When the identity service gives a discovery document that is good
    Then the device connects with what the service gave

  @req:ID-87 @req:ID-89 @req:ID-90 @needs:factory-reset
  Scenario Outline: A service that does not prove itself gives no trust
    Given an identity service with <defect>
    When the device is switched on and looks for trust
    Then it takes no trust from a service without proof
    When the identity service proves itself after all
    Then the device connects with what the service gave

    Examples:
      | defect                            |
      | an unknown certificate            |
      | a certificate of the trust domain |
      | another name in its certificate   |

  @req:ID-84 @req:ID-85 @req:ID-25 @behaviour:DR-04
  Scenario: The anchor is replaced in four steps, and nobody is cut off
    Given an identity service from which the device takes its trust
    When the device connects with the trust that it was given
    And the old and the new anchor are published together
    And everybody had time to refresh and the WFM gets a credential of the new anchor
    Then the device talks to the WFM with the new anchor
    When the old anchor is retired
    Then the device talks to the WFM with the new anchor
    When a WFM comes that has only the anchor that was replaced
    Then the device does not talk to the WFM with the replaced anchor

  @req:ID-85
  Scenario: A bundle says how soon it is to be refreshed
    Given an identity service from which the device takes its trust
    And it gives a trust bundle that wants to be refreshed soon
    When the device connects with the trust that it was given
    And the device has refreshed that bundle
    Then it refreshes the bundle when the bundle says

  @req:PT-017 @req:ID-83 @needs:factory-reset
  Scenario: A bundle that is missing is asked for again
    Given an identity service from which the device takes its trust
    And it gives a trust bundle that is missing
    When the device is switched on and looks for trust
    Then it asks for the missing bundle again
    And it trusts nobody
    When the identity service gives a trust bundle that is good
    Then the device connects with what the service gave

  @req:ID-86 @needs:reboot
  Scenario: A device that reboots while the identity service is away goes on
    Given an identity service from which the device takes its trust
    When the device connects with the trust that it was given
    And the identity service goes away and the device reboots
    Then it goes on with the bundle that it had stored

  @req:ID-77 @needs:factory-reset
  Scenario: Trust material of another trust domain is not used
    Given an identity service from which the device takes its trust
    And it gives a discovery document of another trust domain
    When the device is switched on and looks for trust
    Then it takes no trust from another trust domain
    When the identity service gives a discovery document that is good
    Then the device connects with what the service gave

  @req:ID-88 @needs:configure
  Scenario: A pinned service may be known by its address alone
    Given an identity service with a pinned key, known by its address
    When the device connects with the trust that it was given
    Then the device connects, since the key is the pinned one

  @req:ID-87 @req:ID-89 @req:ID-90 @needs:factory-reset @needs:configure
  Scenario: A service with another key than the pinned one gives no trust
    Given an identity service with another key than the pinned one, known by its address
    When the device is switched on and looks for trust
    Then it takes no trust from a service without proof
    When the device is told the pin of the key that the service has
    Then the device connects with what the service gave

  @req:PT-015
  Scenario: Without a discovery document the address that the operator gave is used
    Given an identity service with no discovery document, whose bundle the device knows where to find
    When the device connects with the trust that it was given
    Then it found the bundle where the operator said
