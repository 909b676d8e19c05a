@device @until:1.0.0-rc.2-signed
Feature: Onboarding
  A device makes itself known by its certificate once, and is that client from then on.

  @req:ONB-001 @req:ONB-002 @req:ONB-005 @req:ONB-007 @req:ONB-008 @req:ONB-009 @req:API-012 @req:API-013
  @needs:factory-reset
  Scenario: A device that was never here onboards, and then says what it is
    Given a device that has never been managed
    When the device is switched on
    Then it onboards before anything else, and says what it is next
    And it reports its capabilities before it asks for anything
    And it asks for its desired state again and again

  @req:ONB-001 @needs:factory-reset
  Scenario Outline: A device that cannot onboard asks for nothing, and tries again
    Given a device that has never been managed
    And onboarding is <trouble>
    When the device is switched on and tries to onboard
    Then it asks for nothing while it is not onboarded
    When onboarding is possible after all
    Then it reports its capabilities before it asks for anything
    When the WFM publishes "primary" release 1
    Then the device installs "primary" and reports it

    Examples:
      | trouble                                             |
      | refused, since the client is rejected               |
      | refused, since the certificate is said to be invalid |
      | not possible just then                              |
      | answered without an id                              |

  @req:ONB-001 @req:DS-075 @behaviour:RB-01 @needs:reboot
  Scenario: A device that reboots is the client that it was
    Given the device runs "primary" release 1
    When the device reboots
    Then it says at once which desired state it had
    And it is the same client as before, and does not onboard anew
    And it runs "primary" on as before

  @req:ONB-001 @behaviour:FB-06 @needs:factory-reset
  Scenario: A device that is reset onboards as a new one
    Given the device runs "primary" release 1
    When the device is reset to its state of delivery
    Then it onboards again, as a device that is new
    And what it remembers of before is as its supplier declares
    When the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it

  @req:CERT-001 @req:ONB-004 @req:API-004 @req:API-005 @feature:certificate-api @needs:factory-reset
  Scenario Outline: A device that fetches the root certificate trusts by it, however it is written
    Given a device that has never been managed
    And the WFM gives the root certificate of another authority as <encoding>
    When the device is switched on and fetches the root certificate
    And the WFM comes with a certificate of the authority that it gave
    Then it fetched the root certificate before it onboarded
    And the device trusts the authority that it was given

    Examples:
      | encoding   |
      | a PEM file |
      | DER        |

  @req:DS-039 @req:ONB-001
  Scenario: A WFM that does not know its client any more gives no order
    Given the device runs "primary" release 1
    When the WFM does not know the client any more
    Then the device leaves "primary" alone
    When the WFM knows the client again
    And the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it
