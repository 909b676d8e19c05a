@device
Feature: Outages
  Networks fail and come back. What the device does meanwhile is what its supplier declares; afterwards it catches up.

  @behaviour:RB-09 @behaviour:FB-03 @req:DT-001 @needs:network
  Scenario Outline: A device whose connections <trouble> tries again as its supplier declares
    Given a device that is managed by the WFM, and asks now and then
    When its connections <trouble>
    Then it tries again as its supplier declares
    When its connections are well again
    Then the device asks for its desired state again

    Examples:
      | trouble                 |
      | are reset               |
      | break before the answer |
      | bring no answer in time |

  @behaviour:FB-03 @behaviour:RB-09 @req:DC-002 @needs:factory-reset @needs:network
  Scenario: A device that reaches nobody at first boot tries as its supplier declares
    Given a device that has never been managed
    When it is switched on while its connections are reset
    Then it tries again as its supplier declares
    When its connections are well again
    Then it reports its capabilities before it asks for anything

  @behaviour:RB-06 @needs:fault @needs:network
  Scenario: What happened during an outage is told as the supplier declares
    Given the device runs "multipart" release 1
    When the network is cut while "multipart" is being updated to release 2
    And the network is restored
    Then what happened to "multipart" meanwhile is told as the supplier declares

  @behaviour:RB-07 @req:DS-072 @needs:network
  Scenario: Workloads run on through an outage, or stop, as the supplier declares
    Given the device runs "primary" release 1
    When the network is cut for longer than workloads may run without a WFM
    Then what runs meanwhile is as the supplier declares
    When the network is restored
    Then "primary" runs on the device again

  @behaviour:RB-05 @behaviour:RB-12 @req:ID-39 @needs:network @needs:identity @since:1.0.0-rc.3
  Scenario: A credential that is renewed during an outage is the one that is used
    Given the device runs "primary" release 1
    When the network is cut
    And the device gets a new credential
    And the WFM publishes "primary" release 2
    And the network is restored
    Then the device comes with its new credential
    And the device reaches "primary" release 2 by itself

  @behaviour:RB-12 @needs:network @needs:identity @since:1.0.0-rc.3
  Scenario: A credential that expires during an outage opens nothing, until there is a new one
    Given the device runs "primary" release 1
    When the credential of the device expires
    And the device gets a new credential
    Then the expired credential opened nothing, and the device is back
    And the device leaves "primary" alone
