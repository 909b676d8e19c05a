@device @feature:trust-retrieval @needs:trust-service
Feature: Trust
  A device that fetches its trust from an identity service takes it only where it was told to, and never adds it up.

  @req:ID-82 @req:PT-016
  Scenario: Without a usable bundle nobody is trusted
    Given an identity service from which the device takes its trust
    And it gives a trust bundle that is empty
    When the device is switched on and looks for trust
    Then it trusts nobody
    When the identity service gives a trust bundle that is good
    Then the device connects with what the service gave

  @req:ID-81 @req:ID-82
  Scenario: Keys for another use are no anchors
    Given an identity service from which the device takes its trust
    And it gives a trust bundle of keys for another use
    When the device is switched on and looks for trust
    Then it takes no anchor from keys for another use
    When the identity service gives a trust bundle that is good
    Then the device connects with what the service gave

  @req:ID-76 @req:ID-81 @req:ID-92
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

  @req:ID-78
  Scenario: A bundle at a plain address is not fetched
    Given an identity service from which the device takes its trust
    And it gives a discovery document with a plain address of the bundle
    When the device is switched on and looks for trust
    Then it takes no trust from a plain address
    When the identity service gives a discovery document that is good
    Then the device connects with what the service gave

  @req:ID-79
  Scenario: A bundle at an origin without proof is not used
    Given an identity service from which the device takes its trust
    And it gives a discovery document with the bundle at an origin without proof
    When the device is switched on and looks for trust
    Then it takes no trust from an origin without proof
    When the identity service gives a discovery document that is good
    Then the device connects with what the service gave

  @req:ID-87 @req:ID-89 @req:ID-90
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
