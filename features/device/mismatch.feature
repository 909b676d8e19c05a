@device
Feature: Mismatch
  What somebody changes on the device behind its back is set right or told, as the supplier declares.

  @behaviour:MM-01 @needs:tamper
  Scenario Outline: A workload that was <changed> behind the device's back
    Given the device runs "<role>" release 1
    When somebody <does> "<role>" on the device
    Then the device deals with it as its supplier declares

    Examples:
      | changed | does    | role    |
      | stopped | stops   | chart   |
      | stopped | stops   | archive |
      | removed | removes | chart   |
      | removed | removes | archive |

  @behaviour:MM-02 @needs:tamper @needs:inspect
  Scenario Outline: A configuration that was edited by hand
    Given the device runs "<role>" release 1
    When somebody edits the configuration of "<role>" on the device
    Then the device deals with the edited "<role>" as its supplier declares
    When the WFM publishes "<role>" release 2
    Then the device installs "<role>" and reports it

    Examples:
      | role    |
      | chart   |
      | archive |

  @behaviour:MM-03 @req:DS-039 @needs:tamper
  Scenario: A workload that nobody ordered
    Given the device runs "primary" release 1
    When somebody starts a workload of their own on the device
    Then the device deals with the foreign workload as its supplier declares
    And the device leaves "primary" alone

  @behaviour:MM-06 @req:ST-023 @needs:tamper
  Scenario Outline: A device whose stored state was <spoiled> finds back
    Given the device runs 2 applications
    When somebody <does> what the device has stored, and it reboots
    Then the device comes back to "primary" and reports it truthfully
    When the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it
    And the device leaves "secondary" alone

    Examples:
      | spoiled | does    |
      | lost    | erases  |
      | damaged | damages |
